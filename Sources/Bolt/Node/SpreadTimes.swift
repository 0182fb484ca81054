internal import CRDT
internal import Spanner

/// How long the latest changes written here took to become durable at other bolts, as they said so: for receipts.
struct SpreadTimes {
    /// Changes that are followed.
    static let dotsMax = 64

    private struct Followed {
        var since: ContinuousClock.Instant
        var own: Double
        var held: [PrincipalID: Double] = [:]
    }

    private var followed: [Dot: Followed] = [:]
    private var order: [Dot] = []

    /// Follows a change that was asked for then and is durable here now.
    mutating func follow(_ dot: Dot, since: ContinuousClock.Instant) {
        if followed[dot] == nil { order.append(dot) }
        followed[dot] = Followed(since: since, own: SpreadTimes.milliseconds(since))
        if order.count > SpreadTimes.dotsMax { followed[order.removeFirst()] = nil }
    }

    /// Somebody said what it holds: notes who holds what is followed.
    mutating func note(_ holders: (Dot) -> [PrincipalID]) {
        for dot in order {
            guard var entry = followed[dot] else { continue }
            let known = holders(dot)
            guard known.count > entry.held.count else { continue }
            for bolt in known where entry.held[bolt] == nil { entry.held[bolt] = SpreadTimes.milliseconds(entry.since) }
            followed[dot] = entry
        }
    }

    /// Milliseconds until a bolt held it; nil where that was not seen, as after a restart.
    func milliseconds(_ dot: Dot, at bolt: PrincipalID, isSelf: Bool) -> Double? {
        guard let entry = followed[dot] else { return nil }
        return isSelf ? entry.own : entry.held[bolt]
    }

    private static func milliseconds(_ since: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = (ContinuousClock.now - since).components
        return Double(seconds) * 1000 + Double(attoseconds) / 1e15
    }
}
