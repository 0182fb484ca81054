import ArgumentParser
import BoltAPI
import BoltClient

/// What a command asks a bolt.
struct Question<Answer: Codable & Sendable> {
    let endpoint: Endpoint
    var arguments: [String] = []
    var query: [(String, String?)] = []
}

/// A command that asks one thing and shows the answer. It changes nothing.
protocol AskingCommand: AsyncParsableCommand {
    associatedtype Answer: Codable & Sendable
    var connection: ConnectionOptions { get }
    /// What to ask; refuses bad arguments before anybody is asked.
    func question() throws -> Question<Answer>
    /// The answer to show, where another bolt's may be better.
    func preferred(_ answer: Answer, _ session: Session) async throws -> Answer
    /// The answer for people.
    func table(_ answer: Answer) -> String
    /// The answer for scripts: all that people are told, the answer itself where nothing else is said.
    func data(_ answer: Answer) -> any Encodable
}

extension AskingCommand {
    func data(_ answer: Answer) -> any Encodable { answer }

    func preferred(_ answer: Answer, _ session: Session) async throws -> Answer { answer }

    func run() async throws {
        let question = try question()
        let session = try connection.session()
        let first: Answer = try await session.client.call(
            question.endpoint, question.arguments, query: question.query)
        let answer = try await preferred(first, session)
        let value: any Encodable = data(answer)
        try show(value, table(answer))
    }

    private func show(_ value: some Encodable, _ table: String) throws {
        try connection.output.emit(value, table: table)
    }
}

/// An answer with members beside its own, in the same object.
struct Extended<Answer: Encodable, More: Encodable>: Encodable {
    let answer: Answer
    let more: More

    func encode(to encoder: any Encoder) throws {
        try answer.encode(to: encoder)
        try more.encode(to: encoder)
    }
}

/// Which part of a long list.
struct PageOptions: ParsableArguments {
    @Option(name: .long, help: "Entries to show at most; 100 of a log and 1000 of others where none is given.")
    var limit: Int?

    @Option(name: .long, help: "Begin after this entry: the next_after of the page before.")
    var after: String?

    /// The query of a page.
    func query(default count: Int = 1000) -> [(String, String?)] {
        [("after", after), ("limit", "\(limit ?? count)")]
    }

    /// What to type for the next page; nothing after the last.
    static func more(_ command: String, after next: String?) -> String {
        next.map { "\nmore: boltctl \(command) --after \($0)" } ?? ""
    }
}
