import BoltAPI
import BoltClient

/// What each bolt holds, asked of each bolt itself and of all at once.
enum BoltDigests {
    /// One bolt's answer, or why there is none.
    struct Line: Encodable, Sendable {
        let address: String
        let answer: RosterDigestResponse?
        let error: String?
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
        let missing = lines.filter { $0.answer == nil }
        guard !missing.isEmpty else { return }
        let attempts = missing.map { ClientError.Attempt(address: $0.address, reason: $0.error ?? "no answer") }
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
        for line in lines where line.answer == nil {
            Console.warn("\(line.address) could not be asked: \(line.error ?? "no answer")")
        }
    }
}
