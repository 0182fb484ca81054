internal import BoltAPI
internal import Spanner

/// Bounds of what an agent does at a time.
enum EnvoyLimits {
    /// Results in one report.
    static let batchItemsMax = APILimits.checkInResultsMax
    /// Bytes of results in one report, before base64 makes them a third larger; leaves room for the traits.
    static let batchBytesMax = 512 * 1024
    /// Reports of one pass: more than a full queue needs.
    static let passReportsMax = 1_000
    /// Bolts of an answer's list that are kept: the first.
    static let boltsMax = BoltList.boltsMax
    /// Bytes of a bolt's address: a host's name, and its port.
    static let addressBytesMax = BoltList.addressBytesMax
    /// Bolts that an answer names which its owner did not sign for: asked after all others, and not kept.
    static let unprovedBoltsMax = 16
    /// Bytes of the bolts' addresses that are noted for `status`: what it reads is small.
    static let notedAddressBytesMax = 16 * 1024
    /// Bolts asked in vain that a pass tells of.
    static let attemptsMax = 64
    /// Passes in one round, where each report of one brings another policy.
    static let passesInARowMax = 3
    /// Bolts beside the one that gave a grant that are asked for what it names.
    static let bodyOthersMax = 2
    /// A bolt that answers a wait sooner, with nothing new, is not waited for again until the next report.
    static let waitMin: Duration = .seconds(1)
    /// Records that wait in memory while the disk is full.
    static let unkeptMax = 64
    /// A pass that takes longer than this, and than so many times the time between passes, is warned of.
    static let passLong: Duration = .seconds(600)
    static let passLongIntervals = 10
    /// Identities in one simulation.
    static let simulatedMax = 20_000
}
