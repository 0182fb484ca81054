internal import Spanner

extension PolicyBody {
    /// What this machine has to be now.
    ///
    /// Never fails and never traps: what cannot be told of a resource is a fault of that one. The same input gives the
    /// same policy, in the same order. Cost follows the body and what its templates come to, which is bounded.
    public func resolve(
        _ machine: StandingFacts, traits: [String: PolicyValue], secrets: [String: [UInt8]]
    ) -> ResolvedPolicy {
        var resolver = PolicyResolver(machine: machine, traits: traits, secrets: secrets)
        return ResolvedPolicy(resources: resolver.resolve(layers), traits: traits)
    }
}

/// One turn of a body into what a machine has to be.
struct PolicyResolver {
    private let machine: StandingFacts
    private let traits: [String: PolicyValue]
    private let secrets: [String: [UInt8]]
    private var budget = TemplateBudget.pass
    private var root: [String: PolicyValue] = [:]

    init(machine: StandingFacts, traits: [String: PolicyValue], secrets: [String: [UInt8]]) {
        (self.machine, self.traits, self.secrets) = (machine, traits, secrets)
    }

    /// A resource with the file that says it.
    private struct Entry {
        var resource: PolicyResource
        var path: String
    }

    mutating func resolve(_ layers: [PolicyLayer]) -> [ResolvedResource] {
        let active = layers.filter { $0.condition.holds(for: traits) }
        let vars = active.reduce(into: [String: PolicyValue]()) { all, layer in
            all.merge(layer.vars) { _, later in later }
        }
        root = Self.root(machine, traits: traits, vars: vars)
        let entries = effective(active)
        var places: [ByteText: Int] = [:]
        for (place, entry) in entries.enumerated() { places[entry.resource.id.slot] = place }
        let ids = entries.map(\.resource.id)
        var missing: [Int: ResourceID] = [:]
        var edges: [[Int]] = []
        for (place, entry) in entries.enumerated() {
            var targets: [Int] = []
            for id in entry.resource.requires {
                if let target = places[id.slot] {
                    targets.append(target)
                } else {
                    missing[place] = missing[place] ?? id
                }
            }
            if let above = Self.above(entry.resource.id, in: places, ids) { targets.append(above) }
            edges.append(Set(targets).sorted())
        }
        var result: [ResolvedResource] = []
        for group in Components.ordered(edges) {
            let isCycle = group.count > 1 || edges[group[0]].contains(group[0])
            for place in group {
                let fault = isCycle ? Self.cycle(group.prefix(6).map { ids[$0] }) : missing[place].map(Self.missing)
                result.append(
                    resolved(
                        entries[place].resource, path: entries[place].path, fault: fault,
                        requires: edges[place].map { entries[$0].resource.id },
                        notifies: entries[place].resource.notifies.compactMap { id in
                            places[id.slot].map { entries[$0].resource.id }
                        }))
            }
        }
        return result
    }

    /// Resources whose conditions hold; of those in each other's place, the last, where it stands.
    private func effective(_ layers: [PolicyLayer]) -> [Entry] {
        var all: [Entry] = []
        var last: [ByteText: Int] = [:]
        for layer in layers {
            for resource in layer.resources where resource.condition.holds(for: traits) {
                last[resource.id.slot] = all.count
                all.append(Entry(resource: resource, path: layer.path))
            }
        }
        return all.enumerated().filter { last[$0.element.resource.id.slot] == $0.offset }.map(\.element)
    }

    /// The nearest directory above a path that the policy makes: it has to be there first.
    private static func above(_ id: ResourceID, in places: [ByteText: Int], _ ids: [ResourceID]) -> Int? {
        guard ["directory", "file", "link"].contains(id.type) else { return nil }
        for path in MachinePath.above(id.name) {
            if let place = places[ResourceID.slot(ofPath: path)], ids[place].type == "directory" { return place }
        }
        return nil
    }

    private static func missing(_ id: ResourceID) -> ResourceFault {
        ResourceFault(.missingRequirement, reason: "it requires \(id), which this machine does not get")
    }

    private static func cycle(_ ids: [ResourceID]) -> ResourceFault {
        let names = ids.prefix(5).map(\.text).joined(separator: ", ") + (ids.count > 5 ? ", …" : "")
        return ResourceFault(.cycle, reason: "on this machine these require each other: \(names)")
    }

    private static func root(
        _ machine: StandingFacts, traits: [String: PolicyValue], vars: [String: PolicyValue]
    ) -> [String: PolicyValue] {
        var about: [String: PolicyValue] = ["name": .text(machine.name.text), "id": .text(machine.id.description)]
        about["group"] = machine.group.map { .text($0.text) }
        return [
            "machine": .object(about), "labels": .object(machine.labels.mapValues { .text($0) }),
            "traits": .object(traits), "vars": .object(vars),
        ]
    }

    private mutating func resolved(
        _ resource: PolicyResource, path: String, fault: ResourceFault?, requires: [ResourceID],
        notifies: [ResourceID]
    ) -> ResolvedResource {
        let content: Result<ResourceSpec, ResourceFault>
        if let fault {
            content = .failure(fault)
        } else {
            do throws(ResourceFault) {
                content = .success(try spec(of: resource))
            } catch {
                content = .failure(error)
            }
        }
        return ResolvedResource(
            id: resource.id, origin: "\(path):\(resource.line)", requires: requires, notifies: notifies,
            effect: resource.effect,
            isSensitive: resource.texts.contains {
                !BodyText.secrets(in: $0.text, isFile: resource.isTemplateFile).isEmpty
            },
            content: content)
    }

    private mutating func spec(of resource: PolicyResource) throws(ResourceFault) -> ResourceSpec {
        let name = resource.id.name
        switch resource.kind {
        case .file(let content, let ownership):
            let bytes: [UInt8]
            switch content {
            case .bytes(let literal): bytes = literal
            case .text(let text): bytes = try self.bytes(of: text)
            case .template(let text, path: _): bytes = Array(try self.text(of: text, isFile: true).utf8)
            }
            return .file(
                FileSpec(
                    path: name, content: bytes, mode: ownership.mode, owner: ownership.owner, group: ownership.group))
        case .directory(let ownership):
            return .directory(
                DirectorySpec(path: name, mode: ownership.mode, owner: ownership.owner, group: ownership.group))
        case .link(let target):
            let target = try text(of: target)
            guard LinkTarget.isOne(target) else {
                throw ResourceFault(.badValue, reason: "the target of the link comes to nothing that a link can hold")
            }
            return .link(LinkSpec(path: name, target: target))
        case .absent(let recursive): return .absent(AbsentSpec(path: name, recursive: recursive))
        case .exec(let exec): return .exec(try command(exec, name: name))
        case .handler(let properties, let timeoutSeconds):
            return .handler(
                HandlerSpec(
                    type: resource.id.type, name: name, properties: try value(of: .object(properties)),
                    timeoutSeconds: timeoutSeconds))
        }
    }

    private mutating func command(_ exec: PolicyResource.Command, name: String) throws(ResourceFault) -> ExecSpec {
        var environment: [String: String] = [:]
        for (variable, value) in exec.environment.sorted(by: { $0.key < $1.key }) {
            environment[variable] = try word(of: value)
        }
        return ExecSpec(
            name: name, command: try words(of: exec.command), unless: try optional(exec.unless),
            onlyIf: try optional(exec.onlyIf), creates: exec.creates, timeoutSeconds: exec.timeoutSeconds,
            refreshOnly: exec.refreshOnly, workingDirectory: exec.workingDirectory, environment: environment)
    }

    private mutating func optional(_ texts: [String]?) throws(ResourceFault) -> [String]? {
        guard let texts else { return nil }
        return try words(of: texts)
    }

    private mutating func words(of texts: [String]) throws(ResourceFault) -> [String] {
        var words: [String] = []
        for text in texts { words.append(try word(of: text)) }
        guard words.first?.isEmpty == false else {
            throw ResourceFault(.badValue, reason: "the command comes to nothing")
        }
        return words
    }

    /// A text that a program can be given.
    private mutating func word(of text: String) throws(ResourceFault) -> String {
        let word = try self.text(of: text)
        guard !word.utf8.contains(0) else {
            throw ResourceFault(.badValue, reason: "a word of the command, or its environment, holds a zero byte")
        }
        return word
    }

    private mutating func value(of value: PolicyValue) throws(ResourceFault) -> PolicyValue {
        switch value {
        case .null, .bool, .integer, .number: return value
        case .text(let text): return .text(try self.text(of: text))
        case .list(let values):
            var result: [PolicyValue] = []
            for value in values { result.append(try self.value(of: value)) }
            return .list(result)
        case .object(let entries):
            var result: [String: PolicyValue] = [:]
            for (name, value) in entries.sorted(by: { $0.key < $1.key }) { result[name] = try self.value(of: value) }
            return .object(result)
        }
    }

    /// What a text comes to, as bytes: a secret that is all of it need be no text.
    private mutating func bytes(of text: String) throws(ResourceFault) -> [UInt8] {
        if let name = SecretReference.name(inWhole: text) { return try secret(name) }
        return Array(try self.text(of: text).utf8)
    }

    /// What a text comes to.
    private mutating func text(of text: String, isFile: Bool = false) throws(ResourceFault) -> String {
        let read: BodyText
        do throws(TemplateFault) {
            read = try BodyText(text, isFile: isFile)
        } catch {
            throw ResourceFault(.template, reason: "line \(error.line) of the template: \(error.reason)")
        }
        switch read {
        case .literal(let literal): return literal
        case .template(let template): return try template.render(root, secrets: secrets, budget: &budget)
        case .secret(let name):
            guard let text = String(validating: try secret(name), as: UTF8.self) else { throw .notText(secret: name) }
            return text
        }
    }

    /// A secret's bytes. They count as what templates come to: one secret can stand in many resources.
    private mutating func secret(_ name: String) throws(ResourceFault) -> [UInt8] {
        guard let bytes = secrets[name] else { throw .missing(secret: name) }
        try budget.spend(steps: 1, bytes: bytes.count)
        return bytes
    }
}

/// What a symbolic link can point to.
enum LinkTarget {
    /// Whether the text is 1...4,095 bytes without a zero.
    static func isOne(_ text: String) -> Bool {
        (1...PolicyStackLimits.machinePathBytesMax).contains(text.utf8.count) && !text.utf8.contains(0)
    }
}
