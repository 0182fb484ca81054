/// Bounds of everything that the store keeps or does at once.
public enum StoreLimits {
    /// Pages of write-ahead log at which `checkpointIfNeeded` copies them back: 4 MiB at 4 KiB a page.
    public static let checkpointPages: Int32 = 1024
    /// Pages of write-ahead log at which a commit itself copies them back, should nobody else have: 64 MiB.
    public static let walPagesMax: Int32 = 16 * 1024
    /// Page cache of one database.
    public static let cacheKiB = 4096
    /// Prepared statements kept; the texts are all our own and fewer.
    public static let statementsMax = 128
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
    /// Bytes of an envoy's traits.
    public static let traitsBytesMax = 256 * 1024
    /// Rows that one listing returns.
    public static let pageMax = 1000
    /// Results that an envoy's queue holds where nothing else is set.
    public static let queueItemsDefault = 100_000
    /// Bytes of results that an envoy's queue holds where nothing else is set.
    public static let queueBytesDefault = 64 * 1024 * 1024
    /// Bytes kept free on a full disk for what must still be written, such as a ban.
    public static let reserveBytesDefault = 64 * 1024 * 1024
    /// Bytes of the incarnation and lock files.
    static let smallFileBytesMax = 4096
}
