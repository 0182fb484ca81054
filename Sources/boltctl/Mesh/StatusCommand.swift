import ArgumentParser
import BoltAPI
import BoltClient

/// `boltctl status`
struct StatusCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The mesh on one screen.",
        discussion: """
            Alarms of policy are known to each partition's primary alone: all of them are asked, and those that do not \
            answer are named. With --bolt only that one is asked.

            EXAMPLES
              boltctl status
              boltctl status --bolt 10.0.0.1:7440 -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<StatusResponse> { Question(endpoint: .status) }

    /// What a removed bolt sees is of an earlier day: it is passed over where another answers, unless it was named.
    func preferred(_ answer: StatusResponse, _ session: Session) async throws -> StatusResponse {
        let answer = try await admitted(answer, session)
        return try await PolicyAlarmDesk(status: answer, isNamed: session.isNamed).whole(asking: { address in
            let client = try session.client(of: [address])
            defer { client.close() }
            return try await client.call(.status)
        })
    }

    private func admitted(_ answer: StatusResponse, _ session: Session) async throws -> StatusResponse {
        guard Self.isExpelled(answer), !session.isNamed else { return answer }
        for address in session.context.bolts {
            let client = try session.client(of: address)
            defer { client.close() }
            guard let other: StatusResponse = try? await client.call(.status), !Self.isExpelled(other) else { continue }
            Console.warn(
                "\(answer.bolt) is no longer admitted and was passed over; to forget its address: "
                    + "boltctl context refresh")
            return other
        }
        return answer
    }

    static func isExpelled(_ answer: StatusResponse) -> Bool {
        answer.alarms.contains { $0.code == "bolt_expelled" }
    }

    func table(_ answer: StatusResponse) -> String { StatusScreen(status: answer).text }

    /// What the table says beside the word of the verdict.
    struct Sentence: Encodable {
        let verdictText: String

        enum CodingKeys: String, CodingKey { case verdictText = "verdict_text" }
    }

    func data(_ answer: StatusResponse) -> any Encodable {
        Extended(answer: answer, more: Sentence(verdictText: StatusScreen(status: answer).verdict))
    }
}
