internal import BoltAPI

/// Bounds of what an agent does at a time.
enum EnvoyLimits {
    /// Results in one report.
    static let batchItemsMax = APILimits.checkInResultsMax
    /// Bytes of results in one report, before base64 makes them a third larger; leaves room for the traits.
    static let batchBytesMax = 512 * 1024
    /// Reports of one pass: more than a full queue needs.
    static let passReportsMax = 1_000
    /// Bolts asked in vain that a pass tells of.
    static let attemptsMax = 64
    /// Identities in one simulation.
    static let simulatedMax = 20_000
}
