internal import Spanner

/// Bounds of everything that the store keeps or does at once.
public enum StoreLimits {
    /// Pages of write-ahead log at which `checkpointIfNeeded` copies them back: 4 MiB at 4 KiB a page.
    public static let checkpointPages: Int32 = 4096
    /// Pages of write-ahead log at which a commit itself copies them back, should nobody else have: 64 MiB.
    public static let walPagesMax: Int32 = 16 * 1024
    /// Page cache of one database.
    public static let cacheKiB = 4096
    /// Prepared statements kept; the texts are all our own and fewer.
    public static let statementsMax = 256
    /// Runs in one append.
    public static let runsPerAppendMax = 4096
    /// Bytes that one read of runs may ask for.
    public static let readBytesMax = 16 * 1024 * 1024
    /// Runs kept for an operator to look at; the oldest goes first.
    public static let quarantineMax = 1024
    /// Bytes kept of each of them.
    public static let quarantineBytesMax = 16 * 1024
    /// Bytes of a value under a name.
    public static let metaBytesMax = 1024 * 1024
    /// Bytes of such a name.
    public static let metaKeyBytesMax = 128
    /// Bytes of one result.
    public static let resultBytesMax = 256 * 1024
    /// Results in one append.
    public static let resultsPerAppendMax = 4096
    /// Queue incarnations that one envoy may open at its owner. Each life of a queue is one: a copied or restored disk,
    /// a machine set up anew under the old identity.
    public static let queuesPerEnvoyMax = 256
    /// Bytes of an envoy's traits.
    public static let traitsBytesMax = 256 * 1024
    /// Bytes that are kept for other partitions' envoys where nothing else is set.
    public static let custodyBytesMax: UInt64 = 256 * 1024 * 1024
    /// Bytes of them that are one envoy's at most.
    public static let custodyEnvoyBytesMax: UInt64 = 4 * 1024 * 1024
    /// Results, and bytes of results, that are brought to their owner at once.
    public static let (custodyBatchMax, custodyBatchBytesMax) = (500, 384 * 1024)
    /// Rows that one listing returns.
    public static let pageMax = 1000
    /// Results that an envoy's queue holds where nothing else is set.
    public static let queueItemsDefault = 100_000
    /// Bytes of results that an envoy's queue holds where nothing else is set.
    public static let queueBytesDefault = 64 * 1024 * 1024
    /// Bytes kept free on a full disk for what must still be written, such as a ban.
    public static let reserveBytesDefault = 64 * 1024 * 1024
    /// Bytes that must be free beside the reserve before it is taken back.
    public static let roomBesideReserve = 8 * 1024 * 1024
    /// Records in one transaction of a partition.
    public static let recordsPerCommitMax = PartitionLimits.writeRecordsMax
    /// Bytes of what is kept as salvage: bodies, lines and, for each, `salvageRowBytes`.
    public static let salvageBytesMax = 256 * 1024 * 1024
    /// Bytes that a salvaged command is taken to cost beside its body and its line.
    public static let salvageRowBytes = 256
    /// Characters of the line that says what a salvaged command was.
    public static let salvageTextMax = 200
    /// Records that one call of compaction drops.
    public static let compactionRecordsMax = 1024
    /// Pages of a snapshot that one step copies: 4 MiB.
    public static let snapshotStepPages: Int32 = 1024
    /// Snapshots of one partition that are kept at once, for as many standbys.
    public static let snapshotsMax = 4
    /// Bytes of a snapshot.
    public static let snapshotBytesMax: UInt64 = 1 << 40
    /// Rows that one step of a scrub reads where nothing else is asked for.
    public static let scrubRowsDefault = 512
    /// Pushes of which a partition keeps records.
    public static let policyPushesMax = 64
    /// Bytes that are kept of other partitions' policy, to cover them, where nothing else is set.
    public static let coverBytesMax: UInt64 = 256 * 1024 * 1024
    /// Bytes of the incarnation and lock files.
    static let smallFileBytesMax = 4096
}
