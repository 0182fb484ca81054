internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// Everything that a start reads from disk: identity, store, roster, genesis. Nothing listens yet.
struct NodeStart {
    let identity: BoltIdentity
    let verifier: PeerVerifier
    let node: NodeService
    let genesis: GenesisFile?
    let own: GossipSelf
    let eventsRead: Int

    /// Reads it all. Throws `IdentityError`, `StoreError` or `DaemonError`; changes nothing but what opening a store
    /// does.
    init(
        _ configuration: BoltConfiguration, logger: Logger, metrics: MetricsRegistry, table: ConnectionTable,
        failure: @escaping @Sendable (StoreError) -> Void
    ) throws {
        identity = try BoltIdentity.load(directory: configuration.identityDirectory)
        try NodeStart.check(identity, against: configuration)
        verifier = try identity.credential.verifier()
        let mesh = identity.credential.mesh
        genesis = try NodeStart.readGenesis(configuration.genesisFile, mesh: mesh)
        let witness = RosterWitness(verifier: verifier)
        let store = try BoltStore(path: configuration.stateDirectory)
        do { try store.directory.holdReserve(bytes: configuration.reserveBytes) } catch {
            logger.warning("no room to keep a reserve on the disk", metadata: [LogKeys.why: "\(error)"])
        }
        let (roster, events) = try NodeStart.readRoster(store, mesh: mesh, witness: witness)
        eventsRead = events
        let principal = try NodeStart.principal(identity, roster: roster, genesis: genesis)
        own = GossipSelf(
            mesh: mesh, bolt: principal, tlsKey: identity.credential.own.fingerprint,
            replica: ReplicaID(
                key: witness.hash(identity.signingKey.key.bytes.bytes),
                incarnation: try NodeStart.incarnation(store, logger: logger)),
            chain: identity.credential.chain.map(\.der))
        let machine = GossipMachine(
            own: own, roster: roster, witness: witness, signer: identity.signingKey, settings: configuration.gossip,
            seed: UInt64.random(in: 0...UInt64.max))
        node = NodeService(
            executor: NodeExecutor(label: "bolt.node"), store: store, machine: machine, witness: witness,
            signer: identity.signingKey, logger: logger, metrics: metrics, table: table, failure: failure)
    }

    private static func check(_ identity: BoltIdentity, against configuration: BoltConfiguration) throws(DaemonError) {
        let named = "\(identity.name).\(identity.partition) of \(identity.credential.trustDomain)"
        let wanted = "\(configuration.fullName) of \(configuration.meshName)"
        guard named == wanted else {
            throw DaemonError(
                .identityMismatch, what: "starting \(wanted)",
                why: "the identity in \(configuration.identityDirectory) is that of \(named)",
                next: "correct the configuration, or join with an identity of this bolt's own")
        }
    }

    private static func readGenesis(_ path: String, mesh: MeshID) throws(DaemonError) -> GenesisFile? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        func bad(_ why: String) -> DaemonError {
            DaemonError(
                .badGenesis, what: "reading the genesis in \(path)", why: why,
                next: "take the genesis.json that the operator's terminal wrote for this bolt")
        }
        guard let data = FileManager.default.contents(atPath: path), data.count <= APILimits.answerBytesMax else {
            throw bad("it cannot be read, or is too large")
        }
        let file: GenesisFile
        do { file = try APIJSON.decode(GenesisFile.self, from: data) } catch { throw bad(APIJSON.explain(error)) }
        guard file.mesh.id == mesh else { throw bad("it is of mesh \(file.mesh.id), the identity is of \(mesh)") }
        return file
    }

    /// The roster from disk. What is stored was checked before it was stored; checksums tell rot.
    private static func readRoster(
        _ store: BoltStore, mesh: MeshID, witness: any Witness
    ) throws(StoreError) -> (Roster, Int) {
        var roster = Roster(mesh: mesh, witness: witness)
        var events = 0
        try store.roster.scan { run throws(StoreError) in
            switch roster.check(run, trust: .stored) {
            case .success(let checked):
                roster.apply(checked)
                events += run.bodies.count
            case .failure(let rejection):
                throw StoreError(
                    .corrupt, what: "reading the roster",
                    why: "events \(run.first)...\(run.last) of \(run.replica): \(rejection)",
                    next: "move the state directory away and let the bolt fetch the roster from its peers")
            }
        }
        return (roster, events)
    }

    private static func principal(
        _ identity: BoltIdentity, roster: Roster, genesis: GenesisFile?
    ) throws(DaemonError) -> PrincipalID {
        let key = identity.credential.own.fingerprint
        if let known = roster.standing(of: key, as: .bolt).principal { return known.id }
        for request in genesis?.acts ?? [] {
            guard let act = try? ActCodec.decode(request.act.content) else { continue }
            if case .admit(let admission) = act.operation, admission.tlsKey == key { return admission.id }
        }
        // A bolt that was removed or banned still starts: it says so, serves nothing and keeps what it holds.
        if case .removed(let id) = roster.standing(of: key, as: .bolt) { return id }
        if case .banned(let fact) = roster.standing(of: key, as: .bolt), let id = fact.principal { return id }
        throw DaemonError(
            .notAdmitted, what: "starting \(identity.name).\(identity.partition)",
            why: "neither its roster nor its genesis file admits its key",
            next: "join it: boltctl bolt invite, then boltctl bolt join")
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
