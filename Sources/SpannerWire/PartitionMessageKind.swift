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
    /// From the source of a handoff to its target.
    case handoff = 39
    /// From the target to the source.
    case handoffReply = 40
    /// From whoever drives a task to the source of a handoff.
    case sliceOrder = 41
    /// How a handoff stands, to whoever drives its task.
    case sliceReport = 42
    /// What a partition's primary says of its slices.
    case sliceCensus = 43
    /// What is left of an envoy where its slice was taken over, to the owner.
    case sliceRemains = 44
    /// What the owner made of it.
    case sliceRemainsTaken = 45
}
