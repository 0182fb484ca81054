import ArgumentParser
import BoltAPI

/// `boltctl status`
struct StatusCommand: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The mesh on one screen.",
        discussion: """
            EXAMPLES
              boltctl status
              boltctl status --bolt 10.0.0.1:7440 -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<StatusResponse> { Question(endpoint: .status) }

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
