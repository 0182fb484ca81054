internal import Spanner
internal import Synchronization

/// Partitions that no link leads to: what is for them is kept at once, and nobody waits for an answer that cannot come.
/// One request a second still tries, since links are not all there is.
final class SilentPartitions: Sendable {
    /// Time between two requests that try.
    static let interval: Duration = .seconds(1)
    /// After a start links have to be made first.
    static let grace: Duration = .seconds(10)

    private let begun: ContinuousClock.Instant
    private let tried = Mutex<[PartitionName: ContinuousClock.Instant]>([:])

    /// Nothing was tried yet.
    init(begun: ContinuousClock.Instant = .now) { self.begun = begun }

    /// Whether a request for a partition without a link is not to try to reach it.
    func passesOver(_ partition: PartitionName, at now: ContinuousClock.Instant = .now) -> Bool {
        guard now - begun >= SilentPartitions.grace else { return false }
        return tried.withLock { tried in
            if let last = tried[partition], now - last < SilentPartitions.interval { return true }
            tried[partition] = now
            return false
        }
    }
}
