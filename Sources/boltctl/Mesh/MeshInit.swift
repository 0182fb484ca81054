import ArgumentParser
import BoltAPI
import Identity
import Spanner

/// `boltctl mesh init`
struct MeshInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a mesh: root CA, issuing CAs, the first operator.",
        discussion: """
            The directory stays with the operator; no bolt ever needs it. Its keys are encrypted under a passphrase \
            from the terminal or from the file that BOLT_PASSPHRASE_FILE names.

            EXAMPLES
              boltctl mesh init --dir ~/mesh --name example
              boltctl mesh init --dir /tmp/mesh --name trial --dev
            """)

    @Option(name: .long, help: "Directory to make; it must not exist, or be empty.")
    var dir: String
    @Option(name: .long, help: "Name of the mesh: lower-case letters, digits, hyphens.")
    var name: String
    @Option(name: .customLong("operator"), help: "Name of the first operator.")
    var operatorName: String = "admin"
    @Flag(name: .long, help: "Leave all keys unencrypted: for trials on one machine only.")
    var dev = false
    @Flag(name: .customLong("dry-run"), help: "Check the arguments and change nothing.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    /// What the command answers.
    struct Answer: Encodable {
        let mesh: String
        let meshID: MeshID
        let directory: String
        let operatorName: String
        let encrypted: Bool
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case mesh, directory, encrypted
            case meshID = "mesh_id"
            case operatorName = "operator"
            case dryRun = "dry_run"
        }
    }

    func run() async throws {
        guard let first = OperatorName(operatorName) else {
            throw CommandFailure("bad_name", "“\(operatorName)” is no operator's name", status: .usage)
        }
        guard TrustDomain(name) != nil else {
            throw CommandFailure(
                "bad_name", "“\(name)” is no name for a mesh",
                next: "use lower-case letters, digits and hyphens, at most 63", status: .usage)
        }
        let directory = LocalMesh.absolute(dir)
        if dryRun {
            if SecureFile.exists("\(directory)/mesh.json") {
                throw CommandFailure("identity_exists", "\(directory) holds a mesh already", status: .refused)
            }
            Console.out("would make the mesh \(name) in \(directory) with the operator \(first)")
            return
        }
        if dev { Console.warn("--dev: the keys of this mesh are not encrypted") }
        let passphrase = dev ? nil : try Passphrases.new(for: "the mesh \(name)")
        let authority = try MeshAuthority.create(
            directory: directory, name: name, passphrase: passphrase, dev: dev, operatorName: first)
        _ = try MeshGenesis.create(authority, admitting: authority.operatorIdentity(first))
        let answer = Answer(
            mesh: name, meshID: authority.mesh, directory: directory, operatorName: first.text, encrypted: !dev,
            dryRun: false)
        try output.emit(
            answer,
            table: """
                mesh       \(name)
                mesh id    \(authority.mesh)
                directory  \(directory)
                operator   \(first)
                keys       \(dev ? "in clear (--dev)" : "encrypted")
                """)
    }
}
