import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl envoy show`
struct EnvoyShow: AskingCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One envoy, with what its owner knows of it.",
        discussion: """
            Its owner is asked where it can be reached: only that knows when the machine was last seen, how far its \
            results are stored, how many places of its queues hold nothing, which policy it was given, and what its \
            last pass came to. With -o json all of its traits. A banned or removed machine is shown as it was last.

            EXAMPLES
              boltctl envoy show web-7
              boltctl envoy show web-7 -o json
            """)

    @Argument(help: "Name, id or fingerprint.")
    var name: String
    @OptionGroup var connection: ConnectionOptions

    func question() -> Question<EnvoyResponse> { Question(endpoint: .envoy, arguments: [name]) }

    /// The owner knows more than any other bolt: it is asked where somebody else answered and it can be reached.
    func preferred(_ answer: EnvoyResponse, _ session: Session) async throws -> EnvoyResponse {
        let envoy = answer.envoy
        guard !session.isNamed, let owner = envoy.owner, envoy.lastSeenAt == nil else { return answer }
        do {
            let client = try await TaskDesk(session: session).primary(of: owner)
            defer { client.close() }
            return try await client.call(.envoy, [envoy.id.apiText])
        } catch {
            try Task.checkCancellation()
            Console.note("what \(owner) knows of it is not told: \(CommandFailure(error).message)")
            return answer
        }
    }

    private static func standing(_ envoy: EnvoyView) -> String {
        switch envoy.standing {
        case .active, .unknown: envoy.standing.rawValue
        case .contested, .removed, .banned:
            "\(envoy.standing.rawValue); since when and why: boltctl envoy explain \(envoy.id)"
        }
    }

    func table(_ answer: EnvoyResponse) -> String {
        let envoy = answer.envoy
        var fields = TextFields([
            ("name", envoy.name.text), ("id", envoy.id.description), ("standing", Self.standing(envoy)),
            ("group", envoy.group?.text), ("owner", envoy.owner?.text), ("issuer", envoy.issuer?.text),
            ("key", envoy.fingerprint.description),
            ("admitted", "\(Console.time(milliseconds: envoy.admittedAt.milliseconds)) by \(envoy.admission)"),
        ])
        for (key, value) in envoy.labels.sorted(by: { $0.key < $1.key }) { fields.add("label \(key)", value) }
        if let seen = envoy.lastSeenAt { fields.add("last seen", Console.time(milliseconds: seen.milliseconds)) }
        if let stored = envoy.storedThrough { fields.add("stored", "results through \(stored)") }
        if let holes = envoy.holes, holes > 0 {
            fields.add("holes", "\(Plural.text(holes, "place")) with nothing: boltctl envoy results \(envoy.name)")
        }
        if let traits = envoy.traits, !traits.isEmpty {
            fields.add("traits", "\(Plural.text(traits.count, "fact")); -o json")
        }
        for (name, value) in envoy.policy.map({ EnvoyPolicyText.fields($0, of: envoy.standing) }) ?? [] {
            fields.add(name, value)
        }
        let resources = envoy.policy?.lastPass.map { EnvoyPolicyText.resources($0) } ?? []
        return ([fields.text] + resources).joined(separator: "\n")
    }
}

/// Passes of agents, for people.
enum PassText {
    static func outcome(_ outcome: PassRecord.Outcome) -> String {
        switch outcome {
        case .failed: "failed"
        case .held: "waits in part"
        case .changed: "changed"
        case .unchanged: "as it should be"
        }
    }

    /// `312 ms`, `2 min`.
    static func span(_ microseconds: UInt64) -> String {
        let milliseconds = microseconds / 1000
        return milliseconds < 10_000 ? "\(milliseconds) ms" : AboutText.span(Double(milliseconds) / 1000)
    }

    /// `2 changed, 40 unchanged`.
    static func counts(_ counts: PassCounts) -> String {
        let parts = [
            (counts.failed, "failed"), (counts.changed, "changed"), (counts.wouldChange, "would change"),
            (counts.skipped, "passed over"), (counts.unchanged, "unchanged"),
        ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return parts.isEmpty ? "nothing to do" : parts.joined(separator: ", ")
    }
}
