/// Numbers of the partition plane's frames on the wire. A number is never used for anything else.
public enum PartitionMessageKind: UInt64, Sendable, CaseIterable {
    /// A message of replication; its body says which.
    case message = 32
    /// A piece of a snapshot.
    case snapshotPiece = 33
    /// Which life of its database the speaker has.
    case disk = 34
    /// What the speaker does for its partition.
    case standing = 35
    /// A command that was cut off from the speaker's log, for the primary to write again.
    case replay = 36
    /// What became of it.
    case replayed = 37
    /// The listener's admission has ended: the speaker keeps no link with it.
    case expelled = 38
}
