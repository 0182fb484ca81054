import BoltAPI
import Spanner

/// How the bolts of a local mesh are, as each says itself, and for which of them it is worth waiting.
struct MeshHealth {
    /// One bolt and why it is not as wanted.
    typealias Finding = (bolt: LocalBolt, reason: String)

    /// What was last seen of one bolt.
    struct Look {
        /// Its health; nil where it did not answer.
        var state: HealthResponse.State?
        var reason: String
        /// Whether waiting changes nothing of it.
        var isFinal: Bool

        /// Whether it needs no further look.
        func isSettled(_ states: Set<HealthResponse.State>) -> Bool { isFinal || state.map(states.contains) ?? false }
    }

    /// Those that are not as wanted.
    private(set) var sick: [Finding] = []
    /// The same, without those that no waiting mends.
    private(set) var awaited: [Finding] = []
    /// Those that are up and sealed, with no key file that opens them.
    private(set) var sealed: [LocalBolt] = []

    /// Partitions that serve nothing before somebody unseals a bolt of theirs, or promotes one that is open.
    private(set) var stopped: Set<PartitionName> = []

    init(_ bolts: [LocalBolt], _ seen: [String: Look], isEnough states: Set<HealthResponse.State>) {
        func look(_ bolt: LocalBolt) -> Look {
            seen[bolt.fullName] ?? Look(state: nil, reason: "no answer", isFinal: false)
        }
        sealed = bolts.filter { look($0).isFinal && look($0).state == .sealed }
        for name in Set(sealed.map(\.partition)) {
            // An open standby of a sealed primary hears nobody, however long one waits.
            let others = bolts.filter { bolt in
                bolt.partition == name && !sealed.contains { $0.fullName == bolt.fullName }
            }
            if others.allSatisfy({ [.orphaned, .waiting].contains(look($0).state) }) { stopped.insert(name) }
        }
        for bolt in bolts where !look(bolt).isSettled(states) || look(bolt).isFinal && look(bolt).state != .sealed {
            guard !stopped.contains(bolt.partition) else { continue }
            sick.append((bolt, look(bolt).reason))
            if !look(bolt).isFinal { awaited.append((bolt, look(bolt).reason)) }
        }
    }

    /// What there is to type for sealed bolts; nil where none is sealed.
    var unsealing: String? {
        guard !sealed.isEmpty else { return nil }
        let names = sealed.map(\.fullName).sorted()
        return "up and sealed: \(names.joined(separator: ", ")); each partition has a key of its own: "
            + "boltctl seal unseal --key-file FILE"
    }
}
