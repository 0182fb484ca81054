import BoltAPI
import CRDT
import Foundation
import Identity
import Spanner

/// The first entries of a mesh, signed by the root, and the acts that admit its bolts: `genesis.json` beside the CA
/// keys.
///
/// The root's history is written once, when the mesh is made: a second one would be a fork.
struct MeshGenesis {
    let path: String
    private(set) var file: GenesisFile

    static func path(in authority: String) -> String { "\(authority)/\(GenesisFile.name)" }

    /// Writes the first entries of a new mesh: the root opens its history and admits the first operator.
    static func create(_ authority: MeshAuthority, admitting first: OperatorIdentity) throws -> MeshGenesis {
        let key = try authority.rootSigningKey()
        let signer = ActSigner(root: authority.root, key: key)
        var admission = Admission(
            role: .operator, id: try RandomID.principal(), name: try hostName(first.name.text),
            tlsKey: first.credential.own.fingerprint)
        admission.signingKey = first.signingKey.key
        let act = try signer.sign(.admit(admission), reason: "first operator of the mesh")
        let witness = RosterWitness(verifier: try PeerVerifier(roots: [authority.root]))
        let replica = ReplicaID(key: witness.hash(key.key.bytes.bytes), incarnation: 0)
        let start = ChainHead(
            counter: 0, hash: EventChain(mesh: authority.mesh, witness: witness).genesis(replica), author: nil)
        let run = try RunBuilder(replica: replica, mesh: authority.mesh, witness: witness, signer: key)
            .build([.open(chain: [authority.root.der]), .act(act)], at: .now, after: start)
        let summary = MeshSummary(name: authority.trustDomain.text, id: authority.mesh)
        let path = path(in: authority.directory)
        let genesis = MeshGenesis(path: path, file: GenesisFile(mesh: summary, runs: [run], acts: []))
        try SecureFile.write(genesis.bytes, to: path, access: .everybody, replacing: false)
        return genesis
    }

    /// Reads what `create` wrote.
    static func load(_ authority: MeshAuthority) throws -> MeshGenesis {
        let path = path(in: authority.directory)
        let bytes = try SecureFile.read(path, access: .everybody)
        do {
            return MeshGenesis(path: path, file: try APIJSON.decode(GenesisFile.self, from: Data(bytes)))
        } catch {
            throw CommandFailure(
                "bad_genesis", "\(path) cannot be read", reason: APIJSON.explain(error),
                next: "restore the whole mesh directory from one copy")
        }
    }

    /// Adds an act and makes it durable.
    mutating func add(_ act: SignedAct) throws {
        file.acts.append(PostActRequest(act))
        try SecureFile.write(bytes, to: path, access: .everybody)
    }

    /// Whether an act admits this key.
    func admits(_ key: KeyFingerprint) -> Bool {
        file.acts.contains { posted in
            guard let act = try? ActCodec.decode(posted.content.bytes), case .admit(let admission) = act.operation
            else {
                return false
            }
            return admission.tlsKey == key
        }
    }

    /// The file's content.
    var bytes: [UInt8] { (try? APIJSON.encode(file, pretty: true)).map(Array.init) ?? [] }

    /// The same content for a bolt's identity directory.
    func install(in identityDirectory: String) throws {
        try SecureFile.write(bytes, to: "\(identityDirectory)/\(GenesisFile.name)", access: .everybody)
    }

    static func hostName(_ text: String) throws -> PrincipalName {
        guard let name = PrincipalName(text) else {
            throw CommandFailure("bad_name", "“\(text)” is no lower-case host name", status: .usage)
        }
        return name
    }
}

/// Admissions of bolts, as an operator's terminal writes them.
enum BoltAdmission {
    /// The act that admits a bolt with these keys.
    static func sign(
        _ signer: ActSigner, name: BoltName, partition: PartitionName, address: String, zone: String?,
        tlsKey: KeyFingerprint, signingKey: VerificationKey, reason: String
    ) throws -> SignedAct {
        var admission = Admission(
            role: .bolt, id: try RandomID.principal(), name: try MeshGenesis.hostName("\(name).\(partition)"),
            tlsKey: tlsKey)
        admission.signingKey = signingKey
        admission.partition = partition
        admission.address = address
        if let zone { admission.labels = [Label(key: "zone", value: zone)] }
        return try signer.sign(.admit(admission), reason: reason)
    }
}
