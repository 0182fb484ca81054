internal import CRDT
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerTransport

/// Two processes that run with one bolt's identity, each over a state folder of its own: for alarms, never for safety.
///
/// A bolt's opening words name the life of its database. One that starts anew over another folder says another life
/// once; of two that run at once a life that was followed by another speaks again, and again. Seen here only: nothing
/// is closed or refused because of it.
struct IdentityTwins {
    /// How long turns are remembered.
    static let window: Duration = .seconds(300)
    /// Times that an earlier life came back within that: somebody who swaps folders by hand does it less often.
    static let returnsMin = 3
    /// Time between two that count: words that were on their way when their process ended come in a burst.
    static let returnsApart: Duration = .seconds(2)
    /// Identities that are followed, and lives of each.
    static let keysMax = 64
    static let livesMax = 4

    /// Two that were seen.
    struct Pair: Equatable {
        /// What their certificate calls them, `name.partition`.
        let name: String
        /// Where each was seen last, the latest first.
        let remotes: [String]
    }

    private struct Seen {
        var name: String
        /// The life that spoke last is the last.
        var lives: [(life: ReplicaID, remote: String, at: ContinuousClock.Instant)] = []
        var returns: [ContinuousClock.Instant] = []
        var isTold = false
    }

    private var seen: [KeyFingerprint: Seen] = [:]

    /// Whether several lives of this identity spoke lately.
    func isContested(_ key: KeyFingerprint) -> Bool { (seen[key]?.lives.count ?? 0) > 1 }

    /// A bolt spoke, on a link that it opened by naming its database's life. Gives the pair where it is plain now and
    /// was not before.
    mutating func hear(
        _ key: KeyFingerprint, name: String, life: ReplicaID, remote: String, at now: ContinuousClock.Instant = .now
    ) -> Pair? {
        if seen[key] == nil, seen.count >= IdentityTwins.keysMax {
            seen = seen.filter { $0.value.lives.contains { now - $0.at < IdentityTwins.window } }
            guard seen.count < IdentityTwins.keysMax else { return nil }
        }
        var entry = seen[key] ?? Seen(name: name)
        entry.name = name
        entry.lives.removeAll { now - $0.at >= IdentityTwins.window && $0.life != life }
        entry.returns.removeAll { now - $0 >= IdentityTwins.window }
        if let index = entry.lives.firstIndex(where: { $0.life == life }) {
            let isApart = entry.returns.last.map { now - $0 >= IdentityTwins.returnsApart } ?? true
            if index != entry.lives.count - 1, isApart { entry.returns.append(now) }
            entry.lives.remove(at: index)
        } else if entry.lives.count >= IdentityTwins.livesMax {
            entry.lives.removeFirst()
        }
        entry.lives.append((life, remote, now))
        entry.returns = entry.returns.suffix(IdentityTwins.returnsMin)
        let pair = IdentityTwins.pair(entry, at: now)
        let isNew = pair != nil && !entry.isTold
        entry.isTold = pair != nil
        seen[key] = entry
        return isNew ? pair : nil
    }

    /// Those that are to be told, in order of their names.
    func current(at now: ContinuousClock.Instant = .now) -> [Pair] {
        seen.values.compactMap { IdentityTwins.pair($0, at: now) }.sorted { $0.name < $1.name }
    }

    private static func pair(_ entry: Seen, at now: ContinuousClock.Instant) -> Pair? {
        let recent = entry.returns.count { now - $0 < window }
        guard recent >= returnsMin, entry.lives.count > 1 else { return nil }
        return Pair(name: entry.name, remotes: entry.lives.suffix(2).reversed().map(\.remote))
    }
}

extension NodeService {
    /// A word of a peer, its opening words or any other: it may be one of two with its identity.
    func meet(_ message: GossipMessage, on id: LinkID) {
        guard let link = links[id], case .bolt(let partition, let bolt) = link.peer.verified.role else { return }
        if case .hello(let hello) = message {
            linkLives[id] = hello.replica
        } else if !twins.isContested(link.peer.tlsKey) {
            return
        }
        guard let life = linkLives[id] else { return }
        let name = "\(bolt).\(partition)"
        guard let pair = twins.hear(link.peer.tlsKey, name: name, life: life, remote: link.remote) else { return }
        logger.critical(
            "two processes run with the identity of one bolt",
            metadata: [
                LogKeys.peer: "\(link.peer.verified.id)", LogKeys.remote: "\(pair.remotes.joined(separator: ", "))",
            ])
    }
}
