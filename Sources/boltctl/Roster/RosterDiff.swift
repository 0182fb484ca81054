import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl roster diff`
struct RosterDiff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Which events two bolts do not share. Exit 2 where they differ.",
        discussion: """
            EXAMPLES
              boltctl roster diff a.north a.south
              boltctl roster diff 127.0.0.1:7440 127.0.0.1:7450
            """)

    @Argument(help: "One bolt: NAME.PARTITION, its id, or host:port.")
    var first: String
    @Argument(help: "The other.")
    var second: String
    @OptionGroup var connection: ConnectionOptions

    /// One history in which they differ.
    struct Line: Encodable {
        let replica: ReplicaID
        let author: String
        let first: UInt64
        let second: UInt64
        /// The same counters with other hashes: a fork.
        let forked: Bool
    }

    func run() async throws {
        let session = try connection.session()
        let bolts = try await knownBolts(session)
        let addresses = try [first, second].map { try Self.address(of: $0, among: bolts) }
        let answers = try await BoltDigests.ask(addresses, session)
        try BoltDigests.requireAll(answers)
        let held = answers.compactMap(\.answer)
        let lines = Self.compare(held[0], held[1])
        try connection.output.emit(["differences": lines], table: Self.table(lines, held[0].bolt, held[1].bolt))
        if !lines.isEmpty { throw ExitCode(ExitStatus.changes.rawValue) }
    }

    /// The bolts that names are looked up among. Addresses need no look-up, so they work where nobody else answers.
    private func knownBolts(_ session: Session) async throws -> [BoltView] {
        guard ![first, second].allSatisfy(Self.isAddress) else { return [] }
        let answer: BoltsResponse = try await session.client.call(.bolts)
        return answer.bolts
    }

    static func isAddress(_ text: String) -> Bool { text.contains(":") && HostPort(text) != nil }

    /// Where a bolt is asked that an argument names.
    static func address(of text: String, among bolts: [BoltView]) throws -> String {
        if isAddress(text) { return text }
        let found = bolts.filter {
            [$0.fullName, $0.name.text, $0.id.description, $0.fingerprint.description].contains(text)
        }
        guard found.count <= 1 else {
            throw CommandFailure(
                "ambiguous", "\(found.count) bolts are named \(text)",
                next: "name one of \(found.map(\.fullName).joined(separator: ", "))", status: .usage)
        }
        guard let bolt = found.first else {
            let near = NearestName.suggest(text, among: bolts.map(\.fullName)).map { "; did you mean \($0)?" } ?? ""
            throw CommandFailure("not_found", "no bolt is named \(text)\(near)", next: "boltctl bolt list")
        }
        return bolt.address
    }

    static func table(_ lines: [Line], _ left: String, _ right: String) -> String {
        guard !lines.isEmpty else { return "\(left) and \(right) hold the same" }
        var table = TextTable("HISTORY", "AUTHOR", left, right, "NOTE")
        for line in lines {
            table.row("\(line.replica)", line.author, "\(line.first)", "\(line.second)", line.forked ? "forked" : nil)
        }
        return table.text
    }

    static func compare(_ left: RosterDigestResponse, _ right: RosterDigestResponse) -> [Line] {
        let (a, b) = (byReplica(left), byReplica(right))
        return Set(a.keys).union(b.keys).sorted().compactMap { replica in
            let (one, two) = (a[replica], b[replica])
            guard one?.counter != two?.counter || one?.head != two?.head else { return nil }
            return Line(
                replica: replica, author: one?.author ?? two?.author ?? "", first: one?.counter ?? 0,
                second: two?.counter ?? 0, forked: one?.counter == two?.counter)
        }
    }

    private static func byReplica(_ answer: RosterDigestResponse) -> [ReplicaID: ReplicaHead] {
        Dictionary(answer.replicas.map { ($0.replica, $0) }, uniquingKeysWith: { first, _ in first })
    }
}
