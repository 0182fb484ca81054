import ArgumentParser
import BoltAPI
import BoltClient
import Identity
import Spanner
import Vault

/// `boltctl seal init`
struct SealInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Give a partition its keyring, and write the only key that opens it.",
        discussion: """
            Keyring and key are made here. The key file is written first, mode 0600, and never over another; then the \
            keyring is journaled at the partition's primary, and every bolt of the partition that answers is unsealed. \
            From then on each of them starts sealed.

            Whoever has the key file and a copy of a bolt's database has the secrets: keep them apart. Without the key \
            file nothing opens them, and no command makes a new key for a keyring that exists yet.

            EXAMPLES
              boltctl seal init --key-file north.key --partition north
              boltctl seal init --key-file north.key --dry-run
            """)

    @Option(name: .customLong("key-file"), help: "Write the unseal key there.")
    var keyFile: String
    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
    @Option(name: .long, help: "Seconds to wait until the standbys hold the keyring.")
    var timeout: Double = 10
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        let result: SealChangeResponse
        let keyFile: String
        let bolts: [UnsealRound.Line]

        enum CodingKeys: String, CodingKey {
            case result, bolts
            case keyFile = "key_file"
        }
    }

    func run() async throws {
        let session = try connection.session()
        let name = try await PartitionSeals.partition(partition, session)
        if !mutation.dryRun {
            try Console.confirm(
                "Make a keyring for partition \(name) and write its key to \(keyFile)?", yes: mutation.yes)
        }
        let (result, key) = try await SealInit.make(name, keyFile, session, mutation)
        guard !mutation.dryRun else {
            let answer = Answer(result: result, keyFile: keyFile, bolts: [])
            return try connection.output.emit(answer, table: "would write \(keyFile)\n" + SealText.text(result))
        }
        let bolts = try await PartitionSeals.bolts(of: name, session)
        let round = UnsealRound(session: session, mutation: mutation)
        let lines = try await round.unseal(bolts, with: key, untilHeld: timeout)
        let answer = Answer(result: result, keyFile: keyFile, bolts: lines)
        try connection.output.emit(
            answer, table: SealText.text(result) + "\nthe key is in \(keyFile)\n\n" + UnsealRound.table(lines))
        try UnsealRound.require(lines)
    }

    /// It is done already: a keyring is never made over another. Nil where there is none.
    static func refusal(_ name: PartitionName, _ primary: PartitionSeals.Line) -> CommandFailure? {
        guard let keyring = primary.answer?.keyring else { return nil }
        return CommandFailure(
            "vault_initialised", "it is done already: partition \(name) has the keyring \(keyring.id)",
            reason: "nothing was changed, and no key was made: the key file written with that keyring opens it",
            next: "boltctl seal status --partition \(name)", status: .refused)
    }

    /// Makes keyring and key, writes the key, then has the primary journal the keyring. A crash between the two leaves
    /// a key that opens nothing, never a keyring that nothing opens; a lost answer loses no key.
    static func make(
        _ name: PartitionName, _ keyFile: String, _ session: Session, _ mutation: MutationOptions
    ) async throws -> (SealChangeResponse, UnsealKey) {
        let primary = try await PartitionSeals.primary(of: name, session)
        if let refusal = SealInit.refusal(name, primary) { throw refusal }
        guard !SecureFile.exists(keyFile) else {
            throw CommandFailure(
                "key_file_exists", "\(keyFile) is there already and is not overwritten",
                reason: "it may be the only copy of another key; nothing was changed",
                next: "choose another place, or move the old one away first", status: .refused)
        }
        let mesh = session.operatorIdentity.credential.mesh
        let (keyring, key) = Keyring.initialise(VaultOwner(mesh: mesh, partition: name))
        if !mutation.dryRun { try UnsealKeyFile.write(key, to: keyFile) }
        let client = try session.client(of: primary.address)
        defer { client.close() }
        let body = InitSealRequest(
            keyring: Base64Bytes(keyring.bytes), key: UnsealRound.text(of: key), reason: mutation.reason)
        do throws(ClientError) {
            return (try await client.call(.initSeal, query: mutation.query, body: body), key)
        } catch {
            // Refused, nothing needs the key; where it may have been done the key stays whatever comes.
            let isOpen = error.mayHaveChanged || error.problem?.changed == true
            if !mutation.dryRun, !isOpen { try? SecureFile.remove(keyFile) }
            if isOpen {
                Console.warn(
                    "the keyring may be journaled: keep \(keyFile); see boltctl seal status --partition \(name)")
            }
            throw error
        }
    }
}
