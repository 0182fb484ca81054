import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl slice verify`
struct SliceVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that every slice has one owner, that all bolts agree, and owners serve.",
        discussion: """
            Asks every bolt itself. What can be over in a moment, because news travel or a slice is being handed over, \
            is looked at again until --timeout. With --bolt only the bolts named are asked, and the verdict says so. \
            A bolt that does not answer is a finding where its partition owns slices, and a warning where it owns \
            none, as after a takeover. Exit 0 where every slice is as it should be, 1 where one is not, 69 where no \
            bolt answers.

            EXAMPLES
              boltctl slice verify
              boltctl slice verify --timeout 60 -o json
            """)

    @Option(name: .long, help: "Seconds to wait for what can be over in a moment.")
    var timeout: Double = 10
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        guard timeout >= 0, timeout <= 3600 else {
            throw CommandFailure("bad_timeout", "--timeout takes 0 to 3600 seconds", status: .usage)
        }
        let session = try connection.session()
        let verifier = SliceVerifier(session: session)
        let (verification, lines) = try await verifier.verify(seconds: timeout)
        let differences = try await verifier.differences(verification, lines)
        try connection.output.emit(
            Extended(
                answer: verification,
                more: Answer(verdict: Self.verdict(verification), lines: lines, differences: differences)),
            table: Self.table(verification, lines, differences))
        if !verification.isVerified { throw ExitCode(ExitStatus.error.rawValue) }
    }

    /// What is said beside the verdict.
    struct Answer: Encodable {
        let verdict: String
        let lines: [SliceDigests.Line]
        let differences: [SliceVerifier.Difference]
    }

    static func table(
        _ verification: SliceVerification, _ lines: [SliceDigests.Line], _ differences: [SliceVerifier.Difference]
    ) -> String {
        var table = TextTable("BOLT", "PRIMARY", "TOPOLOGY", "SLICES", "OWNERS", "SERVED HERE", "NOTE")
        for line in lines {
            table.row(
                line.name, line.answer.map { $0.isPrimary ? "yes" : "no" }, line.answer?.version.shortHex,
                line.answer.map { "\($0.groups.reduce(0) { $0 + Int($1.slices) })" },
                line.answer.map { $0.groups.map { "\($0.name) \($0.registers.shortHex)" }.joined(separator: ", ") },
                line.answer.map { holdings($0) }, line.error)
        }
        var parts = [table.text(columns: Screen.tableColumns)]
        if !differences.isEmpty { parts.append(Self.table(differences)) }
        parts += verification.warnings.map { "warning: \($0.what)\n  next: \($0.next)" }
        parts += verification.findings.map { "\($0.what)\n  next: \($0.next)" }
        parts.append(verdict(verification))
        return parts.joined(separator: "\n\n")
    }

    static func verdict(_ verification: SliceVerification) -> String {
        guard verification.isVerified else {
            return "not verified: \(Plural.text(verification.findings.count, "finding"))"
        }
        guard verification.unasked == 0 else {
            let all = verification.bolts + verification.unasked
            return "verified as far as was asked, \(verification.bolts) of \(Plural.text(all, "bolt")): every one of "
                + "\(Plural.text(verification.slices, "slice")) has one owner; what the others serve is not known"
        }
        guard verification.slices > 0 else {
            return "verified: \(Plural.text(verification.answered, "bolt")) agree that there is no slice yet"
        }
        let silent = verification.warnings.count
        let rest = silent == 0 ? "" : "; \(Plural.text(silent, "bolt")) of partitions that own none could not be asked"
        return "verified: every one of \(Plural.text(verification.slices, "slice")) has one owner, which serves it; "
            + "\(Plural.text(verification.answered, "bolt")) agree\(rest)"
    }

    private static func holdings(_ answer: SliceDigestResponse) -> String {
        var sums: [HandoffSliceState: UInt64] = [:]
        for holding in answer.holdings { sums[holding.state, default: 0] += UInt64(holding.slices) }
        return HandoffSliceState.allCases.compactMap { state in sums[state].map { "\($0) \(state.rawValue)" } }
            .joined(separator: ", ")
    }

    private static func table(_ differences: [SliceVerifier.Difference]) -> String {
        var table = TextTable("SLICE", "AT", "OWNER", "HANDOVERS", "AT", "OWNER", "HANDOVERS")
        for difference in differences {
            table.row(
                difference.slice, difference.first.bolt, difference.first.owner.text, "\(difference.first.position)",
                difference.second.bolt, difference.second.owner.text, "\(difference.second.position)")
        }
        return table.text
    }
}

/// Asks all bolts about the registers, and looks closer where they disagree.
struct SliceVerifier {
    let session: Session

    /// One slice about which two bolts disagree.
    struct Difference: Encodable, Hashable {
        /// What one bolt says.
        struct Side: Encodable, Hashable {
            let bolt: String
            let owner: PartitionName
            let position: UInt64
            let register: Bytes32
        }
        /// `web/17`.
        let slice: String
        let first: Side
        let second: Side
    }

    /// Differences that are shown of one group.
    static let differencesMax = 20

    /// The verdict: looked at again while all that is wrong may pass, until the time is over.
    func verify(seconds: Double) async throws -> (SliceVerification, [SliceDigests.Line]) {
        var (last, progress) = ((SliceVerification, [SliceDigests.Line])?.none, Progress())
        let found: (SliceVerification, [SliceDigests.Line])? = try await Waiting.until(
            seconds: seconds, every: .milliseconds(300)
        ) {
            let asked = try await SliceDigests.askAll(session)
            let lines = asked.lines
            try Self.requireTopology(lines)
            let verification = SliceVerification(lines, unasked: asked.unasked)
            last = (verification, lines)
            guard let first = verification.findings.first else { return last }
            progress.say("not verified yet: \(first.what)")
            return verification.findings.allSatisfy(\.mayPass) ? nil : last
        }
        guard let result = found ?? last else { throw CommandFailure("unreachable", "no bolt could be asked") }
        guard result.0.answered > 0 else {
            throw CommandFailure(
                "unreachable", "no bolt could be asked", next: "check that a bolt runs there: boltctl context show",
                status: .unavailable,
                attempts: result.1.map { .init(address: $0.address, reason: $0.error ?? "no answer") })
        }
        return result
    }

    /// Ends the command where no bolt that answers knows any topology: there is nothing to verify yet.
    static func requireTopology(_ lines: [SliceDigests.Line]) throws {
        let codes = lines.compactMap(\.code)
        guard lines.allSatisfy({ $0.answer == nil }), codes.contains(.noTopology) else { return }
        throw CommandFailure(
            "no_topology", "no topology was applied yet: there are no slices", next: "boltctl topology apply FILE",
            status: .refused)
    }

    /// The slices that bolts disagree about, as two bolts that differ know them.
    func differences(
        _ verification: SliceVerification, _ lines: [SliceDigests.Line]
    ) async throws -> [Difference] {
        var found: [Difference] = []
        for group in verification.disputed {
            func view(_ line: SliceDigests.Line) -> Bytes32? {
                line.answer?.groups.first { $0.name == group }?.registers
            }
            let knowing = lines.filter { view($0) != nil }
            guard let first = knowing.first, let second = knowing.first(where: { view($0) != view(first) }) else {
                continue
            }
            let (one, other) = (try session.client(of: first.address), try session.client(of: second.address))
            defer {
                one.close()
                other.close()
            }
            do throws(ClientError) {
                let left = try await SliceDigests.slices(group, from: one)
                let right = try await SliceDigests.slices(group, from: other)
                found += Self.compare(left, first.name, right, second.name)
            } catch { Console.warn("the slices of \(group) could not be compared: \(error.detail)") }
        }
        return found
    }

    /// What two bolts say of the same slices otherwise; the first few.
    static func compare(
        _ left: [SliceView], _ first: String, _ right: [SliceView], _ second: String
    ) -> [Difference] {
        let others = Dictionary(right.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let all = left.compactMap { slice -> Difference? in
            guard let other = others[slice.name], other.register != slice.register else { return nil }
            return Difference(
                slice: slice.name,
                first: .init(bolt: first, owner: slice.owner, position: slice.position, register: slice.register),
                second: .init(bolt: second, owner: other.owner, position: other.position, register: other.register))
        }
        return Array(all.prefix(differencesMax))
    }
}
