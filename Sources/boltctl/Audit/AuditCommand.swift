import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Foundation
import Identity
import Spanner

/// `boltctl audit …`
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who did what in a partition, and why.",
        subcommands: [AuditLog.self, AuditVerify.self])
}

/// `boltctl audit log`
struct AuditLog: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "A partition's audit log, a page at a time.",
        discussion: """
            EXAMPLES
              boltctl audit log north
              boltctl audit log north --at b.north --after 100 -o json
            """)

    @Argument(help: "The partition.")
    var partition: String
    @Option(name: .long, help: "Whose copy, NAME.PARTITION. Default: the primary's.")
    var at: String?
    @OptionGroup var page: PageOptions
    @OptionGroup var connection: ConnectionOptions

    func question() throws -> Question<AuditResponse> {
        let name: PartitionName = try NamedArgument.name(partition, "the partition")
        return Question(
            endpoint: .partitionAudit, arguments: [name.text], query: [("bolt", at)] + page.query(default: 100))
    }

    func table(_ answer: AuditResponse) -> String {
        var table = TextTable("NUMBER", "TIME", "WHO", "ACTION", "OF", "REASON")
        for record in answer.records {
            table.row(
                "\(record.number)", Console.time(milliseconds: record.at.milliseconds), record.actor, record.action,
                record.object, record.reason)
        }
        return table.text + PageOptions.more("audit log \(partition)", after: answer.nextAfter.map { "\($0)" })
    }
}

/// `boltctl audit verify`
struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check a partition's audit log here, line by line, on every bolt that has it.",
        discussion: """
            Reads the whole log from each bolt of the partition, recomputes its chain of hashes on this machine, and \
            compares the copies. Exit 1 where a line does not follow the one before it, or where copies differ in a \
            line that both have.

            EXAMPLES
              boltctl audit verify north
            """)

    @Argument(help: "The partition.")
    var partition: String
    @OptionGroup var connection: ConnectionOptions

    /// One bolt's copy.
    struct Line: Encodable {
        let bolt: String
        let records: UInt64
        let hash: Bytes32?
        /// What is wrong with it; nil where it is whole.
        let finding: String?
    }

    /// What the command answers.
    struct Answer: Encodable {
        let partition: PartitionName
        let valid: Bool
        let copies: [Line]
    }

    func run() async throws {
        let name: PartitionName = try NamedArgument.name(partition, "the partition")
        let session = try connection.session()
        let view: PartitionResponse = try await session.client.call(.partition, [name.text])
        var chains: [AuditChain] = []
        for bolt in view.partition.bolts { chains.append(await AuditChain.read(bolt, of: name, session)) }
        AuditChain.compare(&chains)
        let lines = chains.map { Line(bolt: $0.bolt, records: $0.count, hash: $0.hashes.last, finding: $0.finding) }
        let valid = lines.contains { $0.finding == nil } && !chains.contains { $0.isWrong }
        var table = TextTable("BOLT", "LINES", "HASH", "FINDING")
        for line in lines { table.row(line.bolt, "\(line.records)", line.hash?.shortHex, line.finding ?? "whole") }
        try connection.output.emit(
            Answer(partition: name, valid: valid, copies: lines),
            table: table.text + "\n" + (valid ? "every copy that could be read is whole" : "not valid"))
        if !valid { throw ExitCode(ExitStatus.error.rawValue) }
    }
}

/// One bolt's audit log, checked line by line.
struct AuditChain {
    let bolt: String
    /// The chain's value with each line, recomputed here.
    var hashes: [Bytes32] = []
    var finding: String?
    /// Whether the copy is wrong, not merely out of reach.
    var isWrong = false

    var count: UInt64 { UInt64(hashes.count) }

    init(bolt: String) { self.bolt = bolt }

    /// Reads and checks all of one bolt's copy.
    static func read(_ bolt: String, of partition: PartitionName, _ session: Session) async -> AuditChain {
        var chain = AuditChain(bolt: bolt)
        var after: UInt64? = 0
        while let start = after, chain.finding == nil {
            do throws(ClientError) {
                let page: AuditResponse = try await session.client.call(
                    .partitionAudit, [partition.text],
                    query: [("bolt", bolt), ("after", "\(start)"), ("limit", "\(APILimits.pageCountMax)")])
                chain.take(page.records)
                after = page.nextAfter
                // A page that does not go on would be asked for for ever.
                if let next = after, next <= start { after = nil }
            } catch { chain.finding = "cannot be read: \(error.attempts.first?.reason ?? error.detail)" }
        }
        return chain
    }

    /// Goes on with lines; notes the first that does not follow.
    mutating func take(_ records: [AuditRecordView]) {
        for record in records where finding == nil {
            let expected = BLAKE2b.hash(record.hashed(after: hashes.last ?? .zero))
            guard record.number == count + 1, record.hash == expected else {
                (finding, isWrong) = ("line \(record.number) does not follow line \(count)", true)
                return
            }
            hashes.append(expected)
        }
    }

    /// Copies may be shorter, never different.
    static func compare(_ chains: inout [AuditChain]) {
        guard let longest = chains.max(by: { $0.count < $1.count }) else { return }
        for index in chains.indices where chains[index].finding == nil {
            let pairs = zip(chains[index].hashes, longest.hashes)
            guard let place = Array(pairs).firstIndex(where: { $0 != $1 }) else { continue }
            (chains[index].finding, chains[index].isWrong) =
                ("line \(place + 1) differs from that of \(longest.bolt)", true)
        }
    }
}
