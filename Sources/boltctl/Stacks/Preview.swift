import BoltAPI
import CRDT
import Foundation
import Identity
import Policy
import Spanner

/// A machine and the body that it would get.
struct PreviewSubject {
    let facts: StandingFacts
    /// The revision, or the directory.
    let revision: String
    let layers: [String]
    let body: PolicyBody
    /// Secrets that the body names and the partition does not keep.
    let missingSecrets: [String]
    /// What the machine last told of itself.
    let traits: [String: PolicyValue]
    /// When that was; nil where it told nothing.
    let traitsAt: WallTime?

    /// As the machine's owner has it. What came is refused unless it is the body that its digest names.
    init(_ answer: PreviewResponse) throws {
        do { body = try PolicyBody(bytes: answer.body.bytes) } catch {
            throw CommandFailure(
                "bad_answer", "\(answer.bolt) told a body that is none", reason: error.reason,
                next: "use a boltctl of the same version as that bolt")
        }
        guard BLAKE2b.hash(answer.body.bytes) == answer.digest else {
            throw CommandFailure(
                "bad_answer", "\(answer.bolt) told another body than it names", next: "ask again; keep the bolt's log")
        }
        facts = StandingFacts(id: answer.envoy, name: answer.name, group: answer.group, labels: answer.labels)
        (revision, layers) = (answer.revision, answer.layers)
        missingSecrets = answer.secrets.filter { !$0.isKept }.map(\.name)
        traits = try PreviewTraits.values(answer.traits ?? [:])
        traitsAt = answer.traitsAt
    }

    /// A machine of the mesh, and a stack from here.
    init(_ envoy: EnvoyView, stack: Stack, from directory: String) throws {
        try self.init(
            StandingFacts(id: envoy.id, name: envoy.name, group: envoy.group, labels: envoy.labels), stack, directory,
            traits: PreviewTraits.values(envoy.traits ?? [:]), traitsAt: envoy.lastSeenAt)
    }

    /// A machine that need not exist, and a stack from here.
    init(madeUp facts: StandingFacts, stack: Stack, from directory: String) throws {
        try self.init(facts, stack, directory, traits: [:], traitsAt: nil)
    }

    private init(
        _ facts: StandingFacts, _ stack: Stack, _ directory: String, traits: [String: PolicyValue],
        traitsAt: WallTime?
    ) throws {
        let selection = stack.selection(for: facts)
        switch stack.body(of: selection) {
        case .success(let made): body = made
        case .failure(let faults): throw StackFailure.invalid(directory, faults)
        }
        (self.facts, revision, layers, missingSecrets) = (facts, directory, selection.layers, [])
        (self.traits, self.traitsAt) = (traits, traitsAt)
    }
}

/// What a machine gets, resolved as it does it itself. No secret is in it: each stands as its name.
struct Preview: Encodable {
    /// One resource.
    struct Resource: Encodable {
        let id: String
        let type: String
        /// File and line of the stack.
        let origin: String
        let effect: String
        /// Whether a secret goes into it.
        let sensitive: Bool
        let requires: [String]
        let notifies: [String]
        /// What it shall be, member by member; missing where that cannot be told.
        let spec: [String: JSONValue]?
        /// Why that cannot be told.
        let fault: Fault?
    }

    /// Why a resource cannot be told for this machine.
    struct Fault: Encodable {
        let code: String
        let reason: String
        let next: String
    }

    /// A layer that is the machine's but for its traits.
    struct LeftOut: Encodable {
        let layer: String
        /// Which condition does not hold.
        let reason: String
    }

    let envoy: PrincipalID
    let name: PrincipalName
    let group: GroupName?
    let labels: [String: String]
    let revision: String
    /// Those that count with the traits that were taken.
    let layers: [String]
    /// Those whose conditions on traits do not hold.
    let leftOut: [LeftOut]
    /// Digest of the body.
    let body: Bytes32
    let secrets: [String]
    let missingSecrets: [String]
    /// When the machine told the traits that were taken; missing where they are of a file, or there are none.
    let traitsAt: WallTime?
    let traits: [String: PolicyValue]
    /// In the order in which they are applied.
    let resources: [Resource]

    enum CodingKeys: String, CodingKey {
        case envoy, name, group, labels, revision, layers, body, secrets, traits, resources
        case leftOut = "left_out"
        case missingSecrets = "missing_secrets"
        case traitsAt = "traits_at_ms"
    }

    /// Resolves a body; `only`: ids of the resources to show, empty for all.
    init(_ subject: PreviewSubject, traits given: [String: PolicyValue]?, only: Set<String> = []) {
        (envoy, name) = (subject.facts.id, subject.facts.name)
        (group, labels) = (subject.facts.group, subject.facts.labels)
        revision = subject.revision
        body = BLAKE2b.hash(subject.body.bytes)
        (secrets, missingSecrets) = (subject.body.secretNames, subject.missingSecrets)
        traitsAt = given == nil ? subject.traitsAt : nil
        traits = given ?? subject.traits
        leftOut = subject.body.leftOut(for: traits).map { LeftOut(layer: $0.name, reason: $0.reason) }
        let absent = Set(leftOut.map(\.layer))
        layers = subject.layers.filter { !absent.contains($0) }
        let masks = subject.body.secretNames.filter { !subject.missingSecrets.contains($0) }
            .map { ($0, Array(Self.mask($0).utf8)) }
        let resolved = subject.body.resolve(
            subject.facts, traits: traits, secrets: Dictionary(masks) { first, _ in first })
        resources = resolved.resources.filter { only.isEmpty || only.contains($0.id.text) }.map { Resource($0) }
    }

    /// What stands for a secret's value.
    static func mask(_ name: String) -> String { "<secret \(name)>" }
}

extension Preview.Resource {
    /// A resource as it was resolved.
    init(_ resolved: ResolvedResource) {
        (id, type, origin) = (resolved.id.text, resolved.id.type, resolved.origin)
        (effect, sensitive) = (resolved.effect.rawValue, resolved.isSensitive)
        requires = resolved.requires.map(\.text)
        notifies = resolved.notifies.map(\.text)
        switch resolved.content {
        case .success(let spec): (self.spec, fault) = (PreviewSpec.members(spec), nil)
        case .failure(let why):
            spec = nil
            fault = Preview.Fault(code: why.code.rawValue, reason: why.reason, next: why.next)
        }
    }
}

/// What a resource shall be, as JSON.
enum PreviewSpec {
    static func members(_ spec: ResourceSpec) -> [String: JSONValue] {
        var members: [String: JSONValue]
        switch spec {
        case .file(let file):
            members = owned(file.mode, file.owner, file.group)
            members["path"] = .string(file.path)
            if let text = text(file.content) {
                members["content"] = .string(text)
            } else {
                members["content_base64"] = .string(Data(file.content).base64EncodedString())
            }
            members["bytes"] = .integer(Int64(file.content.count))
        case .directory(let directory):
            members = owned(directory.mode, directory.owner, directory.group)
            members["path"] = .string(directory.path)
        case .link(let link): members = ["path": .string(link.path), "target": .string(link.target)]
        case .absent(let absent): members = ["path": .string(absent.path), "recursive": .bool(absent.recursive)]
        case .exec(let exec): members = command(exec)
        case .handler(let handler):
            members = [
                "properties": json(handler.properties), "timeout_seconds": .integer(Int64(handler.timeoutSeconds)),
            ]
        }
        return members
    }

    private static func owned(_ mode: UInt16?, _ owner: String?, _ group: String?) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        if let mode {
            let digits = String(mode, radix: 8)
            members["mode"] = .string(String(repeating: "0", count: max(0, 4 - digits.count)) + digits)
        }
        if let owner { members["owner"] = .string(owner) }
        if let group { members["group"] = .string(group) }
        return members
    }

    private static func command(_ exec: ExecSpec) -> [String: JSONValue] {
        func list(_ words: [String]) -> JSONValue { .array(words.map { .string($0) }) }
        var members: [String: JSONValue] = [
            "command": list(exec.command), "timeout_seconds": .integer(Int64(exec.timeoutSeconds)),
        ]
        if let unless = exec.unless { members["unless"] = list(unless) }
        if let onlyIf = exec.onlyIf { members["onlyif"] = list(onlyIf) }
        if let creates = exec.creates { members["creates"] = .string(creates) }
        if exec.refreshOnly { members["refresh_only"] = .bool(true) }
        if let directory = exec.workingDirectory { members["working_directory"] = .string(directory) }
        if !exec.environment.isEmpty { members["environment"] = .object(exec.environment.mapValues { .string($0) }) }
        return members
    }

    static func json(_ value: PolicyValue) -> JSONValue {
        switch value {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .text(let value): .string(value)
        case .list(let values): .array(values.map { json($0) })
        case .object(let values): .object(values.mapValues { json($0) })
        }
    }

    /// The content as text, where it is text that a terminal shows as it is.
    static func text(_ content: [UInt8]) -> String? {
        guard let text = String(validating: content, as: UTF8.self) else { return nil }
        let isPlain = text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) || scalar == "\n" || scalar == "\t"
        }
        return isPlain ? text : nil
    }
}

// MARK: - For people

extension Preview {
    /// Lines of a content that are shown where many resources are.
    static let linesShown = 12

    /// All of it; `whole`: all lines of each content.
    func table(whole: Bool) -> String {
        var fields = TextFields([
            ("machine", "\(name)" + (group.map { ", group \($0)" } ?? "")),
            ("stack", StackText.short(revision)), ("layers", layers.joined(separator: ", ")),
            ("body", body.shortHex),
            ("traits", traitsAt.map { "as of \(Console.time(milliseconds: $0.milliseconds))" } ?? traitsText),
        ])
        for layer in leftOut {
            fields.add("left out", "\(layer.layer): \(TerminalText.line(layer.reason))")
        }
        if !secrets.isEmpty { fields.add("secrets", secrets.joined(separator: ", ")) }
        if !missingSecrets.isEmpty { fields.add("missing", "secrets \(missingSecrets.joined(separator: ", "))") }
        return ([fields.text] + resources.map { text($0, whole: whole) }).joined(separator: "\n\n")
    }

    private var traitsText: String { traits.isEmpty ? "none" : Plural.text(traits.count, "fact") }

    private func text(_ resource: Resource, whole: Bool) -> String {
        let marks = [resource.effect] + (resource.sensitive ? ["sensitive"] : [])
        var lines = ["\(resource.id)  \(marks.joined(separator: ", "))  \(resource.origin)"]
        if !resource.requires.isEmpty { lines.append("  requires: \(resource.requires.joined(separator: ", "))") }
        if !resource.notifies.isEmpty { lines.append("  notifies: \(resource.notifies.joined(separator: ", "))") }
        if let fault = resource.fault {
            lines += ["  cannot be told: \(TerminalText.line(fault.reason)) [\(fault.code)]", "  next: \(fault.next)"]
        }
        for (key, value) in (resource.spec ?? [:]).sorted(by: { $0.key < $1.key }) where key != "path" {
            lines += Self.member(key, value, whole: whole)
        }
        return lines.joined(separator: "\n")
    }

    private static func member(_ key: String, _ value: JSONValue, whole: Bool) -> [String] {
        switch value {
        case .string(let text) where key == "content":
            let all = TerminalText.lines(text)
            let shown = whole ? all[...] : all.prefix(linesShown)
            let rest = all.count > shown.count ? ["    … \(Plural.text(all.count - shown.count, "line")) more"] : []
            return ["  content:"] + shown.map { "    \($0)" } + rest
        case .string(let text): return ["  \(key): \(TerminalText.line(text))"]
        case .array(let values) where values.allSatisfy({ $0.text != nil }):
            return ["  \(key): \(TerminalText.line(values.compactMap(\.text).joined(separator: " ")))"]
        case .null, .bool, .integer, .number, .array, .object:
            let json = (try? APIJSON.encode(value)).map { String(decoding: $0, as: UTF8.self) }
            return ["  \(key): \(json ?? "?")"]
        }
    }
}
