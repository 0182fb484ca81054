internal import Spanner

/// Links that were closed lately because their bolt says it is another than the roster admits for its key: for alarms.
struct LinkMismatches {
    /// How long one is told after it was last seen. Bolts dial again within seconds, so one that goes on stays told.
    static let toldFor: Duration = .seconds(60)
    /// Most that are remembered.
    static let countMax = 16

    /// One of them.
    struct Entry {
        /// What its certificate calls it, `name.partition`.
        var name: String
        /// Where it is.
        var remote: String
        fileprivate var last: ContinuousClock.Instant
    }

    private var entries: [KeyFingerprint: Entry] = [:]

    /// One more of this key's.
    mutating func note(_ key: KeyFingerprint, name: String, remote: String, at now: ContinuousClock.Instant = .now) {
        entries = entries.filter { now - $0.value.last < LinkMismatches.toldFor }
        guard entries[key] != nil || entries.count < LinkMismatches.countMax else { return }
        entries[key] = Entry(name: name, remote: remote, last: now)
    }

    /// The bolt of this key is spoken with: it is who it should be.
    mutating func clear(_ key: KeyFingerprint) { entries[key] = nil }

    /// Those that are to be told, in order of their names.
    func current(at now: ContinuousClock.Instant = .now) -> [Entry] {
        entries.values.filter { now - $0.last < LinkMismatches.toldFor }
            .sorted { ($0.name, $0.remote) < ($1.name, $1.remote) }
    }
}
