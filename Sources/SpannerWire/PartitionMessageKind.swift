/// Numbers of the partition plane's messages on the wire. A number is never used for anything else.
public enum PartitionMessageKind: UInt64, Sendable, CaseIterable {
    /// Opening words.
    case hello = 32
    /// Records.
    case append = 33
    /// How far the sender's disk is.
    case durable = 34
    /// Records did not follow.
    case mismatch = 35
    /// Drop what comes after.
    case cut = 36
    /// A snapshot is announced.
    case snapshot = 37
    /// A piece of it.
    case snapshotPiece = 38
    /// What do you hold?
    case survey = 39
    /// The answer.
    case surveyed = 40
    /// Promise an epoch.
    case promiseMe = 41
    /// Promised.
    case promised = 42
    /// Not promised.
    case declined = 43
    /// Send records.
    case fetch = 44
    /// Records asked for.
    case fetched = 45
    /// Count this disk.
    case acquaint = 46
    /// Counted.
    case acquainted = 47
    /// Begin your epoch.
    case takeOver = 48
}
