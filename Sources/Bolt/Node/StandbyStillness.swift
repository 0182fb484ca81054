internal import CRDT
internal import Spanner

/// Standbys that are out of sync with a living primary and whose copy does not move: one that catches up is not among
/// them, one that never will is after a while, whatever the cause. Where the primary's own disk is full that is what is
/// wrong: it can count nobody.
struct StandbyStillness {
    /// How long a copy may stand still before that is told: longer than a pause of one that catches up, among them
    /// that in which a primary makes a snapshot, or a standby checks one.
    static let patience: Duration = .seconds(120)
    /// Time between looks.
    static let interval: Duration = .seconds(2)

    /// How far a copy is: by its log, or by what it says of a snapshot that comes in.
    private struct Entry {
        let position: UInt64
        let reason: String
        let since: ContinuousClock.Instant
    }

    private var entries: [ReplicaID: Entry] = [:]
    private var looked: ContinuousClock.Instant?

    /// Whether it is time for a look.
    func isDue(at now: ContinuousClock.Instant) -> Bool { looked.map { now - $0 >= StandbyStillness.interval } ?? true }

    /// Takes in what the bolts of each partition say that are heard.
    mutating func look(at partitions: some Sequence<[PartitionStanding]>, at now: ContinuousClock.Instant) {
        looked = now
        var next: [ReplicaID: Entry] = [:]
        for standings in partitions {
            guard let primary = standings.filter(\.reigns).max(by: { $0.epoch < $1.epoch }), !primary.isFull else {
                continue
            }
            let inSync = Set(primary.members.filter(\.isInSync).map(\.disk))
            for standing in standings where standing.role == .standby || standing.role == .waiting {
                guard !inSync.contains(standing.disk) else { continue }
                let position = standing.tip.position
                if let known = entries[standing.disk], known.position == position, known.reason == standing.reason {
                    next[standing.disk] = known
                } else {
                    next[standing.disk] = Entry(position: position, reason: standing.reason, since: now)
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
