import BoltAPI
import Foundation
import Identity
import Spanner

/// A mesh on this machine below one directory: `authority/`, `operator/`, and one folder a bolt in `bolts/`.
struct LocalMesh: Sendable {
    /// Absolute.
    let directory: String
    let topology: Topology
    let bolts: [LocalBolt]
    /// The topology's own text, which the bolts read; nil where they are to read none.
    var document: String?
    /// Whether its partitions are to keep secrets: each gets a keyring, and a key file beside the bolts.
    var isSealed = false
    /// Settings of every bolt beside those that follow from the topology; kept for the next time.
    var settings = KeptSettings()

    static let operatorName = "admin"

    var authorityDirectory: String { "\(directory)/authority" }
    var topologyPath: String { "\(directory)/topology.yaml" }
    var operatorDirectory: String { "\(directory)/operator" }

    /// The mesh of a topology. `listen` names bolts, by place, that listen elsewhere than others know.
    init(directory: String, topology: Topology, listen: [String] = []) {
        let root = Self.absolute(directory)
        (self.directory, self.topology) = (root, topology)
        bolts = topology.bolts.enumerated().map { index, entry in
            LocalBolt(
                partition: entry.partition, bolt: entry.bolt,
                directory: "\(root)/bolts/\(LocalBolt.folder(entry.partition, entry.bolt.name))",
                listen: index < listen.count ? listen[index] : nil)
        }
    }

    static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// The context under which `boltctl` finds this mesh.
    var context: ContextFile.Context {
        ContextFile.Context(name: topology.mesh, bolts: bolts.map(\.bolt.address), identity: operatorDirectory)
    }

    /// Makes whatever is missing: authority, operator, identities, genesis, configurations. Running it again changes
    /// nothing that is there, but for configurations, which follow the topology.
    func provision(note: (String) -> Void) throws {
        try FileManager.default.createDirectory(atPath: "\(directory)/bolts", withIntermediateDirectories: true)
        let opened = try openOrCreateAuthority(note: note)
        let authority = opened.0
        var genesis = opened.1
        guard let name = OperatorName(Self.operatorName) else { return }
        let operatorIdentity = try authority.operatorIdentity(name)
        if !IdentityDirectory(operatorDirectory).isComplete { try operatorIdentity.save(to: operatorDirectory) }
        let signer = ActSigner(operatorIdentity)
        for bolt in bolts {
            let identity = try identity(of: bolt, from: authority, note: note)
            guard !genesis.admits(identity.credential.own.fingerprint) else { continue }
            try genesis.add(
                BoltAdmission.sign(
                    signer, name: bolt.bolt.name, partition: bolt.partition, address: bolt.bolt.address,
                    zone: bolt.bolt.zone, tlsKey: identity.credential.own.fingerprint,
                    signingKey: identity.signingKey.key, reason: "mesh up"))
        }
        if let document { try SecureFile.write(Array(document.utf8), to: topologyPath, access: .everybody) }
        // The first bolt of each partition founds it, once.
        for (partition, bolts) in Dictionary(grouping: bolts, by: \.partition) {
            guard let first = bolts.first else { continue }
            try FounderMark(directory: first.identityDirectory).make(partition: partition.text)
        }
        if isSealed { try SecureFile.makeDirectory(keysDirectory) }
        // Before the configurations: a crash between leaves what the next start makes them say.
        try settings.write(below: directory)
        for bolt in bolts {
            try genesis.install(in: bolt.identityDirectory)
            try FileManager.default.createDirectory(
                atPath: bolt.stateDirectory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try SecureFile.write(Array(configuration(of: bolt).utf8), to: bolt.configPath, access: .everybody)
        }
    }

    /// What a bolt's configuration is to say.
    func configuration(of bolt: LocalBolt) -> String {
        bolt.configuration(
            mesh: topology.mesh, seeds: bolts.filter { $0.fullName != bolt.fullName }.map(\.bolt.address),
            topology: document == nil ? nil : topologyPath, keyFile: namedKeyFile(of: bolt.partition),
            settings: settings.settings)
    }

    private func openOrCreateAuthority(note: (String) -> Void) throws -> (MeshAuthority, MeshGenesis) {
        if FileManager.default.fileExists(atPath: authorityDirectory) {
            let authority = try Passphrases.opening(authorityDirectory) { passphrase throws(IdentityError) in
                try MeshAuthority.open(directory: authorityDirectory, passphrase: passphrase)
            }
            guard authority.trustDomain.text == topology.mesh else {
                throw CommandFailure(
                    "other_mesh", "\(directory) holds the mesh \(authority.trustDomain), not \(topology.mesh)",
                    next: "use another --dir, or the topology that it was made with", status: .refused)
            }
            return (authority, try MeshGenesis.load(authority))
        }
        guard let name = OperatorName(Self.operatorName) else {
            throw CommandFailure("bad_name", "\(Self.operatorName) is no operator's name")
        }
        note("making the mesh authority \(authorityDirectory): its keys are not encrypted, for local use only")
        let authority = try MeshAuthority.create(
            directory: authorityDirectory, name: topology.mesh, passphrase: nil, dev: true, operatorName: name)
        let genesis = try MeshGenesis.create(authority, admitting: authority.operatorIdentity(name))
        return (authority, genesis)
    }

    private func identity(
        of bolt: LocalBolt, from authority: MeshAuthority, note: (String) -> Void
    ) throws -> BoltIdentity {
        if IdentityDirectory(bolt.identityDirectory).isComplete {
            return try BoltIdentity.load(directory: bolt.identityDirectory)
        }
        note("making the identity of \(bolt.fullName)")
        try FileManager.default.createDirectory(atPath: bolt.directory, withIntermediateDirectories: true)
        let request = try BoltIdentity.prepare(directory: bolt.identityDirectory)
        let grant = try authority.issueBolt(
            request, partition: bolt.partition, name: bolt.bolt.name, addresses: [bolt.bolt.address])
        return try BoltIdentity.install(grant, directory: bolt.identityDirectory)
    }
}
