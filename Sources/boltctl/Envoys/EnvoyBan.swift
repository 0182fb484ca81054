import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl envoy ban`
struct EnvoyBan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ban", abstract: "Shut a machine out for ever: its key and every key of its lineage.",
        discussion: """
            The ban is signed by the operator's own key, so it outlives the bolt that carries it. With --wait a \
            receipt shows at which bolts it is in force, after how long, and which could not be asked. Of whoever is \
            banned already it shows the receipt, and changes nothing. A fingerprint that no envoy has can be banned \
            too.

            EXAMPLES
              boltctl envoy ban web-7 --wait --reason "stolen"
              boltctl envoy ban 3f…64 digits… --yes -o json
            """)

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @Flag(name: .long, help: "Wait for the receipt of every bolt that can be asked.")
    var wait = false
    @Option(name: .long, help: "Seconds to wait for the receipt.")
    var timeout: Double = 15
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    /// What the command answers.
    struct Answer: Encodable {
        let keys: [KeyFingerprint]
        let change: ChangeResponse
        let receipt: ReceiptResponse?
        /// Whether the ban was there before: nothing was written.
        var already = false
    }

    func run() async throws {
        let poster = ActPoster(session: try connection.session(), mutation: mutation)
        let target: BanTarget
        switch try await self.target(poster) {
        case .found(let found): target = found
        case .banned(let ban): return try await show(ban, poster)
        }
        let change = try await poster.carryOut(
            PlannedChange(
                "Ban \(target.subject) for ever (\(Plural.text(target.keys.count, "key")))?",
                .ban(keys: target.keys, principal: target.id, cut: OperatorAct.Cut())))
        var receipt: ReceiptResponse?
        if wait, let dot = change.dot { receipt = try await poster.receipt(of: dot, seconds: timeout) }
        var lines = [target.line(dryRun: mutation.dryRun), ActPoster.line(change)]
        if let receipt { lines += ["", ReceiptTable.text(receipt)] }
        try connection.output.emit(
            Answer(keys: target.keys, change: change, receipt: receipt), table: lines.joined(separator: "\n"))
        // In force where it was asked, but not everywhere yet: scripts should know.
        if let receipt, !receipt.complete { throw ExitCode(ExitStatus.redundancy.rawValue) }
    }

    /// Whom the argument means.
    private enum Found {
        case found(BanTarget)
        /// The event that bans it already.
        case banned(RosterFactView)
    }

    private func target(_ poster: ActPoster) async throws -> Found {
        do {
            return .found(BanTarget(try await poster.subject(name, role: .envoy).0, namedBy: name))
        } catch let failure as CommandFailure where failure.code == "not_found" {
            let explained = try await self.explained(poster)
            if let ban = explained.flatMap({ BanTarget.standing(in: $0) }) { return .banned(ban) }
            guard let fingerprint = KeyFingerprint(apiText: name) else { throw failure }
            return .found(BanTarget(unknown: fingerprint))
        }
    }

    /// What the roster says of the argument; nil where it was never heard of.
    private func explained(_ poster: ActPoster) async throws -> ExplainResponse? {
        do throws(ClientError) {
            return try await poster.session.client.call(.envoyExplain, [name])
        } catch {
            guard error.problem?.code == .notFound || error.problem?.code == .badRequest else { throw error }
            return nil
        }
    }

    /// The receipt of a ban that stands already: a second one would change nothing, and is not written.
    private func show(_ ban: RosterFactView, _ poster: ActPoster) async throws {
        let receipt = try await poster.receipt(of: ban.dot, seconds: wait ? timeout : 0)
        let holders = receipt.bolts.filter { $0.state == .inForce }.map(\.bolt)
        let change = ChangeResponse(
            dot: ban.dot, level: holders.count > 1 ? .spread(holders.count) : .local, spread: holders,
            dryRun: mutation.dryRun, effects: [])
        let lines = [
            "\(name) is banned since \(Console.time(milliseconds: ban.at.milliseconds)) by \(ban.author): \(ban.text)",
            "nothing was changed", "", ReceiptTable.text(receipt),
        ]
        let keys = KeyFingerprint(apiText: name).map { [$0] } ?? []
        try connection.output.emit(
            Answer(keys: keys, change: change, receipt: receipt, already: true), table: lines.joined(separator: "\n"))
        if wait, !receipt.complete { throw ExitCode(ExitStatus.redundancy.rawValue) }
    }
}

/// Whom a ban shuts out.
struct BanTarget {
    /// What to call it.
    let subject: String
    /// Every key that is banned, in order.
    let keys: [KeyFingerprint]
    /// The envoy's id, where a key of it is known.
    let id: PrincipalID?
    private let detail: String

    /// An envoy with all keys of its lineage, however it was named.
    init(_ envoy: PrincipalView, namedBy argument: String) {
        let all = Set(envoy.lineage + [envoy.fingerprint]).sorted()
        keys = Array(all.prefix(RosterLimits.banKeysMax))
        let isOld = argument != envoy.fingerprint.description && KeyFingerprint(apiText: argument) != nil
        subject = isOld ? "\(envoy.name) (an older key names it)" : envoy.name.text
        id = envoy.id
        let current = "its key \(envoy.fingerprint)"
        detail = keys.count == 1 ? current : "\(current) and \(keys.count - 1) more of its lineage"
    }

    /// A key that no envoy has.
    init(unknown key: KeyFingerprint) {
        (subject, keys, id) = ("a key that no envoy has", [key], nil)
        detail = "\(key)"
    }

    /// The ban that shuts out whoever was explained; nil where none does, or where the name had others since who were
    /// not banned but removed: then it is not certain who is meant.
    static func standing(in explained: ExplainResponse) -> RosterFactView? {
        guard explained.standing == .banned, !explained.facts.contains(where: { $0.kind == "removed" }) else {
            return nil
        }
        return explained.facts.last { $0.kind == "banned" }
    }

    /// What was done, in one line however many keys there are.
    func line(dryRun: Bool) -> String { "\(dryRun ? "would ban" : "banned") \(subject): \(detail)" }
}

/// A receipt as a table.
enum ReceiptTable {
    static func text(_ receipt: ReceiptResponse) -> String {
        var table = TextTable("BOLT", "STATE", "AFTER")
        for line in receipt.bolts {
            table.row(
                line.bolt, line.state.rawValue.replacing("_", with: " "),
                line.afterMilliseconds.map { "\(Int($0.rounded())) ms" })
        }
        let missing = receipt.bolts.filter { $0.state != .inForce }.map(\.bolt)
        let verdict =
            missing.isEmpty
            ? "in force at every bolt" : "not yet known to be in force at \(missing.joined(separator: ", "))"
        return table.text + "\n" + verdict
    }
}
