/// Bounds of a handoff: of what is on its way, of what is kept, and of how often something is tried.
public enum HandoffLimits {
    /// Bytes of one piece of a slice: the largest result, or the largest traits, with what names them.
    public static let pieceBytesMax = 288 * 1024
    /// Bytes of pieces that a target takes in one life of its machine: a source that sends without end fills no disk.
    public static let stagedBytesMax: UInt64 = 16 << 30
    /// Pieces on their way before one is acknowledged.
    public static let piecesInFlightMax = 32
    /// Places of the source's journal that a target remembers, one for each epoch, to find a fork.
    public static let marksMax = 64
    /// Seals of one handoff: a target that never comes up in time is given up with the next.
    public static let sealsMax = 16
    /// Times that both digests may differ before the handoff is given up.
    public static let mismatchesMax = 3
    /// Reasons that a target names when it refuses.
    public static let blockersMax = 64
    /// Bytes of one such reason, and of the reason of a cancellation.
    public static let reasonBytesMax = 512
    /// Slices that one partition may have in flight, whatever a budget says.
    public static let slicesInFlightMax = 256
    /// Slices that one partition handed on and that are not served, or not removed here, yet: beyond that none begins.
    public static let slicesLeavingMax = 256
    /// Slices on their way from one partition to another that nobody serves at once: more would wait for each other's
    /// last steps there, and each pause would be as long as all of them.
    public static let slicesUnservedMax = 8
    /// Bytes of them, but for the last.
    public static let unservedBytesMax: UInt64 = 1 << 20
    /// Handoffs of a slice that are over, and followed by a later one, that a partition keeps.
    public static let finishedPerSliceMax = 4
    /// Tasks that are over that their driver keeps, the newest.
    public static let finishedTasksMax = 64
    /// Moves of one rebalance task.
    public static let movesMax = 65_536
    /// Attempts at one move of a task before it counts as stuck and waits for an operator.
    public static let attemptsMax = 8
}

/// How one side of a handoff behaves in time.
public struct HandoffSettings: Hashable, Sendable {
    /// After how long without progress the other side is asked again.
    public var retry: Duration = .seconds(1)
    /// How long a slice may stay sealed before the source takes it back and goes on streaming.
    public var sealTimeout: Duration = .seconds(2)
    /// Bytes on their way at which a source seals: so many are left to be sent while nobody acknowledges.
    public var sealLagBytes = 64 * 1024
    /// Records of the source's journal not yet read at which it seals.
    public var sealLagRecords: UInt64 = 64

    /// The defaults.
    public init() {}
}
