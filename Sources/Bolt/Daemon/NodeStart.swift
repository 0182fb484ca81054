internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import Vault

/// Everything that a start reads from its database: roster, incarnation. Nothing listens yet.
struct NodeStart {
    let identity: BoltIdentity
    let verifier: PeerVerifier
    let node: NodeService
    let partition: PartitionService
    let genesis: GenesisFile?
    let topology: Topology?
    let own: GossipSelf
    let board: OwnershipBoard
    let custody: CustodyService?
    let cover: PolicyCovering?
    let slices: SliceContext
    let source: PolicySourceService
    let webhook: PolicyWebhook?
    let eventsRead: Int

    /// Reads it all. Throws `StoreError` or `DaemonError`; changes nothing but what opening a store does.
    init(
        _ place: BoltPlace, logger: Logger, metrics: MetricsRegistry, table: ConnectionTable,
        failure: @escaping @Sendable (StoreError) -> Void
    ) throws {
        let configuration = place.configuration
        (identity, verifier, genesis, topology) = (place.identity, place.verifier, place.genesis, place.topology)
        let mesh = identity.credential.mesh
        let witness = RosterWitness(verifier: verifier)
        var reserveSpent = false
        let store = try NodeStart.open(place, reserveSpent: &reserveSpent, logger: logger)
        let owner = StateOwner(name: configuration.meshName.text, mesh: mesh)
        try owner.requireOwn(store, folder: configuration.stateDirectory)
        let (roster, events) = try NodeStart.readRoster(store, mesh: mesh, witness: witness)
        try owner.sign(store)
        eventsRead = events
        let principal = try NodeStart.principal(place, roster: roster)
        own = GossipSelf(
            mesh: mesh, bolt: principal, tlsKey: identity.credential.own.fingerprint,
            replica: ReplicaID(
                key: witness.hash(identity.signingKey.key.bytes.bytes),
                incarnation: try NodeStart.incarnation(store, logger: logger)),
            chain: identity.credential.chain.map(\.der))
        board = OwnershipBoard(own: configuration.partition, mesh: mesh, witness: witness)
        custody = NodeStart.custody(place, logger: logger)
        cover = NodeStart.cover(place, board, witness: witness, logger: logger, metrics: metrics)
        source = PolicySourceService(
            configuration.policy.open(stateDirectory: configuration.stateDirectory, witness: witness),
            interval: configuration.policy.interval, staleAfter: configuration.policy.staleAfter, logger: logger,
            metrics: metrics)
        webhook = try configuration.policy.openWebhook()
        slices = SliceContext(board: board, chain: own.chain, signer: identity.signingKey)
        let part = try PartitionStart(
            place, key: own.replica.key, witness: witness, reserveSpent: &reserveSpent, logger: logger)
        let sealing = SealService(
            VaultOwner(mesh: mesh, partition: configuration.partition), keyFile: configuration.sealKeyFile,
            logger: logger)
        partition = PartitionService(
            part, settings: configuration.replication, recordsKept: configuration.recordsKept,
            scrubPercent: configuration.scrubPercent, witness: witness, sealing: sealing, logger: logger,
            metrics: metrics, slices: slices, failure: failure)
        let machine = GossipMachine(
            own: own, roster: roster, witness: witness, signer: identity.signingKey, settings: configuration.gossip,
            seed: UInt64.random(in: 0...UInt64.max))
        node = NodeService(
            executor: NodeExecutor(label: "bolt.node"), store: store, machine: machine, witness: witness,
            signer: identity.signingKey, partition: partition, reserveBytes: configuration.reserveBytes,
            reserveSpent: reserveSpent, logger: logger, metrics: metrics, table: table, board: board,
            failure: failure)
    }

    /// Opens the store and holds the reserve. On a full disk the reserve is what opening needs: it is given up, and the
    /// bolt starts in the mode that it would be in had it not ended; `reserveSpent` is true then.
    private static func open(
        _ place: BoltPlace, reserveSpent: inout Bool, logger: Logger
    ) throws(StoreError) -> sending BoltStore {
        let store: BoltStore
        do throws(StoreError) { store = try BoltStore(in: place.directory) } catch {
            guard error.code == .full, place.directory.reserve.bytes > 0 else { throw error }
            try place.directory.reserve.release()
            logger.warning("the disk is full: the reserve is given up to start; results are refused")
            reserveSpent = true
            return try BoltStore(in: place.directory)
        }
        do { try place.directory.reserve.hold(bytes: place.configuration.reserveBytes) } catch {
            logger.warning("no room to keep a reserve on the disk", metadata: [LogKeys.why: "\(error)"])
        }
        return store
    }

    /// What is kept for other partitions. It is a second copy of all that is in it: where it cannot be opened the bolt
    /// serves without.
    private static func custody(_ place: BoltPlace, logger: Logger) -> CustodyService? {
        do throws(StoreError) {
            let bytesMax = UInt64(place.configuration.custodyBytes)
            return CustodyService(try CustodyStore(in: place.directory, bytesMax: bytesMax), logger: logger)
        } catch {
            logger.error("nothing is kept for other partitions", metadata: [LogKeys.why: "\(error)"])
            return nil
        }
    }

    /// What is kept of other partitions' policy: as with results, a bolt serves without.
    private static func cover(
        _ place: BoltPlace, _ board: OwnershipBoard, witness: any Witness, logger: Logger, metrics: MetricsRegistry
    ) -> PolicyCovering? {
        do throws(StoreError) {
            return PolicyCovering(
                try CoverStore(
                    in: place.directory, witness: witness, bytesMax: place.configuration.policy.coverBytes),
                mesh: board.mesh, witness: board.witness, logger: logger, metrics: metrics)
        } catch {
            logger.error("no policy is kept for other partitions", metadata: [LogKeys.why: "\(error)"])
            return nil
        }
    }

    /// The roster from disk. What is stored was checked before it was stored; checksums tell rot.
    static func readRoster(
        _ store: BoltStore, mesh: MeshID, witness: any Witness
    ) throws(StoreError) -> (Roster, Int) {
        var roster = Roster(mesh: mesh, witness: witness, forks: try store.roster.forks())
        var events = 0
        try store.roster.scan { run throws(StoreError) in
            do throws(RunRejection) {
                try roster.restore(run)
                events += run.bodies.count
            } catch {
                throw StoreError(
                    .corrupt, what: "reading the roster",
                    why: "events \(run.first)...\(run.last) of \(run.replica): \(error)",
                    next: "move the state directory away and let the bolt fetch the roster from its peers")
            }
        }
        return (roster, events)
    }

    private static func principal(_ place: BoltPlace, roster: Roster) throws(DaemonError) -> PrincipalID {
        let key = place.identity.credential.own.fingerprint
        if let known = roster.standing(of: key, as: .bolt).principal { return known.id }
        if let admitted = place.admittedByGenesis { return admitted }
        // A bolt that was removed or banned still starts: it says so, serves nothing and keeps what it holds.
        if case .removed(let id) = roster.standing(of: key, as: .bolt) { return id }
        if case .banned(let fact) = roster.standing(of: key, as: .bolt), let id = fact.principal { return id }
        throw place.notAdmitted
    }

    private static func incarnation(_ store: BoltStore, logger: Logger) throws(StoreError) -> UInt64 {
        switch store.incarnation {
        case .current(let value): return value
        case .renewalNeeded(let doubt):
            let value = UInt64.random(in: 1...UInt64.max)
            try store.renewIncarnation(to: value)
            logger.notice("a new incarnation begins", metadata: [LogKeys.why: "\(doubt.rawValue)"])
            return value
        }
    }
}
