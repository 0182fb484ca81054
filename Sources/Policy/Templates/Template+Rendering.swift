internal import Mustache

/// How much templates may still do. One is shared by all templates of a pass.
struct TemplateBudget {
    /// Steps that are left: each text, tag and turn of a section is one.
    var steps: Int
    /// Bytes that are left.
    var bytes: Int

    /// What a pass may do.
    static let pass = TemplateBudget(
        steps: PolicyStackLimits.passStepsMax, bytes: PolicyStackLimits.passOutputBytesMax
    )

    /// Takes from what is left. Fails where that is not enough; everything after it fails then too.
    mutating func spend(steps more: Int, bytes longer: Int) throws(ResourceFault) {
        (steps, bytes) = (steps - more, bytes - longer)
        guard steps >= 0, bytes >= 0 else {
            throw ResourceFault(.tooLarge, reason: "the templates of this machine together come to more than is taken")
        }
    }
}

extension Template {
    /// The text that it comes to.
    ///
    /// It is walked first, with these values: every name has to be there, and what it comes to has to be within
    /// `PolicyStackLimits` and the budget, before the library makes any of it. Fails with what is wrong; the budget is
    /// then spent as far as it went.
    func render(
        _ root: [String: PolicyValue], secrets: [String: [UInt8]], budget: inout TemplateBudget
    ) throws(ResourceFault) -> String {
        var values: [String] = []
        for name in self.secrets {
            guard let bytes = secrets[name] else { throw .missing(secret: name) }
            guard let text = String(validating: bytes, as: UTF8.self) else { throw .notText(secret: name) }
            values.append(text)
        }
        let known = Dictionary(zip(self.secrets, values.map(\.utf8.count))) { first, _ in first }
        var walk = TemplateWalk(scopes: [.object(root)], secretBytes: known, budget: budget)
        defer { budget = walk.budget }
        try walk.take(parts)
        let template: MustacheTemplate
        do {
            template = try MustacheTemplate(string: mustache)
        } catch {
            throw ResourceFault(.template, reason: "the template cannot be read: \(error)")
        }
        return template.render(TemplateScope(root: root, secrets: values, texts: texts))
    }
}

/// Goes through a template as the library will, and counts.
private struct TemplateWalk {
    /// Outermost first; never empty.
    var scopes: [PolicyValue]
    let secretBytes: [String: Int]
    var budget: TemplateBudget
    private var steps = 0
    private var bytes = 0

    init(scopes: [PolicyValue], secretBytes: [String: Int], budget: TemplateBudget) {
        (self.scopes, self.secretBytes, self.budget) = (scopes, secretBytes, budget)
    }

    mutating func take(_ parts: [Template.Part]) throws(ResourceFault) {
        for part in parts {
            try spend(steps: 1, bytes: 0)
            switch part {
            case .text(let text): try spend(steps: 0, bytes: text.utf8.count)
            case .secret(let name, line: _): try spend(steps: 0, bytes: secretBytes[name] ?? 0)
            case .variable(let name, let line): try spend(steps: 0, bytes: try text(of: name, line: line).utf8.count)
            case .section(let name, let inside, line: _): try section(value(of: name), inside)
            case .inverted(let name, let inside, line: _): try inverted(value(of: name), inside)
            }
        }
    }

    private mutating func spend(steps more: Int, bytes longer: Int) throws(ResourceFault) {
        (steps, bytes) = (steps + more, bytes + longer)
        guard steps <= PolicyStackLimits.templateStepsMax, bytes <= PolicyStackLimits.templateOutputBytesMax else {
            throw ResourceFault(
                .tooLarge,
                reason: "the template comes to more than \(PolicyStackLimits.templateOutputBytesMax) bytes or "
                    + "\(PolicyStackLimits.templateStepsMax) steps")
        }
        try budget.spend(steps: more, bytes: longer)
    }

    private func text(of name: TemplateName, line: Int) throws(ResourceFault) -> String {
        guard let value = value(of: name) else {
            throw ResourceFault(
                .unknownVariable, reason: "line \(line) of the template: this machine has no “\(name.text)”")
        }
        guard let text = value.scalarText else {
            throw ResourceFault(
                .template, reason: "line \(line) of the template: “\(name.text)” is no single value: take a section")
        }
        return text
    }

    private mutating func section(_ value: PolicyValue?, _ inside: [Template.Part]) throws(ResourceFault) {
        switch value {
        case nil, .null, .bool(false): return
        case .bool(true): try take(inside)
        case .list(let values):
            for entry in values where entry != .null { try take(inside, within: entry) }
        case .some(let other): try take(inside, within: other)
        }
    }

    private mutating func inverted(_ value: PolicyValue?, _ inside: [Template.Part]) throws(ResourceFault) {
        switch value {
        case nil, .null, .bool(false): try take(inside)
        case .list(let values) where values.allSatisfy { $0 == .null }: try take(inside, within: .list([]))
        default: return
        }
    }

    private mutating func take(_ inside: [Template.Part], within scope: PolicyValue) throws(ResourceFault) {
        try spend(steps: 1, bytes: 0)
        scopes.append(scope)
        defer { scopes.removeLast() }
        try take(inside)
    }

    /// What the library finds: the innermost scope that has the first part of the name decides.
    private func value(of name: TemplateName) -> PolicyValue? {
        guard let first = name.parts.first else { return scopes.last }
        for scope in scopes.reversed() {
            guard case .object(let entries) = scope, var found = entries[first], found != .null else { continue }
            for part in name.parts.dropFirst() {
                guard case .object(let entries) = found, let next = entries[part], next != .null else { return nil }
                found = next
            }
            return found
        }
        return nil
    }
}

extension ResourceFault {
    static func missing(secret: String) -> ResourceFault {
        ResourceFault(
            .missingSecret, reason: "the secret \(secret) did not come with the policy",
            next: "store it: boltctl secret put \(secret)")
    }

    static func notText(secret: String) -> ResourceFault {
        ResourceFault(.badSecret, reason: "the secret \(secret) is no text in UTF-8")
    }
}
