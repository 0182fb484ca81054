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

/// `boltctl bolt join`
struct BoltJoin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "On the new machine: make keys and a request, then install the invitation.",
        discussion: """
            EXAMPLES
              boltctl bolt join --dir /etc/bolt/identity --request b.csr
              boltctl bolt join --dir /etc/bolt/identity --invitation b.json
              boltctl bolt join --dir /etc/bolt/identity --invitation b.json --found
            """)

    @Option(name: .long, help: "The bolt's identity directory.")
    var dir: String
    @Option(name: .long, help: "Write the request there.")
    var request: String?
    @Option(name: .long, help: "The file that bolt invite wrote.")
    var invitation: String?
    @Flag(name: .long, help: "With --invitation: this bolt founds its partition, which has no other bolt yet.")
    var found = false
    @Flag(name: .customLong("dry-run"), help: "Check the arguments and change nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (request == nil) != (invitation == nil) else {
            throw ValidationError("Give either --request or --invitation.")
        }
        guard !found || invitation != nil else { throw ValidationError("--found goes with --invitation.") }
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
        if found { try FounderMark(directory: dir).make(partition: identity.partition.text) }
        try output.emit(
            ["bolt": "\(identity.name).\(identity.partition)", "dir": dir],
            table: "installed \(identity.name).\(identity.partition) in \(dir); next: bolt run --config FILE")
    }
}
