import BoltAPI
import BoltClient

/// What each bolt holds, asked of each bolt itself and of all at once.
enum BoltDigests {
    /// One bolt's answer, or why there is none.
    struct Line: Encodable, Sendable {
        let address: String
        let answer: RosterDigestResponse?
        let error: String?
        /// Who should be there, by the roster; nil where no bolt of it has this address.
        var bolt: String?
        /// Whether no bolt of the mesh has this address any more: its silence is no finding.
        var isStale = false

        enum CodingKeys: String, CodingKey {
            case address, answer, error, bolt
            case isStale = "stale"
        }
    }

    /// Every bolt of the mesh: those of the context, and whoever else the roster names. Where the command line names
    /// bolts, these alone.
    static func askAll(_ session: Session) async throws -> [Line] {
        let lines = try await ask(session.context.bolts, session)
        guard !session.isNamed, lines.contains(where: { $0.answer != nil }) else { return lines }
        let known: BoltsResponse = try await session.client.call(.bolts)
        let bolts = known.bolts.filter { $0.standing == .active }
        return merged(lines, try await ask(unasked(bolts, lines).map(\.address), session), bolts)
    }

    /// Bolts of the roster that none of the addresses led to: neither by their address nor by the name that answered.
    static func unasked(_ bolts: [BoltView], _ lines: [Line]) -> [BoltView] {
        let asked = Set(lines.map(\.address))
        let answered = Set(lines.compactMap(\.answer?.bolt))
        return bolts.filter { !asked.contains($0.address) && !answered.contains($0.fullName) }
    }

    /// All lines, each with the name that the roster gives the address; one that is silent and of no bolt is stale.
    static func merged(_ lines: [Line], _ more: [Line], _ bolts: [BoltView]) -> [Line] {
        (lines + more).map { line in
            var line = line
            line.bolt = line.answer?.bolt ?? bolts.first { $0.address == line.address }?.fullName
            line.isStale = line.answer == nil && line.bolt == nil
            return line
        }
    }

    /// One line an address, in their order.
    static func ask(_ addresses: [String], _ session: Session) async throws -> [Line] {
        try await withThrowingTaskGroup(of: (Int, Line).self) { group in
            for (index, address) in addresses.enumerated() {
                let client = try session.client(of: address)
                group.addTask {
                    defer { client.close() }
                    do throws(ClientError) {
                        let answer: RosterDigestResponse = try await client.call(.rosterDigest)
                        return (index, Line(address: address, answer: answer, error: nil))
                    } catch {
                        return (
                            index,
                            Line(address: address, answer: nil, error: error.attempts.first?.reason ?? error.detail)
                        )
                    }
                }
            }
            var lines: [(Int, Line)] = []
            for try await line in group { lines.append(line) }
            return lines.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Ends the command where a bolt did not answer: with 69 where none did, else with 1. What was learnt is shown
    /// before.
    static func requireAll(_ lines: [Line]) throws {
        let lines = lines.filter { !$0.isStale }
        let missing = lines.filter { $0.answer == nil }
        guard !missing.isEmpty else { return }
        let attempts = missing.map { line in
            ClientError.Attempt(
                address: line.address + (line.bolt.map { " (\($0))" } ?? ""), reason: line.error ?? "no answer")
        }
        guard missing.count < lines.count else {
            throw CommandFailure(
                "unreachable", "no bolt could be asked", next: "check that a bolt runs there: boltctl context show",
                status: .unavailable, attempts: attempts)
        }
        throw CommandFailure(
            "unreachable", "\(Plural.text(missing.count, "bolt")) of \(lines.count) could not be asked",
            next: "boltctl status", attempts: attempts)
    }

    /// The same as a warning, where the command ends otherwise.
    static func warnOfMissing(_ lines: [Line]) {
        for line in lines where line.answer == nil && !line.isStale {
            Console.warn("\(line.bolt ?? line.address) could not be asked: \(line.error ?? "no answer")")
        }
    }
}
