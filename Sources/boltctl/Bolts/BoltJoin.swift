import ArgumentParser
import BoltAPI
import Foundation
import Identity
import Spanner

/// What an operator's terminal hands to a machine that becomes a bolt. Nothing in it is secret.
struct BoltInvitation: Codable {
    /// PEM: bolt, bolts' CA, root, envoy CA.
    let grantPEM: String
    /// The first entries of the mesh and the act that admits this bolt.
    let genesis: GenesisFile

    enum CodingKeys: String, CodingKey {
        case genesis
        case grantPEM = "grant_pem"
    }
}

/// `boltctl bolt invite`
struct BoltInvite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Sign a joining bolt's request, admit it, and write what it needs to begin.",
        discussion: """
            On the new machine: boltctl bolt join --dir DIR --request FILE makes the keys and the request; here: \
            boltctl bolt invite signs it; there: boltctl bolt join --dir DIR --invitation FILE installs it.

            EXAMPLES
              boltctl bolt invite --authority ~/mesh --request b.csr --name b --partition north \\
                --address 10.0.0.2:7440 --out b.json
            """)

    @Option(name: .long, help: "The mesh directory that mesh init made.")
    var authority: String
    @Option(name: .long, help: "The request that the new machine wrote.")
    var request: String
    @Option(name: .long, help: "Name of the bolt in its partition.")
    var name: String
    @Option(name: .long, help: "Its partition.")
    var partition: String
    @Option(name: .long, help: "host:port that everyone reaches it by.")
    var address: String
    @Option(name: .long, help: "Failure zone.")
    var zone: String?
    @Option(name: .long, help: "File to write for the new machine.")
    var out: String
    @Flag(name: .long, help: "Do not tell a running bolt: for the first bolts of a mesh.")
    var offline = false
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard let name = BoltName(name), let partition = PartitionName(partition) else {
            throw CommandFailure("bad_name", "--name and --partition take lower-case DNS labels", status: .usage)
        }
        // Before anything is admitted: a file that is not written afterwards would leave an admission without its bolt.
        guard mutation.dryRun || !SecureFile.exists(out) else {
            throw CommandFailure(
                "file_exists", "\(out) is there already and is not overwritten",
                next: "choose another place, or move the old one away first", status: .usage)
        }
        let request = try IdentityRequest(pem: SecureFile.read(request, access: .everybody), what: request)
        let directory = LocalMesh.absolute(authority)
        let authority = try openAuthority(directory)
        let grant = try authority.issueBolt(request, partition: partition, name: name, addresses: [address])
        var genesis = try MeshGenesis.load(authority)
        let session = offline ? nil : try connection.session()
        if let session { try await refuseSecondAdmission(grant.chain[0].publicKey.fingerprint, session) }
        let signer: ActSigner
        if let session {
            signer = ActSigner(session.operatorIdentity)
        } else {
            guard let first = OperatorName(LocalMesh.operatorName) else { return }
            signer = ActSigner(try authority.operatorIdentity(first))
        }
        let act = try BoltAdmission.sign(
            signer, name: name, partition: partition, address: address, zone: zone,
            tlsKey: grant.chain[0].publicKey.fingerprint, signingKey: request.signingKey,
            reason: mutation.reason.isEmpty ? "bolt invite" : mutation.reason)
        var effects = ["would admit \(name).\(partition) with the key \(grant.chain[0].publicKey.fingerprint)"]
        if let session {
            let change = try await ActPoster(session: session, mutation: mutation).post(act)
            effects = change.effects
        }
        if !mutation.dryRun {
            try genesis.add(act)
            let invitation = BoltInvitation(
                grantPEM: String(decoding: grant.pem, as: UTF8.self), genesis: genesis.file)
            try SecureFile.write(
                Array(APIJSON.encode(invitation, pretty: true)), to: out, access: .everybody, replacing: false)
        }
        let line = mutation.dryRun ? "dry run: nothing was changed" : "wrote \(out); next: boltctl bolt join there"
        try connection.output.emit(
            ["bolt": "\(name).\(partition)", "out": out, "effects": effects.joined(separator: "; ")], table: line)
    }

    /// One key admitted under two ids would never be let in: its bolt tells its peers only the one that it knows.
    private func refuseSecondAdmission(_ key: KeyFingerprint, _ session: Session) async throws {
        let poster = ActPoster(session: session, mutation: mutation)
        let holders = try await poster.context(subject: "\(key)", role: .bolt).subjects
        guard let holder = holders.first(where: { $0.fingerprint == key }) else { return }
        throw CommandFailure(
            "already_admitted", "the key of this request was admitted before, as \(holder.name) (\(holder.id))",
            next: "hand over the invitation written then; if it is lost, boltctl bolt remove \(holder.name), "
                + "and on the new machine join with new keys",
            status: .refused)
    }

    private func openAuthority(_ directory: String) throws -> MeshAuthority {
        do throws(IdentityError) {
            return try MeshAuthority.open(directory: directory, passphrase: nil)
        } catch {
            guard error.code == .passphraseRequired, let phrase = try Passphrases.existing(for: directory) else {
                throw error
            }
            return try MeshAuthority.open(directory: directory, passphrase: phrase)
        }
    }
}

/// `boltctl bolt join`
struct BoltJoin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "On the new machine: make keys and a request, then install the invitation.",
        discussion: """
            EXAMPLES
              boltctl bolt join --dir /etc/bolt/identity --request b.csr
              boltctl bolt join --dir /etc/bolt/identity --invitation b.json
            """)

    @Option(name: .long, help: "The bolt's identity directory.")
    var dir: String
    @Option(name: .long, help: "Write the request there.")
    var request: String?
    @Option(name: .long, help: "The file that bolt invite wrote.")
    var invitation: String?
    @Flag(name: .customLong("dry-run"), help: "Check the arguments and change nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (request == nil) != (invitation == nil) else {
            throw ValidationError("Give either --request or --invitation.")
        }
    }

    func run() throws {
        if let request {
            guard !dryRun else {
                return try output.emit(["request": request], table: "would make keys in \(dir) and write \(request)")
            }
            try FileManager.default.createDirectory(
                atPath: (LocalMesh.absolute(dir) as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            let made = try BoltIdentity.prepare(directory: dir)
            try SecureFile.write(made.pem, to: request, access: .everybody)
            return try output.emit(["request": request], table: "wrote \(request); next: boltctl bolt invite")
        }
        guard let path = invitation else { return }
        let bytes = try SecureFile.read(path, access: .everybody)
        let invitation: BoltInvitation
        do {
            invitation = try APIJSON.decode(BoltInvitation.self, from: Data(bytes))
        } catch {
            throw CommandFailure("bad_invitation", "\(path) is no invitation", reason: APIJSON.explain(error))
        }
        let grant = try BoltGrant(pem: Array(invitation.grantPEM.utf8), what: path)
        guard grant.mesh == invitation.genesis.mesh.id else {
            throw CommandFailure("bad_invitation", "\(path) mixes two meshes", next: "take it again from the operator")
        }
        guard !dryRun else {
            return try output.emit(["dir": dir], table: "would install \(grant.chain[0]) in \(dir)")
        }
        let identity = try BoltIdentity.install(grant, directory: dir)
        try SecureFile.write(
            Array(APIJSON.encode(invitation.genesis, pretty: true)), to: "\(dir)/\(GenesisFile.name)",
            access: .everybody)
        try output.emit(
            ["bolt": "\(identity.name).\(identity.partition)", "dir": dir],
            table: "installed \(identity.name).\(identity.partition) in \(dir); next: bolt run --config FILE")
    }
}
