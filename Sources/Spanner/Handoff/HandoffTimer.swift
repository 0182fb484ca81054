/// A timer that a side of a handoff asked for. A machine ignores all but the last of each kind.
public struct HandoffTimer: Hashable, Sendable {
    /// What for.
    public enum Kind: UInt8, Hashable, Sendable {
        /// Ask the other side again.
        case retry
        /// The seal has stood for too long.
        case seal
    }

    /// What for.
    public let kind: Kind
    /// Counts the timers of one machine.
    public let number: UInt64
}
