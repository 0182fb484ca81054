import ArgumentParser
import BoltAPI
import Foundation
import Identity
import Spanner

/// `boltctl mesh init`
struct MeshInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a mesh: root CA, issuing CAs, the first operator.",
        discussion: """
            The directory stays with the operator; no bolt ever needs it. Its keys are encrypted under a passphrase \
            from the terminal or from the file that BOLT_PASSPHRASE_FILE names. The first operator's identity, with \
            which boltctl talks to bolts, is below it in operator/ and may be moved.

            EXAMPLES
              boltctl mesh init --dir ~/mesh --name example
              boltctl mesh init --dir /tmp/mesh --name trial --dev
            """)

    @Option(name: .long, help: "Directory to make, with those above it; it must not exist, or be empty.")
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
        /// Missing on a dry run: it is the fingerprint of a key yet to be made.
        let meshID: MeshID?
        let directory: String
        let identity: String
        let operatorName: String
        let encrypted: Bool
        let dryRun: Bool

        enum CodingKeys: String, CodingKey {
            case mesh, directory, identity, encrypted
            case meshID = "mesh_id"
            case operatorName = "operator"
            case dryRun = "dry_run"
        }
    }

    func run() async throws {
        let first: OperatorName = try NamedArgument.name(operatorName, "--operator")
        guard TrustDomain(name) != nil else {
            throw CommandFailure(
                "bad_name", "“\(name)” is no name for a mesh",
                next: "use lower-case letters, digits and hyphens, at most 63", status: .usage)
        }
        let directory = LocalMesh.absolute(dir)
        guard !dryRun else {
            if SecureFile.exists("\(directory)/mesh.json") {
                throw CommandFailure("identity_exists", "\(directory) holds a mesh already", status: .refused)
            }
            return try emit(nil, directory, first)
        }
        if dev { Console.warn("--dev: the keys of this mesh are not encrypted") }
        let passphrase = dev ? nil : try Passphrases.new(for: "the mesh \(name)")
        try FileManager.default.createDirectory(
            atPath: (directory as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        let authority = try MeshAuthority.create(
            directory: directory, name: name, passphrase: passphrase, dev: dev, operatorName: first)
        let identity = try authority.operatorIdentity(first)
        _ = try MeshGenesis.create(authority, admitting: identity)
        try identity.save(to: Self.identity(in: directory), passphrase: passphrase)
        try emit(authority.mesh, directory, first)
    }

    static func identity(in directory: String) -> String { "\(directory)/operator" }

    private func emit(_ mesh: MeshID?, _ directory: String, _ first: OperatorName) throws {
        var fields = TextFields([("mesh", name)])
        if let mesh { fields.add("mesh id", mesh.description) }
        fields.add("directory", directory)
        fields.add("operator", first.text)
        fields.add("identity", Self.identity(in: directory))
        fields.add("keys", dev ? "in clear (--dev)" : "encrypted")
        let answer = Answer(
            mesh: name, meshID: mesh, directory: directory, identity: Self.identity(in: directory),
            operatorName: first.text, encrypted: !dev, dryRun: dryRun)
        let end = dryRun ? "dry run: nothing was made" : "next: boltctl bolt join, on the machine of the first bolt"
        try output.emit(answer, table: "\(fields.text)\n\(end)")
    }
}
