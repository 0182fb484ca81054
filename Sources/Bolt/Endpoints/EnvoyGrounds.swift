internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerTransport
internal import Synchronization

/// All that the roster says for one envoy's requests.
struct EnvoyGrounds: Sendable {
    /// What its key is good for.
    let standing: Standing
    /// Why this bolt may not speak for the mesh; nil where it may.
    let unready: String?
    /// Whether only the reserve of disk is left.
    let isReserveSpent: Bool
    /// The partition that its results go to.
    let owner: PartitionName
    /// Its slice; nil where no topology is in force.
    let slice: SliceID?
    /// The bolts of the roster, those of its owner first.
    let bolts: EnvoyBolts
}

/// Remembers what the roster says for each envoy, for as long as nothing happened in the node: a request then need not
/// wait for the node's queue. What is told is never older than the request that asks.
final class EnvoyGroundsCache: Sendable {
    /// Envoys that are remembered.
    static let envoysMax = 8192

    private struct State {
        var change: UInt64 = 0
        var known: [KeyFingerprint: EnvoyGrounds] = [:]
        /// By whose bolts come first: one for each partition that envoys who ask here belong to.
        var bolts: [PartitionName: EnvoyBolts] = [:]
    }

    private let node: NodeService
    private let partition: PartitionName
    private let state = Mutex(State())

    /// A memory of what `node` says, in a bolt of that partition.
    init(node: NodeService, partition: PartitionName) { (self.node, self.partition) = (node, partition) }

    /// What the roster says now for the envoy with this certificate.
    func grounds(of peer: CertifiedPeer) async -> EnvoyGrounds { await grounds(of: peer.tlsKey) }

    /// What the roster says now for the envoy with this key.
    func grounds(of key: KeyFingerprint) async -> EnvoyGrounds {
        let change = node.changes.load(ordering: .acquiring)
        let known = state.withLock { $0.change == change ? $0.known[key] : nil }
        if let known { return known }
        let (fresh, seen) = await node.read { [self] node in
            let seen = node.changes.load(ordering: .relaxed)
            return (look(node, key, seen), seen)
        }
        state.withLock { state in
            if state.change != seen || state.known.count >= EnvoyGroundsCache.envoysMax {
                // Who was slower than the node remembers nothing: its word is older than what is known.
                guard seen >= state.change else { return }
                (state.change, state.known) = (seen, [:])
            }
            state.known[key] = fresh
        }
        return fresh
    }

    private func look(_ node: isolated NodeService, _ key: KeyFingerprint, _ change: UInt64) -> EnvoyGrounds {
        let standing = node.machine.roster.standing(of: key, as: .envoy)
        let partitions = Array(Set(node.bolts.compactMap(\.partition))).sorted()
        let place = standing.principal.flatMap { node.board?.place(of: $0.id, group: $0.group) }
        let owner = standing.principal.flatMap { node.owner(of: $0, partitions: partitions) }
        // By slices an envoy follows its owner; before there are any, whoever it asked answers for its own partition.
        let first = place?.register.owner ?? partition
        return EnvoyGrounds(
            standing: standing, unready: node.unready, isReserveSpent: node.reserveSpent, owner: owner ?? partition,
            slice: place?.slice, bolts: bolts(node, first: first, change))
    }

    /// The bolts as envoys of a partition are told of them: looked up once for all that ask while nothing happens, and
    /// made ready anew only where they changed.
    private func bolts(_ node: isolated NodeService, first: PartitionName, _ change: UInt64) -> EnvoyBolts {
        let last = state.withLock { $0.bolts[first] }
        if let last, last.change == change { return last }
        let bolts = node.bolts
        let serving = bolts.filter { !node.isDrained($0) }
        let known = (serving.isEmpty ? bolts : serving).compactMap { BoltAddress($0) }
        let sorted = known.filter { $0.partition == first } + known.filter { $0.partition != first }
        let isSame = last.map { $0.bolts.elementsEqual(sorted.prefix(BoltList.boltsMax)) } ?? false
        let fresh = isSame ? last?.seen(again: change) : nil
        let told = fresh ?? EnvoyBolts(sorted, change: change)
        state.withLock { $0.bolts[first] = told }
        return told
    }
}
