internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore

/// Keeps what other partitions gave their envoys, and serves it while their bolts are away: the one owner of the store.
///
/// All of it proves itself, and none of it can be read here: boxes are sealed to the envoys' own keys. What is kept is
/// replaced by what is not older only.
actor PolicyCovering {
    /// The queue that it runs on.
    nonisolated let executor = NodeExecutor(label: "bolt.covering")
    /// The same, for the actor's runtime.
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Pause between two rounds, and how much longer it may be by chance: bolts must not come together.
    static let (interval, jitter): (Duration, Duration) = (.seconds(30), .seconds(10))
    /// Pages of one partition in one round, and envoys in a page.
    static let (pagesPerRound, pageCount) = (64, 500)
    /// Bodies that one round fetches of one partition.
    static let bodiesPerRound = 64
    /// Envoys of which one round asks whether they left.
    static let askedPerRound = StoreLimits.pageMax

    /// How other bolts are asked.
    struct Ways: Sendable {
        /// Addresses of the primaries of other partitions, by name.
        let primaries: @Sendable () async -> [(partition: PartitionName, address: String)]
        /// Reads a path of the bolt at an address.
        let get: @Sendable (_ path: String, _ address: String) async throws -> PeerForwarder.Answer
        /// Which of these are known to be none of the partition's any more.
        var left: @Sendable (_ envoys: [PrincipalID], _ of: PartitionName) async -> [PrincipalID] = { _, _ in [] }
    }

    private let store: CoverStore
    private let mesh: MeshID
    private let witness: BoltSliceWitness
    private let logger: Logger
    private let metrics: MetricsRegistry
    private var isEnded = false
    /// Where the next round goes on with partitions that were too large for one.
    private var rests: [PartitionName: Rest] = [:]

    /// Up to where it was asked who left, and who had when it was asked last.
    private var departures = Departures()

    /// Envoys that left are let go of when that is found twice, a round or more apart: what they were given may have
    /// come here before the word that they are another partition's now.
    private struct Departures {
        /// The last one that was asked of; nil at the beginning.
        var place: (partition: PartitionName, envoy: PrincipalID)?
        /// Found in this turn through all that is kept, and in the one before.
        var (found, before): (Set<Departed>, Set<Departed>) = ([], [])
    }

    private struct Departed: Hashable {
        let partition: PartitionName
        let envoy: PrincipalID
    }

    /// The rest of a partition's envoys.
    private struct Rest {
        /// The first of them.
        let from: PrincipalID
        /// What the partition's mark was when the first page was read.
        let mark: UInt64
    }

    /// Over a store.
    init(
        _ store: sending CoverStore, mesh: MeshID, witness: BoltSliceWitness, logger: Logger, metrics: MetricsRegistry
    ) {
        (self.store, self.mesh, self.witness) = (store, mesh, witness)
        (self.logger, self.metrics) = (logger, metrics)
    }

    // MARK: - Out

    /// What an envoy of another partition is told while its owner is away; nil where nothing is kept of it. `held` is
    /// what it holds: nothing that is older is given.
    func word(for envoy: PrincipalID, of partition: PartitionName, holding held: HeldPolicy) -> String? {
        do throws(StoreError) {
            guard !isEnded, let kept = try store.grant(of: envoy, in: partition),
                let grant = try? PolicyGrant(kept.grant)
            else { return nil }
            var word = PolicyWord(state: .covered, sequence: grant.signed.head.sequence)
            guard grant.leaf.hash(by: witness) != held.leaf, kept.sequence >= held.sequence ?? 0,
                try store.hasBody(kept.body)
            else { return word.json(box: []) }
            word.grant = grant
            return word.json(box: kept.box)
        } catch {
            tell(error)
            return nil
        }
    }

    /// A body that the copy for this envoy names; nil where it is not here.
    func body(_ digest: Bytes32, for envoy: PrincipalID, of partition: PartitionName) -> [UInt8]? {
        do throws(StoreError) {
            guard !isEnded, try store.grant(of: envoy, in: partition)?.body == digest else { return nil }
            return try store.body(digest)
        } catch {
            tell(error)
            return nil
        }
    }

    // MARK: - In

    /// Pulls until it is ended.
    func run(_ ways: Ways) async {
        while !isEnded, !Task.isCancelled {
            let pause = PolicyCovering.interval + PolicyCovering.jitter * Double.random(in: 0...1)
            // Not to hold up the end of the process.
            for _ in 0..<Int(pause / .milliseconds(100)) where !isEnded && !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(100))
            }
            await pull(ways)
        }
    }

    /// One round: what changed at each partition that can be asked.
    func pull(_ ways: Ways) async {
        for (partition, address) in await ways.primaries() where !isEnded {
            do {
                try await pull(partition, at: address, ways)
            } catch {
                logger.debug(
                    "what envoys of another partition have is not pulled",
                    metadata: [LogKeys.name: "\(partition)", LogKeys.why: "\(error)"])
            }
        }
        await letGo(ways)
        guard !isEnded else { return }
        do throws(StoreError) {
            _ = try store.sweep()
            try store.checkpointIfNeeded()
            let held = try store.held()
            metrics.set(.policyCovered, [], to: Double(held.grants))
            metrics.set(.coverBytes, [], to: Double(held.bytes))
        } catch { tell(error) }
    }

    private func pull(_ partition: PartitionName, at address: String, _ ways: Ways) async throws {
        let mark = try store.mark(of: partition)?.sequence ?? 0
        let rest = rests.removeValue(forKey: partition)
        var (from, reached) = (rest?.from, rest?.mark)
        for _ in 0..<PolicyCovering.pagesPerRound {
            var path = Endpoint.peerPolicy.path + "?partition=\(partition)&after=\(mark)"
            path += "&limit=\(PolicyCovering.pageCount)" + (from.map { "&from=\($0.apiText)" } ?? "")
            let answer = try await ways.get(path, address)
            guard answer.status == 200 else { throw PolicyCovering.refusal(answer) }
            let page = try APIJSON.decode(PeerPolicyResponse.self, from: answer.body)
            guard !isEnded, page.partition == partition else { return }
            // What came after the first page is found by the round after the last one: it counts from there.
            reached = min(reached ?? page.mark, page.mark)
            try keep(page, of: partition)
            from = page.nextFrom
            if from == nil { break }
        }
        if let from, let reached { rests[partition] = Rest(from: from, mark: reached) }
        try await pullBodies(of: partition, at: address, ways)
        guard !isEnded, from == nil, let reached, reached != mark else { return }
        try store.finish(reached, of: partition, at: WallClock.now(), removingOlder: false)
    }

    /// Lets go of what is kept of envoys that left their partition: some in each round.
    private func letGo(_ ways: Ways) async {
        do throws(StoreError) {
            guard !isEnded else { return }
            let asked = try store.envoys(after: departures.place, limit: PolicyCovering.askedPerRound)
            for (partition, envoys) in asked {
                let left = await ways.left(envoys, partition)
                guard !isEnded else { return }
                let gone = left.filter { departures.before.contains(Departed(partition: partition, envoy: $0)) }
                try store.remove(gone, of: partition)
                for envoy in left { departures.found.insert(Departed(partition: partition, envoy: envoy)) }
            }
            let isFull = asked.reduce(0) { $0 + $1.envoys.count } == PolicyCovering.askedPerRound
            if isFull, let last = asked.last, let envoy = last.envoys.last {
                departures.place = (last.partition, envoy)
            } else {
                departures = Departures(found: [], before: departures.found)
            }
        } catch { tell(error) }
    }

    private static func refusal(_ answer: PeerForwarder.Answer) -> any Error {
        (try? APIJSON.decode(Problem.self, from: answer.body))
            ?? Problem(.ownerUnreachable, "the other bolt answers \(answer.status)")
    }

    /// Keeps what proves itself and is not older than what is here.
    private func keep(_ page: PeerPolicyResponse, of partition: PartitionName) throws {
        let heads = page.heads.prefix(1).compactMap { try? SignedPolicyHead($0.bytes) }.filter {
            $0.head.partition == partition && $0.isAuthentic(in: mesh, witness: witness)
        }
        guard let signed = heads.first else { return }
        var grants: [CoveredGrant] = []
        for view in page.envoys.prefix(APILimits.pageCountMax) where view.sequence == signed.head.sequence {
            var decoder = CanonicalDecoder(view.path.bytes)
            guard let path = try? PolicyPath(from: &decoder), (try? decoder.finish()) != nil else { continue }
            let grant = PolicyGrant(signed: signed, leaf: view.leaf, path: path)
            let box = view.box?.bytes ?? []
            guard grant.isOfHead(by: witness), (box.isEmpty ? .zero : witness.hash(box)) == view.boxDigest,
                try !isOlder(signed.head, of: view.envoy, in: partition)
            else { continue }
            grants.append(
                CoveredGrant(
                    envoy: view.envoy, sequence: view.sequence, grant: grant.canonicalBytes, body: view.body, box: box))
        }
        let left = try store.keep(grants, of: partition)
        guard !left.isEmpty else { return }
        logger.warning(
            "no room is left to keep other partitions' policy", metadata: [LogKeys.count: "\(left.count)"])
    }

    private func isOlder(
        _ head: PolicyHead, of envoy: PrincipalID, in partition: PartitionName
    ) throws(StoreError) -> Bool {
        guard let kept = try store.grant(of: envoy, in: partition), let known = try? PolicyGrant(kept.grant) else {
            return false
        }
        let before = known.signed.head
        return (head.epoch, head.sequence) < (before.epoch, before.sequence)
    }

    private func pullBodies(of partition: PartitionName, at address: String, _ ways: Ways) async throws {
        for digest in try store.missingBodies(of: partition, limit: PolicyCovering.bodiesPerRound) where !isEnded {
            let answer = try await ways.get(Endpoint.peerPolicyBody.path(digest.apiText), address)
            guard answer.status == 200, !isEnded else { continue }
            // Its bytes are checked against the digest there.
            if try !store.keep(Array(answer.body), digest: digest) { return }
        }
    }

    private func tell(_ error: StoreError) {
        logger.error("what is kept of other partitions' policy cannot be read", metadata: [LogKeys.why: "\(error)"])
    }

    /// Ends: nothing is read or written any more.
    func close() {
        guard !isEnded else { return }
        isEnded = true
        do throws(StoreError) { try store.close() } catch { tell(error) }
    }
}
