import ArgumentParser
import BoltAPI
import BoltClient
import Foundation
import Policy
import Spanner

/// `boltctl stack preview`
struct StackPreview: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview", abstract: "What a machine gets: each resource, with its content as it would be there.",
        discussion: """
            Resolved as the machine itself does it, against the traits that it last told or those of --traits, a file \
            that holds a JSON object. What is in force is shown, or --revision, or the directory of --dir. Secrets \
            stand as their names. Layers whose conditions on traits do not hold are left out, and named with the \
            condition. With --group or --label nobody is asked: the machine need not exist; that needs --dir.

            Exit 1 where a resource cannot be told for this machine.

            EXAMPLES
              boltctl stack preview web-7
              boltctl stack preview web-7 --dir examples/stack --resource file:/etc/motd
              boltctl stack preview web-99 --dir examples/stack --group web --label env=prod --traits traits.json
            """)

    @Argument(help: "Name, id or fingerprint of the machine.")
    var envoy: String
    @Option(name: .long, help: "A directory that holds a stack, instead of what is in force.")
    var dir: String?
    @Option(name: .long, help: "An earlier revision: its name, the start of its digest, or its version.")
    var revision: String?
    @Option(name: .long, help: "A file of traits, a JSON object. Default: what the machine last told.")
    var traits: String?
    @Option(name: .long, help: "Group of a machine that need not exist.")
    var group: String?
    @Option(name: .long, help: "A label of such a machine, key=value; may be repeated.")
    var label: [String] = []
    @Option(name: .long, help: "Only this resource, as file:/etc/motd, with all of its content; may be repeated.")
    var resource: [String] = []
    @OptionGroup var connection: ConnectionOptions

    /// Whether nobody is asked.
    private var isMadeUp: Bool { group != nil || !label.isEmpty }

    func run() async throws {
        try check()
        let given = try traits.map { try PreviewTraits.read($0) }
        let subject: PreviewSubject
        if isMadeUp, let dir {
            subject = try PreviewSubject(madeUp: facts(), stack: LocalStack(dir).require(), from: dir)
        } else {
            subject = try await asked()
        }
        let preview = Preview(subject, traits: given, only: try Set(resource.map { try Self.id($0) }))
        for id in resource where !preview.resources.contains(where: { $0.id == id }) {
            throw Self.absent(id, subject, preview, next: "boltctl stack preview \(envoy)")
        }
        try connection.output.emit(preview, table: preview.table(whole: !resource.isEmpty))
        if preview.resources.contains(where: { $0.fault != nil }) { throw ExitCode(ExitStatus.error.rawValue) }
    }

    /// A resource that was asked for and that the machine does not get; with the reason where its layers have it.
    static func absent(_ id: String, _ subject: PreviewSubject, _ preview: Preview, next: String) -> CommandFailure {
        let why = ResourceID(id).flatMap { subject.body.whyLeftOut($0, for: preview.traits) }
        return CommandFailure(
            "not_found", "\(subject.facts.name) does not get \(id)", reason: why.map { TerminalText.line($0) },
            next: next)
    }

    /// Refuses bad arguments before anybody is asked.
    func check() throws {
        guard dir == nil || revision == nil else {
            throw CommandFailure(
                "two_contents", "--dir and --revision say two things", next: "leave one of them out", status: .usage)
        }
        guard !isMadeUp || dir != nil else {
            throw CommandFailure(
                "no_content", "--group and --label are of a machine that need not exist, which needs --dir",
                next: "add --dir DIR, or leave them out", status: .usage)
        }
        if isMadeUp { _ = try facts() }
        for text in resource { _ = try Self.id(text) }
    }

    private static func id(_ text: String) throws -> String {
        guard let id = ResourceID(text) else {
            throw CommandFailure(
                "bad_id", "--resource “\(text)” is no resource's id", next: "write it as file:/etc/motd",
                status: .usage)
        }
        return id.text
    }

    /// A machine as the arguments have it.
    func facts() throws -> StandingFacts {
        StandingFacts(
            id: PrincipalID(high: 0, low: 0), name: try NamedArgument.name(envoy, "the machine"),
            group: try group.map { try NamedArgument.name($0, "--group") }, labels: try LabelArgument.labels(label))
    }

    private func asked() async throws -> PreviewSubject {
        let desk = StackDesk(session: try connection.session())
        guard let dir else {
            let owner = try await owner(desk)
            let answer: PreviewResponse = try await desk.ask(
                .stackPreview, of: owner, query: [("envoy", envoy), ("revision", revision)])
            return try PreviewSubject(answer)
        }
        let stack = try LocalStack(dir).require()
        let found: EnvoyResponse = try await desk.ask(.envoy, [envoy], of: try await owner(desk))
        return try PreviewSubject(found.envoy, stack: stack, from: dir)
    }

    private func owner(_ desk: StackDesk) async throws -> PartitionName {
        let found: EnvoyResponse = try await desk.session.client.call(.envoy, [envoy])
        guard let owner = found.envoy.owner else {
            throw CommandFailure(
                "no_owner", "no partition owns \(found.envoy.name)", next: "boltctl envoy explain \(envoy)")
        }
        return owner
    }
}

/// Labels as they stand in arguments.
enum LabelArgument {
    /// `key=value`, each key once.
    static func labels(_ texts: [String]) throws -> [String: String] {
        var labels: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, labels[String(parts[0])] == nil else {
                throw CommandFailure(
                    "bad_label", "--label takes key=value, each key once; not “\(text)”", status: .usage)
            }
            labels[String(parts[0])] = String(parts[1])
        }
        return labels
    }
}

/// Traits as they stand in a file.
enum PreviewTraits {
    /// A JSON object of a file, at most `APILimits.traitsBytesMax` bytes.
    static func read(_ path: String) throws -> [String: PolicyValue] {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw CommandFailure("no_such_file", "\(path) cannot be read", next: "check the path", status: .usage)
        }
        defer { try? handle.close() }
        guard let data = try? handle.read(upToCount: APILimits.traitsBytesMax + 1) ?? Data(),
            data.count <= APILimits.traitsBytesMax
        else {
            throw CommandFailure(
                Problem.Code.tooLarge.rawValue, "traits have at most \(APILimits.traitsBytesMax) bytes", status: .usage)
        }
        do { return try APIJSON.decode([String: PolicyValue].self, from: data) } catch {
            throw CommandFailure(
                "bad_traits", "\(path) holds no JSON object", reason: APIJSON.explain(error),
                next: "see what a machine tells: boltctl envoy show NAME -o json", status: .usage)
        }
    }

    /// Traits as a bolt has them.
    static func values(_ traits: [String: JSONValue]) throws -> [String: PolicyValue] {
        try APIJSON.decode([String: PolicyValue].self, from: APIJSON.encode(traits))
    }
}
