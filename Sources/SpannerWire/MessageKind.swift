/// Numbers of messages on the wire. A number is never used for anything else, even when its message is gone.
public enum MessageKind: UInt64, Sendable, CaseIterable {
    /// Opening words.
    case hello = 1
    /// What the sender holds.
    case context = 2
    /// What the sender lacks.
    case want = 3
    /// Runs of events.
    case events = 4
    /// What is durable at the sender.
    case durable = 5
    /// What the sender does not take.
    case reject = 6
    /// Sign of life.
    case ping = 7
    /// Proof that a replica told two stories.
    case fork = 8

    /// Kept free for messages that are designed and not spoken in version 1: bitmaps of live dots (16), digests of dot
    /// ranges (17), a dictionary of replicas for one session (19).
    public static let reserved: ClosedRange<UInt64> = 16...31
}
