/// Where one machine is in a roll-out.
public enum RolloutPlace: UInt8, Sendable, CaseIterable {
    /// It has the version before, and waits.
    case waiting = 1
    /// It was given the version, and nothing was heard of how that went.
    case given = 2
    /// A pass under the version succeeded.
    case succeeded = 3
    /// The last pass under the version failed.
    case failed = 4
    /// It was given the version, and was not heard of for too long: it holds up nobody, and does not stand.
    case silent = 5
}

/// What a roll-out does.
public enum RolloutState: UInt8, Sendable, CaseIterable {
    /// It gives the version to those that wait, as its policy lets it.
    case running = 1
    /// An operator holds it.
    case paused = 2
    /// More machines failed than may: it waits for an operator.
    case halted = 3
    /// An operator ended it: who waits keeps the version before until there is another one.
    case aborted = 4
    /// Nobody waits, and of everybody who was given the version something was heard, or too long nothing.
    case finished = 5
}

/// A roll-out in numbers.
public struct RolloutStatus: Hashable, Sendable {
    /// What it does.
    public var state: RolloutState
    /// All machines of the partition, those included whose leaf did not change.
    public var machines: UInt64
    /// Machines by where they are.
    public var waiting: UInt64 = 0
    /// Given, and not heard of since.
    public var given: UInt64 = 0
    /// Succeeded.
    public var succeeded: UInt64 = 0
    /// Failed.
    public var failed: UInt64 = 0
    /// Given, and too long not heard of.
    public var silent: UInt64 = 0
    /// Why somebody waits though it runs: at it are as many as may be, or too few would stand. Nil where nobody does.
    public var reason: String?
}
