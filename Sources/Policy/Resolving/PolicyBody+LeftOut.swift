/// A layer that does not count on a machine whose traits are as they are.
public struct LeftOutLayer: Hashable, Sendable {
    /// Its name.
    public let name: String
    /// Which of its conditions does not hold, the first by path, in words that hold what the machine told.
    public let reason: String
}

extension PolicyBody {
    /// Layers whose conditions do not hold for these traits, in the stack's order: `resolve` passes over them.
    public func leftOut(for traits: [String: PolicyValue]) -> [LeftOutLayer] {
        layers.compactMap { layer in
            let reason = layer.condition.tests.lazy.compactMap { $0.failure(for: traits) }.first
            return reason.map { LeftOutLayer(name: layer.name, reason: $0) }
        }
    }

    /// Why a resource of this body does not count for these traits, in words: of the last place that says it, the layer
    /// or the resource's own condition, whichever does not hold. Nil where no layer has it, or one counts that has it.
    public func whyLeftOut(_ id: ResourceID, for traits: [String: PolicyValue]) -> String? {
        var last: String?
        for layer in layers {
            for resource in layer.resources where resource.id == id {
                let tests = layer.condition.tests.lazy
                if let reason = tests.compactMap({ $0.failure(for: traits) }).first {
                    last = "its layer “\(layer.name)” is left out: \(reason)"
                } else if let reason = resource.condition.tests.lazy.compactMap({ $0.failure(for: traits) }).first {
                    last = "in the layer “\(layer.name)” it is left out: \(reason)"
                } else {
                    return nil
                }
            }
        }
        return last
    }
}

extension TraitTest {
    /// Letters of a trait and of patterns that are shown.
    private static let shownMax = 80

    /// Why it does not hold for these traits; nil where it does.
    func failure(for traits: [String: PolicyValue]) -> String? {
        guard !holds(for: traits) else { return nil }
        let value = PolicyValue.object(traits).value(at: path)
        guard let value else { return "the machine tells no \(path)" }
        let told = "\(path) is \(Self.shown(value))"
        switch check {
        case .anyOf(let patterns): return "\(told), not \(Self.list(patterns))"
        case .noneOf(let patterns): return "\(told), and must not be \(Self.list(patterns))"
        case .exists: return "the machine tells \(path)"
        case .atLeast(let bound): return "\(told), not at least \(Self.shown(bound))"
        case .atMost(let bound): return "\(told), not at most \(Self.shown(bound))"
        }
    }

    private static func shown(_ value: PolicyValue) -> String {
        switch value {
        case .list(let entries): cut("[" + entries.prefix(20).compactMap(\.scalarText).joined(separator: ", ") + "]")
        case .object: "an object"
        case .null, .bool, .integer, .number, .text: "“\(cut(value.scalarText ?? ""))”"
        }
    }

    private static func shown(_ bound: Double) -> String {
        Int64(exactly: bound).map { String($0) } ?? String(bound)
    }

    private static func list(_ patterns: [String]) -> String { cut(patterns.prefix(20).joined(separator: " or ")) }

    private static func cut(_ text: String) -> String {
        text.count > shownMax ? text.prefix(shownMax) + "…" : text
    }
}
