import ArgumentParser
import BoltAPI
import BoltClient
import Identity
import Spanner
import Vault

/// `boltctl seal unseal`
struct SealUnseal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unseal", abstract: "Give the bolts of a partition the key that opens its secrets.",
        discussion: """
            The key file says whose key it is. The key goes to each bolt of that partition over mutual TLS, or to the \
            bolts that --only names, and is kept by none: a bolt that starts again is sealed again.

            Exit 5 where some bolts were unsealed and others not, 1 where none was.

            EXAMPLES
              boltctl seal unseal --key-file north.key
              boltctl seal unseal --key-file north.key --partition north
              boltctl seal unseal --key-file north.key --only b.north
            """)

    @Option(name: .customLong("key-file"), help: "The unseal key: a file of mode 0600.")
    var keyFile: String
    @Option(name: .long, help: "The partition that the key has to be of. Default: whichever it is of.")
    var partition: String?
    @Option(name: .long, help: "Only this bolt, NAME.PARTITION; may be repeated.")
    var only: [String] = []
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let key = try UnsealKeyFile.read(keyFile)
        let session = try connection.session()
        guard key.owner.mesh == session.operatorIdentity.credential.mesh else {
            throw CommandFailure(
                "vault_wrong_key", "\(keyFile) is the key of another mesh, \(key.owner)",
                reason: "it was given to nobody", next: "use the key of this mesh, or another --context")
        }
        if let refusal = try refusal(of: key.owner.partition) { throw refusal }
        var bolts = try await PartitionSeals.bolts(of: key.owner.partition, session)
        if !only.isEmpty {
            let known = bolts.map(\.fullName)
            if let stranger = only.first(where: { !known.contains($0) }) {
                let hint = NearestName.suggest(stranger, among: known).map { "; did you mean \($0)?" } ?? ""
                throw CommandFailure(
                    "not_found", "\(stranger) is no bolt of \(key.owner.partition), whose key this is\(hint)",
                    reason: "the key was given to nobody", next: "boltctl bolt list", status: .usage)
            }
            bolts = bolts.filter { only.contains($0.fullName) }
        }
        let lines = try await UnsealRound(session: session, mutation: mutation).unseal(bolts, with: key)
        try connection.output.emit(["bolts": lines], table: UnsealRound.table(lines, dryRun: mutation.dryRun))
        try UnsealRound.require(lines)
    }

    /// The key is another partition's than was named; nil where it is not.
    func refusal(of owner: PartitionName) throws -> CommandFailure? {
        guard let partition else { return nil }
        let named: PartitionName = try NamedArgument.name(partition, "--partition")
        guard named != owner else { return nil }
        return CommandFailure(
            "vault_wrong_key", "\(keyFile) is the key of partition \(owner), not of \(named)",
            reason: "it was given to nobody", next: "use the key file of \(named), or leave --partition out",
            status: .usage)
    }
}

/// A key on its way to several bolts.
struct UnsealRound {
    let session: Session
    let mutation: MutationOptions

    /// What became of it at one bolt.
    struct Line: Encodable, Sendable {
        let bolt: String
        let address: String
        /// How it stands now; missing where it could not be asked.
        let state: SealStatusResponse.State?
        /// Whether it was unsealed by this.
        let changed: Bool
        let note: String?

        var isFine: Bool { note == nil }
    }

    /// What travels: the content of the key's file.
    static func text(of key: UnsealKey) -> SecretText {
        SecretText(UnsealKeyFile.content(of: key).withBytes { Array($0) })
    }

    /// Gives the key to each bolt, all at once. A bolt that has no keyring yet is asked again for `untilHeld` seconds.
    func unseal(_ bolts: [BoltView], with key: UnsealKey, untilHeld seconds: Double = 0) async throws -> [Line] {
        try await withThrowingTaskGroup(of: (Int, Line).self) { group in
            for (index, bolt) in bolts.enumerated() {
                let client = try session.client(of: bolt.address)
                group.addTask {
                    defer { client.close() }
                    return (index, try await unseal(bolt, with: key, by: client, untilHeld: seconds))
                }
            }
            var lines: [(Int, Line)] = []
            for try await line in group { lines.append(line) }
            return lines.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func unseal(
        _ bolt: BoltView, with key: UnsealKey, by client: BoltClient, untilHeld seconds: Double
    ) async throws -> Line {
        func line(_ state: SealStatusResponse.State?, _ changed: Bool, _ note: String?) -> Line {
            Line(bolt: bolt.fullName, address: bolt.address, state: state, changed: changed, note: note)
        }
        let body = UnsealRequest(key: UnsealRound.text(of: key), reason: mutation.reason)
        var last = line(nil, false, "not asked")
        let settled: Line? = try await Waiting.until(seconds: seconds, every: .milliseconds(100)) {
            do throws(ClientError) {
                let answer: SealChangeResponse = try await client.call(.unseal, query: mutation.query, body: body)
                return line(answer.seal.state, answer.changed, nil)
            } catch {
                last = line(nil, false, error.attempts.first?.reason ?? error.detail)
                return error.problem?.code == .vaultNotInitialised ? nil : last
            }
        }
        return settled ?? last
    }

    static func table(_ lines: [Line], dryRun: Bool = false) -> String {
        var table = TextTable("BOLT", "ADDRESS", "SEAL", "BY THIS KEY", "NOTE")
        for line in lines {
            let effect: String
            switch line.state {
            case .unsealed: effect = line.changed ? "was sealed, is unsealed" : "nothing: it was unsealed before"
            case .sealed where dryRun && line.isFine: effect = "would be unsealed"
            case .sealed, .uninitialised, nil: effect = "nothing"
            }
            table.row(line.bolt, line.address, line.state?.rawValue, effect, line.note)
        }
        return table.text
    }

    /// Ends the command where a bolt did not take the key. What became of it everywhere is shown before.
    static func require(_ lines: [Line]) throws {
        let failed = lines.filter { !$0.isFine }
        guard let first = failed.first else { return }
        guard failed.count == lines.count else {
            Console.warn("\(Plural.text(failed.count, "bolt")) of \(lines.count) did not take the key")
            throw ExitCode(ExitStatus.redundancy.rawValue)
        }
        throw CommandFailure(
            "not_unsealed", "no bolt took the key", reason: "\(first.bolt): \(first.note ?? "")",
            next: "boltctl seal status", attempts: failed.map { .init(address: $0.address, reason: $0.note ?? "") })
    }
}
