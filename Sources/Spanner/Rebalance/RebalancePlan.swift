/// Which slices should move, why, and why not fewer. A value: the same input gives the same plan everywhere.
public struct RebalancePlan: Hashable, Sendable {
    /// One slice that should change its owner.
    public struct Move: Hashable, Sendable {
        /// Which.
        public let slice: SliceID
        /// Who owns it.
        public let from: PartitionName
        /// Who should.
        public let to: PartitionName
        /// Envoys that follow.
        public let envoys: UInt64
        /// Bytes that a handoff moves, as far as the owner knows.
        public let bytes: UInt64
        /// Why.
        public let why: Why
    }

    /// Why a slice moves.
    public enum Why: Hashable, Sendable {
        /// Its owner is being drained.
        case drain
        /// Its owner leaves the topology.
        case leaving
        /// Its owner has weight 0.
        case weightless
        /// Its owner does not serve its group.
        case notServing
        /// The load of its owner is so much over its share, that of the other one so much under; either may be 0, where
        /// the one makes room for others or the other has room.
        case balance(surplus: UInt64, deficit: UInt64)
    }

    /// One partition before and after.
    public struct Load: Hashable, Sendable {
        /// Which.
        public let partition: PartitionName
        /// Load that its weight gives it.
        public let share: UInt64
        /// Load before: its envoys, an empty slice counted as one.
        public let before: UInt64
        /// Load after.
        public let after: UInt64
        /// Envoys before, those of slices that are on their way to it included.
        public let envoysBefore: UInt64
        /// Envoys after.
        public let envoysAfter: UInt64
        /// Slices before.
        public let slicesBefore: Int
        /// Slices after.
        public let slicesAfter: Int
        /// Why it is not within tolerance afterwards; nil where it is.
        public let miss: Miss?
    }

    /// Why a partition is not brought within tolerance.
    public enum Miss: Hashable, Sendable {
        /// It has too many, and none of its slices can leave: what keeps them is named as a blocker.
        case nothingLeaves
        /// It lacks some, and no slice can come: what keeps them is named as a blocker.
        case nothingComes
        /// It has too many, and nobody that may take its slices has room within its own share.
        case nobodyHasRoom
        /// It lacks some, and nobody whose slices it may take can spare one.
        case nobodyCanSpare
        /// The slices that could move are too heavy: the lightest is so much of a load.
        case tooCoarse(lightest: UInt64)
    }

    /// Something that keeps the plan from doing all that the topology asks for, named before anything starts.
    public struct Blocker: Hashable, Sendable {
        /// Which part it plays.
        public enum Subject: Hashable, Sendable {
            /// It cannot hand on.
            case source(PartitionName)
            /// It cannot take: of that group only, or of any where that is nil.
            case target(PartitionName, GroupID?)
            /// Slices of the group have nowhere to go.
            case group(GroupID)
        }
        /// Whom it concerns.
        public let subject: Subject
        /// What is the matter.
        public let refusal: RebalanceRefusal
        /// Slices that it keeps where they are; 0 where what it keeps away is told as a load alone.
        public let slices: Int
        /// Envoys of these slices.
        public let envoys: UInt64
        /// Load that it keeps from where it should be.
        public let load: UInt64
    }

    /// Why there are not fewer moves.
    public struct Least: Hashable, Sendable {
        /// One reason: what a partition has to send away, or to be sent, before it is within tolerance.
        public struct Need: Hashable, Sendable {
            /// Which partition.
            public let partition: PartitionName
            /// Whether slices have to leave it; otherwise they have to come.
            public let leaves: Bool
            /// Load that has to move at least.
            public let load: UInt64
            /// Slices that takes at least, even if they are the heaviest ones.
            public let slices: Int
        }
        /// Moves that no plan with as good a result can do without.
        public let bound: Int
        /// Whether it is proved that no smaller plan has as good a result: the bound is reached, or all were compared.
        public let isProved: Bool
        /// What the bound adds up from.
        public let needs: [Need]
    }

    /// The moves, those first that have to be made, then the heaviest first.
    public let moves: [Move]
    /// What stands in the way, by partition and group.
    public let blockers: [Blocker]
    /// All partitions, by name.
    public let loads: [Load]
    /// Why not fewer.
    public let least: Least

    /// Whether there is nothing to do and nothing in the way.
    public var isSettled: Bool { moves.isEmpty && blockers.isEmpty }
    /// Envoys that follow their slices to another partition.
    public var movedEnvoys: UInt64 { moves.reduce(0) { $0 &+ $1.envoys } }
    /// Whether every partition is within tolerance afterwards.
    public var isBalanced: Bool { loads.allSatisfy { $0.miss == nil } }
}

extension RebalancePlan.Why: CustomStringConvertible {
    /// One clause, for people.
    public var description: String {
        switch self {
        case .drain: "its owner is drained"
        case .leaving: "its owner leaves the topology"
        case .weightless: "its owner has weight 0"
        case .notServing: "its owner does not serve its group"
        case .balance(0, let deficit): "the target's load is \(deficit) under its share"
        case .balance(let surplus, 0): "its owner's load is \(surplus) over its share"
        case .balance(let surplus, let deficit):
            "its owner's load is \(surplus) over its share, the target's \(deficit) under"
        }
    }
}

extension RebalancePlan.Miss: CustomStringConvertible {
    /// One clause, for people.
    public var description: String {
        switch self {
        case .nothingLeaves: "none of its slices can leave; see what stands in the way"
        case .nothingComes: "no slice can come; see what stands in the way"
        case .nobodyHasRoom: "nobody that may take its slices has room within its own share"
        case .nobodyCanSpare: "nobody whose slices it may take can spare one"
        case .tooCoarse(let lightest): "slices are too heavy: the lightest that could move is a load of \(lightest)"
        }
    }
}
