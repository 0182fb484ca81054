/// What a machine's traits must be: all tests hold. Without tests it always holds.
struct TraitCondition: Hashable, Sendable {
    /// By path and kind, each once.
    var tests: [TraitTest] = []

    /// Whether it holds for these traits.
    func holds(for traits: [String: PolicyValue]) -> Bool { tests.allSatisfy { $0.holds(for: traits) } }

    /// Whether it can hold together with another. Never wrongly false for traits that are no lists.
    func canMeet(_ other: TraitCondition, _ steps: inout StepCount) -> Bool {
        for test in tests {
            steps.take(other.tests.count)
            guard !steps.isOver else { return true }
            for second in other.tests where second.path == test.path {
                guard test.canMeet(second, &steps) else { return false }
            }
        }
        return true
    }

    /// Both.
    func and(_ other: TraitCondition) -> TraitCondition { TraitCondition(tests: tests + other.tests) }
}

/// One test of one trait.
struct TraitTest: Hashable, Sendable {
    /// What is asked.
    enum Check: Hashable, Sendable {
        /// Its text fits one of these patterns; of a list, the text of one of its entries.
        case anyOf([String])
        /// It is not there, or fits none of these.
        case noneOf([String])
        /// It is there, or is not.
        case exists(Bool)
        /// It is a number of at least this.
        case atLeast(Double)
        /// It is a number of at most this.
        case atMost(Double)
    }

    /// Names of objects within each other, joined by dots.
    var path: String
    /// What is asked.
    var check: Check

    func holds(for traits: [String: PolicyValue]) -> Bool {
        let value = PolicyValue.object(traits).value(at: path)
        switch check {
        case .anyOf(let patterns): return Self.fits(value, patterns)
        case .noneOf(let patterns): return !Self.fits(value, patterns)
        case .exists(let wanted): return (value != nil) == wanted
        case .atLeast(let bound): return value?.asNumber.map { $0 >= bound } ?? false
        case .atMost(let bound): return value?.asNumber.map { $0 <= bound } ?? false
        }
    }

    private static func fits(_ value: PolicyValue?, _ patterns: [String]) -> Bool {
        if case .list(let entries)? = value {
            return entries.contains { entry in
                entry.scalarText.map { text in patterns.contains { TextPattern.matches($0, text) } } ?? false
            }
        }
        guard let text = value?.scalarText else { return false }
        return patterns.contains { TextPattern.matches($0, text) }
    }

    func canMeet(_ other: TraitTest, _ steps: inout StepCount) -> Bool {
        switch (check, other.check) {
        case (.anyOf(let left), .anyOf(let right)): TextPattern.mayMeet(left, right, &steps)
        case (.anyOf(let wanted), .noneOf(let refused)), (.noneOf(let refused), .anyOf(let wanted)):
            !TextPattern.areAll(wanted, among: refused, &steps)
        case (.exists(false), .anyOf), (.exists(false), .atLeast), (.exists(false), .atMost), (.anyOf, .exists(false)),
            (.atLeast, .exists(false)), (.atMost, .exists(false)):
            false
        case (.exists(let left), .exists(let right)): left == right
        case (.atLeast(let low), .atMost(let high)), (.atMost(let high), .atLeast(let low)): low <= high
        default: true
        }
    }
}

extension PolicyValue {
    /// The value at a path of names joined by dots; nil where there is none, or null.
    func value(at path: String) -> PolicyValue? {
        var here = self
        for name in path.split(separator: ".", omittingEmptySubsequences: false) {
            guard case .object(let entries) = here, let next = entries[String(name)] else { return nil }
            here = next
        }
        return here == .null ? nil : here
    }

    /// The text of what is no list and no object; nil for null.
    var scalarText: String? {
        switch self {
        case .null, .list, .object: nil
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): String(value)
        case .text(let value): value
        }
    }

    /// The number, where it is one or a text of one.
    var asNumber: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .text(let value): Double(value).flatMap { $0.isFinite ? $0 : nil }
        case .null, .bool, .list, .object: nil
        }
    }
}
