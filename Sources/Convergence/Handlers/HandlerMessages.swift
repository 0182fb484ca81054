internal import Foundation
internal import Policy

/// What a handler is given: one JSON object on its standard input.
struct HandlerRequest: Encodable {
    /// What is wanted of it.
    enum Action: String, Encodable {
        /// Say what would change, and change nothing.
        case plan
        /// Change it.
        case apply
    }

    var version = 1
    var action: Action
    var type: String
    var name: String
    var properties: PolicyValue
    /// The directory below which the machine's files are.
    var root: String
    var traits: [String: PolicyValue]
    /// Whether something that notifies this resource was changed: a service restarts.
    var notified: Bool

    /// The object and a line end; nil where a value is no JSON.
    var bytes: [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) + [0x0A] }
    }
}

/// What a handler answers: one JSON object on its standard output, and nothing else there.
struct HandlerAnswer: Decodable {
    /// How it is, or became.
    enum State: String, Decodable {
        /// As it should be; nothing to change, nothing changed.
        case unchanged
        /// Asked to plan: it would change. Asked to apply: it has changed.
        case changed
        /// It can't be told or done.
        case failed
    }

    var state: State
    /// How it differs, for people.
    var diff: String?
    /// Why it failed, or what was done, for people.
    var reason: String?

    /// From all that the handler printed; nil where that is no answer.
    init?(_ bytes: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(HandlerAnswer.self, from: Data(bytes)) else { return nil }
        self = answer
    }
}
