import CRDT
public import Spanner

/// Why a slice is where it is: `GET /v1/slices/{group}/{slice}`.
public struct SliceResponse: Hashable, Sendable, Codable {
    /// Who answers, `name.partition`.
    public var bolt: String
    /// The slice.
    public var slice: SliceView
    /// Its first owner, by the apply that created the group.
    public var firstOwner: PartitionName
    /// The transitions that count, in order; the latest `APILimits.transitionsShown` of them.
    public var path: [SliceTransitionView]
    /// Transitions that lost; the latest `APILimits.transitionsShown`.
    public var losers: [SliceLoserView]
    /// Keys that handed one register on twice.
    public var equivocations: [SliceEquivocationView]
    /// Transitions that nothing reaches: what comes before them has not arrived, or they are void.
    public var inert: Int
    /// What should be done with it.
    public var decision: SliceDecisionView
    /// All partitions, and what keeps each from owning it.
    public var verdicts: [SliceVerdictView]
    /// Age and completeness.
    public var freshness: Freshness

    /// Why a slice is where it is, from the walk of its register and the planner's word.
    public init(
        bolt: String, slice: SliceView, walk: SliceWalk, explanation: SliceExplanation, freshness: Freshness
    ) {
        (self.bolt, self.slice, firstOwner) = (bolt, slice, walk.genesis.owner)
        path = walk.path.suffix(APILimits.transitionsShown).map {
            SliceTransitionView($0.transition, register: $0.register.hash)
        }
        losers = walk.losers.suffix(APILimits.transitionsShown).map { SliceLoserView($0) }
        equivocations = walk.equivocations.map { SliceEquivocationView($0) }
        inert = walk.inert.count
        decision = SliceDecisionView(explanation.decision)
        verdicts = explanation.verdicts.map { SliceVerdictView($0) }
        self.freshness = freshness
    }

    enum CodingKeys: String, CodingKey {
        case bolt, slice, path, losers, equivocations, inert, decision, verdicts, freshness
        case firstOwner = "first_owner"
    }
}

/// What should be done with a slice.
public struct SliceDecisionView: Hashable, Sendable, Codable {
    /// Which it is.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The next plan moves it.
        case moves
        /// A running handoff takes it elsewhere.
        case moving
        /// It has to leave its owner, and cannot.
        case stuck
        /// It stays.
        case stays
    }

    /// Which it is.
    public var kind: Kind
    /// Where it goes.
    public var to: PartitionName?
    /// Why, in words.
    public var why: String

    /// The planner's decision.
    public init(_ decision: SliceExplanation.Decision) {
        switch decision {
        case .moves(let to, let why): (kind, self.to, self.why) = (.moves, to, why.description)
        case .isMoving(let to): (kind, self.to, why) = (.moving, to, "a running handoff takes it there")
        case .isStuck:
            (kind, to) = (.stuck, nil)
            why = "it has to leave its owner, and nobody can take it, or its owner cannot hand it on"
        case .stays:
            (kind, to) = (.stays, nil)
            why = "every partition is within tolerance, or moving it brings none nearer"
        }
    }
}

/// What one partition is to a slice.
public struct SliceVerdictView: Hashable, Sendable, Codable {
    /// One thing that keeps it from owning the slice.
    public struct Refusal: Hashable, Sendable, Codable {
        /// Stable kind, as `RebalanceRefusal.code` has it.
        public var reason: String
        /// What is the matter.
        public var what: String
        /// What would make it possible.
        public var next: String

        /// A refusal of the planner.
        public init(_ refusal: RebalanceRefusal) {
            (reason, what, next) = (refusal.code, refusal.description, refusal.remedy)
        }
    }

    /// Which partition.
    public var partition: PartitionName
    /// Whether it owns the slice.
    public var isOwner: Bool
    /// All that keeps it from owning the slice; none for one that could.
    public var refusals: [Refusal]
    /// Load by which all partitions together would come nearer to their shares if the slice moved there; below 0
    /// where they would be farther away.
    public var gain: Int

    /// The planner's verdict.
    public init(_ verdict: SliceExplanation.Verdict) {
        (partition, isOwner, gain) = (verdict.partition, verdict.isOwner, Int(clamping: verdict.gain))
        refusals = verdict.refusals.map { Refusal($0) }
    }

    enum CodingKeys: String, CodingKey {
        case partition, refusals, gain
        case isOwner = "owner"
    }
}
