internal import CRDT
internal import Spanner

/// Standbys that are out of sync with a living primary and whose copy does not move: one that catches up is not among
/// them, one that never will is after a while, whatever the cause.
struct StandbyStillness {
    /// How long a copy may stand still before that is told: longer than any pause of one that catches up.
    static let patience: Duration = .seconds(30)
    /// Time between looks.
    static let interval: Duration = .seconds(2)

    private var entries: [ReplicaID: (position: UInt64, since: ContinuousClock.Instant)] = [:]
    private var looked: ContinuousClock.Instant?

    /// Whether it is time for a look.
    func isDue(at now: ContinuousClock.Instant) -> Bool { looked.map { now - $0 >= StandbyStillness.interval } ?? true }

    /// Takes in what the bolts of each partition say that are heard.
    mutating func look(at partitions: some Sequence<[PartitionStanding]>, at now: ContinuousClock.Instant) {
        looked = now
        var next: [ReplicaID: (position: UInt64, since: ContinuousClock.Instant)] = [:]
        for standings in partitions {
            guard let primary = standings.filter(\.reigns).max(by: { $0.epoch < $1.epoch }) else { continue }
            let inSync = Set(primary.members.filter(\.isInSync).map(\.disk))
            for standing in standings where standing.role == .standby || standing.role == .waiting {
                guard !inSync.contains(standing.disk) else { continue }
                let position = standing.tip.position
                if let known = entries[standing.disk], known.position == position {
                    next[standing.disk] = known
                } else {
                    next[standing.disk] = (position, now)
                }
            }
        }
        entries = next
    }

    /// For how long a disk's copy has stood still; nil where it moves, is in sync, or stands for less than `patience`.
    func seconds(of disk: ReplicaID, at now: ContinuousClock.Instant) -> Double? {
        guard let entry = entries[disk], now - entry.since >= StandbyStillness.patience else { return nil }
        return NodeViews.seconds(now - entry.since)
    }
}
