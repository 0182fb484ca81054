/// Bounds of requests and answers. The server refuses what is over them before it interprets anything.
public enum APILimits {
    /// Bytes of a request's body in general.
    public static let bodyBytesMax = 256 * 1024
    /// Bytes of a check-in's body, which carries results.
    public static let checkInBytesMax = 1024 * 1024
    /// Results in one check-in.
    public static let checkInResultsMax = 1_000
    /// Bytes of one result's body, before base64.
    public static let resultBytesMax = 256 * 1024
    /// Bytes of a traits object, as JSON.
    public static let traitsBytesMax = 128 * 1024
    /// Depth of nested JSON.
    public static let jsonDepthMax = 16
    /// Bytes of a certificate signing request in PEM.
    public static let csrBytesMax = 8 * 1024
    /// Entries of one page of a list.
    public static let pageCountMax = 1_000
    /// Entries of a page where the caller names no limit.
    public static let pageCountDefault = 100
    /// Hops of a forwarded request: from the bolt that was asked to a bolt of the partition, from there to its primary,
    /// and once more after a hand-over.
    public static let forwardHopsMax = 3
    /// Segments and query items that a forwarded request of an operator may have.
    public static let forwardedItemsMax = 16
    /// Uses that one join token may have.
    public static let tokenUsesMax: UInt32 = 1_000_000
    /// Longest life of a join token, in seconds: one year.
    public static let tokenExpiresSecondsMax: UInt64 = 365 * 86_400
    /// Bytes of an answer that a client reads: larger ones are an error, not memory.
    public static let answerBytesMax = 16 * 1024 * 1024
    /// Bytes of a plan that is carried out, with the topology that it leads to, as JSON.
    public static let planBytesMax = 12 * 1024 * 1024
    /// Takeovers of one request.
    public static let takeoversMax = 1_024
    /// Bytes of such a request's body.
    public static let takeoverBytesMax = 2 * 1024 * 1024
    /// Transitions of one slice that an answer shows.
    public static let transitionsShown = 100
    /// Slices that do not get on, of one task, that an answer shows.
    public static let stuckShown = 100
    /// Tasks that an answer shows.
    public static let tasksShown = 100
    /// Seconds that an envoy's request waits for something new.
    public static let policyWaitSecondsMax = 50
    /// Bytes of what a git forge tells.
    public static let webhookBytesMax = 1024 * 1024
    /// Bytes of a stack's files on their way to a bolt, as JSON.
    public static let stackBytesMax = 12 * 1024 * 1024
    /// Faults of a stack that an answer shows.
    public static let stackFaultsShown = 100
    /// Files that a comparison of stacks shows.
    public static let stackDiffFilesShown = 500
    /// Bytes of all differing lines that a comparison of stacks shows.
    public static let stackDiffBytesMax = 2 * 1024 * 1024
    /// Envoys that a push can name one by one.
    public static let pushNamesMax = 1_000
    /// Pushes that an answer shows.
    public static let pushesShown = 20
    /// Envoys that failed, of one roll-out or push, that an answer shows.
    public static let policyFailuresShown = 50
    /// Resources of an envoy's last pass that an answer shows.
    public static let passResourcesShown = 50
}
