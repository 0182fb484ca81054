internal import CRDT

extension PolicyLayer {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(name)
        encoder.text(path)
        condition.encode(to: &encoder)
        PolicyValue.encode(vars, to: &encoder)
        encoder.list(resources) { $1.encode(to: &$0) }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        name = try decoder.text("layer", limit: PolicyStackLimits.pathBytesMax)
        path = try decoder.text("path", limit: PolicyStackLimits.pathBytesMax)
        condition = try TraitCondition(from: &decoder)
        vars = try PolicyValue.entries(from: &decoder, depth: PolicyStackLimits.valueDepthMax)
        resources = try decoder.list("resources", limit: PolicyStackLimits.layerResourcesMax) {
            (inner) throws(DecodingFailure) in try PolicyResource(from: &inner)
        }
    }
}

extension TraitCondition {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(tests) { inner, test in
            inner.text(test.path)
            test.check.encode(to: &inner)
        }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        tests = try decoder.list("tests", limit: PolicyStackLimits.entriesMax) {
            (inner) throws(DecodingFailure) in
            let path = try inner.text("trait", limit: PolicyStackLimits.pathBytesMax)
            return TraitTest(path: path, check: try TraitTest.Check(from: &inner))
        }
    }
}

extension TraitTest.Check {
    func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .anyOf(let patterns):
            encoder.byte(0)
            encoder.list(patterns) { $0.text($1) }
        case .noneOf(let patterns):
            encoder.byte(1)
            encoder.list(patterns) { $0.text($1) }
        case .exists(let wanted):
            encoder.byte(2)
            encoder.flag(wanted)
        case .atLeast(let bound):
            encoder.byte(3)
            encoder.number(bound)
        case .atMost(let bound):
            encoder.byte(4)
            encoder.number(bound)
        }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 0: self = .anyOf(try decoder.texts("patterns"))
        case 1: self = .noneOf(try decoder.texts("patterns"))
        case 2: self = .exists(try decoder.flag())
        case 3: self = .atLeast(try decoder.number())
        case 4: self = .atMost(try decoder.number())
        default: throw .invalid(what: "kind of test")
        }
    }
}

extension PolicyResource {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.text(id.type)
        encoder.text(id.name)
        encoder.count(line)
        encoder.list(requires) { $0.text($1.text) }
        encoder.list(notifies) { $0.text($1.text) }
        encoder.flag(effect == .disruptive)
        condition.encode(to: &encoder)
        switch kind {
        case .file(let content, let ownership):
            content.encode(to: &encoder)
            ownership.encode(to: &encoder)
        case .directory(let ownership): ownership.encode(to: &encoder)
        case .link(let target): encoder.text(target)
        case .absent(let recursive): encoder.flag(recursive)
        case .exec(let exec): exec.encode(to: &encoder)
        case .handler(let properties, let timeoutSeconds):
            PolicyValue.encode(properties, to: &encoder)
            encoder.count(timeoutSeconds)
        }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let type = try decoder.text("type", limit: ResourceID.typeBytesMax)
        let name = try decoder.text("name", limit: PolicyStackLimits.resourceIDBytesMax)
        guard let id = ResourceID(type: type, name: name) else { throw .invalid(what: "resource") }
        self.id = id
        line = try decoder.number(in: 0...Int(Int32.max), "line")
        requires = try decoder.ids()
        notifies = try decoder.ids()
        effect = try decoder.flag() ? .disruptive : .safe
        condition = try TraitCondition(from: &decoder)
        switch type {
        case "file":
            let content = try Content(from: &decoder)
            kind = .file(content, try Ownership(from: &decoder))
        case "directory": kind = .directory(try Ownership(from: &decoder))
        case "link": kind = .link(target: try decoder.text("target", limit: PolicyStackLimits.machinePathBytesMax))
        case "absent": kind = .absent(recursive: try decoder.flag())
        case "exec": kind = .exec(try Command(from: &decoder))
        default:
            let properties = try PolicyValue.entries(from: &decoder, depth: PolicyStackLimits.valueDepthMax)
            kind = .handler(properties: properties, timeoutSeconds: try decoder.timeout())
        }
    }
}

extension PolicyResource.Content {
    func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .text(let text):
            encoder.byte(0)
            encoder.text(text)
        case .bytes(let bytes):
            encoder.byte(1)
            encoder.string(bytes)
        case .template(let text, let path):
            encoder.byte(2)
            encoder.text(text)
            encoder.text(path)
        }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let limit = PolicyStackLimits.bodyBytesMax
        switch try decoder.byte() {
        case 0: self = .text(try decoder.text("content", limit: limit))
        case 1: self = .bytes(try decoder.string("content", limit: limit))
        case 2:
            let text = try decoder.text("template", limit: limit)
            self = .template(text, path: try decoder.text("path", limit: PolicyStackLimits.pathBytesMax))
        default: throw .invalid(what: "kind of content")
        }
    }
}

extension PolicyResource.Ownership {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(mode) { $0.integer(UInt64($1)) }
        encoder.optional(owner) { $0.text($1) }
        encoder.optional(group) { $0.text($1) }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        mode = try decoder.optional { (inner) throws(DecodingFailure) in
            UInt16(try inner.number(in: 0...0o7777, "mode"))
        }
        owner = try decoder.optional { (inner) throws(DecodingFailure) in try inner.account("owner") }
        group = try decoder.optional { (inner) throws(DecodingFailure) in try inner.account("group") }
    }
}

extension PolicyResource.Command {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.list(command) { $0.text($1) }
        encoder.optional(unless) { inner, words in inner.list(words) { $0.text($1) } }
        encoder.optional(onlyIf) { inner, words in inner.list(words) { $0.text($1) } }
        encoder.optional(creates) { $0.text($1) }
        encoder.count(timeoutSeconds)
        encoder.flag(refreshOnly)
        encoder.optional(workingDirectory) { $0.text($1) }
        let variables = environment.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        encoder.list(variables) { inner, entry in
            inner.text(entry.key)
            inner.text(entry.value)
        }
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        command = try decoder.command()
        unless = try decoder.optional { (inner) throws(DecodingFailure) in try inner.command() }
        onlyIf = try decoder.optional { (inner) throws(DecodingFailure) in try inner.command() }
        creates = try decoder.optional { (inner) throws(DecodingFailure) in try inner.path("creates") }
        timeoutSeconds = try decoder.timeout()
        refreshOnly = try decoder.flag()
        workingDirectory = try decoder.optional { (inner) throws(DecodingFailure) in try inner.path("directory") }
        environment = [:]
        for _ in 0..<(try decoder.count("environment", limit: PolicyStackLimits.entriesMax)) {
            let name = try decoder.text("variable", limit: VariableName.bytesMax)
            guard VariableName.isName(name) else { throw .invalid(what: "variable") }
            let value = try decoder.text("value", limit: PolicyStackLimits.bodyBytesMax)
            guard environment.updateValue(value, forKey: name) == nil else { throw .notCanonical(what: "environment") }
        }
    }
}

extension CanonicalDecoder {
    fileprivate mutating func texts(_ what: String) throws(DecodingFailure) -> [String] {
        try list(what, limit: PolicyStackLimits.entriesMax) {
            (inner) throws(DecodingFailure) in try inner.text(what, limit: PolicyStackLimits.bodyBytesMax)
        }
    }

    fileprivate mutating func command() throws(DecodingFailure) -> [String] {
        let words = try texts("command")
        guard words.first?.isEmpty == false else { throw .invalid(what: "command") }
        return words
    }

    fileprivate mutating func ids() throws(DecodingFailure) -> [ResourceID] {
        try list("references", limit: PolicyStackLimits.entriesMax) { (inner) throws(DecodingFailure) in
            let text = try inner.text("reference", limit: PolicyStackLimits.resourceIDBytesMax)
            guard let id = ResourceID(text) else { throw .invalid(what: "reference") }
            return id
        }
    }

    fileprivate mutating func number(in range: ClosedRange<Int>, _ what: String) throws(DecodingFailure) -> Int {
        guard let value = Int(exactly: try integer()), range.contains(value) else { throw .invalid(what: what) }
        return value
    }

    fileprivate mutating func timeout() throws(DecodingFailure) -> Int {
        try number(in: 1...PolicyStackLimits.timeoutSecondsMax, "timeout")
    }

    fileprivate mutating func account(_ what: String) throws(DecodingFailure) -> String {
        let name = try text(what, limit: AccountName.bytesMax)
        guard AccountName.isName(name) else { throw .invalid(what: what) }
        return name
    }

    fileprivate mutating func path(_ what: String) throws(DecodingFailure) -> String {
        let path = try text(what, limit: PolicyStackLimits.machinePathBytesMax)
        guard MachinePath.isNormal(path) else { throw .invalid(what: what) }
        return path
    }
}
