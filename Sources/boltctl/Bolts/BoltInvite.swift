import ArgumentParser
import BoltAPI
import Foundation
import Identity
import Spanner

/// `boltctl bolt invite`
struct BoltInvite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invite", abstract: "Sign a joining bolt's request, admit it, and write what it needs to begin.",
        discussion: """
            On the new machine: boltctl bolt join --dir DIR --request FILE makes the keys and the request; here: \
            boltctl bolt invite signs it; there: boltctl bolt join --dir DIR --invitation FILE installs it. With \
            --dry-run it shows what would be signed.

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
    @Option(name: .customLong("operator"), help: "With --offline: the operator of the mesh directory who signs.")
    var operatorName: String = LocalMesh.operatorName
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers: all that the act says, and who signs it.
    struct Answer: Encodable {
        let act = "admit"
        let bolt: String
        let role = PrincipalRole.bolt
        let partition: PartitionName
        let address: String
        let zone: String?
        let fingerprint: KeyFingerprint
        let signingKey: VerificationKey
        let signer: String
        let reason: String
        let out: String
        let effects: [String]
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case act, bolt, role, partition, address, zone, fingerprint, signer, reason, out, effects
            case signingKey = "signing_key"
            case dryRun = "dry_run"
        }

        /// The same for people.
        var table: String {
            var fields = TextFields([
                ("act", act), ("bolt", bolt), ("role", role.apiText), ("partition", partition.text),
                ("address", address), ("zone", zone), ("TLS key", fingerprint.description),
                ("signing key", signingKey.apiText), ("signed by", "operator \(signer)"), ("reason", reason),
            ])
            for effect in effects { fields.add("effect", effect) }
            let end = dryRun ? "dry run: nothing was changed" : "wrote \(out); next: boltctl bolt join there"
            return fields.text + "\n" + end
        }
    }

    func run() async throws {
        let name: BoltName = try NamedArgument.name(name, "--name")
        let partition: PartitionName = try NamedArgument.name(partition, "--partition")
        // Before anything is admitted: a file that is not written afterwards would leave an admission without its bolt.
        guard mutation.dryRun || !SecureFile.exists(out) else {
            throw CommandFailure(
                "file_exists", "\(out) is there already and is not overwritten",
                next: "choose another place, or move the old one away first", status: .usage)
        }
        let request = try IdentityRequest(pem: SecureFile.read(request, access: .everybody), what: request)
        let directory = LocalMesh.absolute(authority)
        if !SecureFile.exists("\(directory)/mesh.json"), SecureFile.exists("\(directory)/authority/mesh.json") {
            throw CommandFailure(
                "no_mesh", "\(directory) holds a local mesh, and its authority in a folder of its own",
                reason: "nothing was changed", next: "name that: --authority \(directory)/authority", status: .usage)
        }
        let authority = try Passphrases.opening(directory) { passphrase throws(IdentityError) in
            try MeshAuthority.open(directory: directory, passphrase: passphrase)
        }
        let grant = try authority.issueBolt(request, partition: partition, name: name, addresses: [address])
        let key = grant.chain[0].publicKey.fingerprint
        var genesis = try MeshGenesis.load(authority)
        let session = offline ? nil : try connection.session()
        if let session { try await refuseSecondAdmission(key, session) }
        let signer = try session?.operatorIdentity ?? operatorOfDirectory(authority)
        let reason = mutation.reason.isEmpty ? "bolt invite" : mutation.reason
        let act = try BoltAdmission.sign(
            ActSigner(signer), name: name, partition: partition, address: address, zone: zone, tlsKey: key,
            signingKey: request.signingKey, reason: reason)
        var effects = ["the bolt takes the admission from the file when it first starts"]
        if let session { effects = try await ActPoster(session: session, mutation: mutation).post(act).effects }
        if !mutation.dryRun {
            try genesis.add(act)
            let invitation = BoltInvitation(
                grantPEM: String(decoding: grant.pem, as: UTF8.self), genesis: genesis.file)
            try SecureFile.write(
                Array(APIJSON.encode(invitation, pretty: true)), to: out, access: .everybody, replacing: false)
        }
        let answer = Answer(
            bolt: "\(name).\(partition)", partition: partition, address: address, zone: zone, fingerprint: key,
            signingKey: request.signingKey, signer: signer.name.text, reason: reason, out: out, effects: effects,
            dryRun: mutation.dryRun)
        try connection.output.emit(answer, table: answer.table)
    }

    private func operatorOfDirectory(_ authority: MeshAuthority) throws -> OperatorIdentity {
        try authority.operatorIdentity(NamedArgument.name(operatorName, "--operator"))
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
}
