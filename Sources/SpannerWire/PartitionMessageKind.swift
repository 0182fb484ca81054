/// Numbers of the partition plane's frames on the wire. A number is never used for anything else.
public enum PartitionMessageKind: UInt64, Sendable, CaseIterable {
    /// A message of replication; its body says which.
    case message = 32
    /// A piece of a snapshot.
    case snapshotPiece = 33
}
