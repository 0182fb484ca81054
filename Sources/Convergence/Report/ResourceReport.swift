public import Policy

/// Why a resource was passed over.
public enum SkipReason: String, Sendable, Codable, CaseIterable {
    /// A condition of its own says that there is nothing to do.
    case condition
    /// It is run only when it is notified, and it was not.
    case notNotified = "not_notified"
    /// What it requires failed, or was passed over because of that.
    case requirementFailed = "requirement_failed"
    /// What it requires has to wait.
    case requirementWaits = "requirement_waits"
    /// It is disruptive, and those have to wait in this pass.
    case disruptiveWaits = "disruptive_waits"
    /// It was notified, and what notifies it failed too: it is notified again when that is in place.
    case notifierFailed = "notifier_failed"
    /// The pass was to end before its turn.
    case cancelled

    /// Whether the machine is as it should be all the same.
    var isAtRest: Bool { self == .condition || self == .notNotified }
}

/// What became of one resource in a pass. Holds no secret; all texts are bounded and safe to print.
public struct ResourceReport: Sendable {
    /// How it ended.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// As it should be.
        case unchanged
        /// Changed.
        case changed
        /// It would have been changed, had it been no dry run.
        case wouldChange = "would_change"
        /// It failed.
        case failed
        /// Passed over: see `skip`.
        case skipped
        /// It has to be changed and is disruptive: it waits.
        case deferred
    }

    /// Which.
    public var id: ResourceID
    /// How it ended.
    public var outcome: Outcome
    /// How long it took.
    public var durationMicroseconds: UInt64 = 0
    /// Of one that was passed over or deferred: why.
    public var skip: SkipReason?
    /// Of such a one: the condition, or the id of the resource that it waits for.
    public var by: String?
    /// What differed, a few words each; never content.
    public var summary: [String] = []
    /// How the content differed; nil where nothing did, and for a resource that a secret went into.
    public var diff: String?
    /// The end of what its program printed; nil where it printed nothing, and for a resource that a secret went into.
    public var output: String?
    /// Of a failure: its stable kind, as listed in the error catalogue.
    public var code: String?
    /// Of a failure: what was attempted, on what.
    public var what: String?
    /// Of a failure: why.
    public var why: String?
    /// Of a failure: what to do.
    public var next: String?
    /// Whether something that notifies it changed, in this pass or in one that could not finish.
    public var wasNotified = false
    /// Whether the machine may differ from before.
    public var hasChangedState = false

    init(_ id: ResourceID, _ outcome: Outcome) { (self.id, self.outcome) = (id, outcome) }

    /// How long it took, without fractions.
    public var durationMilliseconds: UInt64 { durationMicroseconds / 1_000 }

    /// Why it is not as it should be, in words; nil where nothing is told.
    public var reason: String? {
        if what != nil || why != nil { return [what, why].compactMap { $0 }.joined(separator: ": ") }
        return skip.map { $0.rawValue + (by.map { ": \($0)" } ?? "") }
    }
}
