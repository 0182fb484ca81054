/// One connection to a peer, for as long as it lives. Given by the shell; never used twice in one life of a process.
public struct LinkID: Hashable, Comparable, Sendable {
    /// The shell's number for it.
    public let raw: UInt64
    /// The link with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: LinkID, right: LinkID) -> Bool { left.raw < right.raw }
}

/// One timer that a machine asked for. A machine ignores ids that it no longer waits for, so shells need not cancel.
public struct TimerID: Hashable, Comparable, Sendable {
    /// The machine's number for it.
    public let raw: UInt64
    /// The timer with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: TimerID, right: TimerID) -> Bool { left.raw < right.raw }
}

/// One transaction that a machine asked for.
public struct BatchID: Hashable, Comparable, Sendable {
    /// The machine's number for it.
    public let raw: UInt64
    /// The batch with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: BatchID, right: BatchID) -> Bool { left.raw < right.raw }
}

/// One read of history that a machine asked for.
public struct LoadID: Hashable, Comparable, Sendable {
    /// The machine's number for it.
    public let raw: UInt64
    /// The read with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: LoadID, right: LoadID) -> Bool { left.raw < right.raw }
}

/// One thing that somebody asked of the machine and waits for. Given by the shell; never used twice in one life of a
/// process.
public struct CommandID: Hashable, Comparable, Sendable {
    /// The shell's number for it.
    public let raw: UInt64
    /// The command with this number.
    public init(_ raw: UInt64) { self.raw = raw }
    /// Older before younger.
    public static func < (left: CommandID, right: CommandID) -> Bool { left.raw < right.raw }
}
