internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Identity
internal import Spanner
internal import SpannerStore
internal import SpannerTransport

/// What a bolt stands on, looked at before anything is made: identity, genesis, topology, ports; then its directory.
struct BoltPlace {
    let configuration: BoltConfiguration
    let identity: BoltIdentity
    let verifier: PeerVerifier
    let genesis: GenesisFile?
    let topology: Topology?
    let ports: BoltPorts
    let directory: StateDirectory

    /// Looks at it all, in an order that leaves nothing behind where something is wrong. Throws `IdentityError`,
    /// `StoreError` or `DaemonError`.
    init(_ configuration: BoltConfiguration) throws {
        self.configuration = configuration
        identity = try BoltIdentity.load(directory: configuration.identityDirectory)
        try BoltPlace.check(identity, against: configuration)
        verifier = try identity.credential.verifier()
        genesis = try BoltPlace.readGenesis(configuration.genesisFile, mesh: identity.credential.mesh)
        topology = try BoltPlace.readTopology(configuration)
        admittedByGenesis = BoltPlace.admission(of: identity.credential.own.fingerprint, by: genesis)
        // A directory that stands is locked first: of two bolts on one directory the second is to hear of the first,
        // not of a port. One that does not stand is made last.
        let path = configuration.stateDirectory
        let standing = FileManager.default.fileExists(atPath: path) ? try StateDirectory(path: path) : nil
        if standing?.holds(BoltStore.fileName) != true, admittedByGenesis == nil {
            throw BoltPlace.notAdmitted(identity)
        }
        ports = try BoltPorts(configuration)
        directory = try standing ?? StateDirectory(path: path)
    }

    /// Whom the genesis file admits under this bolt's key; nil where nobody.
    let admittedByGenesis: PrincipalID?

    /// Neither roster nor genesis know this bolt.
    var notAdmitted: DaemonError { BoltPlace.notAdmitted(identity) }

    private static func notAdmitted(_ identity: BoltIdentity) -> DaemonError {
        DaemonError(
            .notAdmitted, what: "starting \(identity.name).\(identity.partition)",
            why: "neither its roster nor its genesis file admits its key",
            next: "join it: boltctl bolt invite, then boltctl bolt join")
    }

    private static func admission(of key: KeyFingerprint, by genesis: GenesisFile?) -> PrincipalID? {
        for request in genesis?.acts ?? [] {
            guard let act = try? ActCodec.decode(request.act.content) else { continue }
            if case .admit(let admission) = act.operation, admission.tlsKey == key { return admission.id }
        }
        return nil
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

    private static func readTopology(_ configuration: BoltConfiguration) throws(DaemonError) -> Topology? {
        guard let path = configuration.topologyFile else { return nil }
        func bad(_ why: String) -> DaemonError {
            DaemonError(
                .badTopology, what: "reading the topology in \(path)", why: why,
                next: "correct it: boltctl topology validate \(path) shows the same; or set topology.file")
        }
        guard let data = FileManager.default.contents(atPath: path), data.count <= TopologyLimits.documentBytesMax,
            let text = String(data: data, encoding: .utf8)
        else { throw bad("it cannot be read as text, or is over \(TopologyLimits.documentBytesMax) bytes") }
        let document = TopologyDocument(parsing: text, file: path)
        guard let topology = document.topology else {
            throw bad(document.findings.map(\.description).joined(separator: "; "))
        }
        guard topology.mesh == configuration.meshName.text else {
            throw bad("it is of mesh \(topology.mesh), the configuration names \(configuration.meshName)")
        }
        return topology
    }
}
