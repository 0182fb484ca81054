/// One setting of a bolt: where it stands, what it takes, and what holds where nothing is said.
///
/// The file, the environment, the flags, `check-config` and the documentation are all made from this one list.
public struct Setting: Sendable {
    /// What a setting's text must be.
    public enum Kind: Sendable {
        /// Text by a rule.
        case text(rule: String, @Sendable (String) -> Bool)
        /// A whole number within bounds.
        case integer(ClosedRange<Int>)
        /// One of a few words.
        case choice([String])
        /// Several texts by one rule; commas between them in the environment.
        case list(rule: String, @Sendable (String) -> Bool)
    }

    /// `section.key`, as in the file.
    public let key: String
    /// What its text must be.
    public let kind: Kind
    /// What holds where nothing is said; nil: it must be said, unless it is optional.
    public let fallback: String?
    /// Whether nothing is an answer.
    public let isOptional: Bool
    /// Whether `check-config` masks it.
    public let isSecret: Bool
    /// What it does, in a line.
    public let meaning: String

    init(
        _ key: String, _ kind: Kind, default fallback: String? = nil, optional: Bool = false, secret: Bool = false,
        _ meaning: String
    ) {
        (self.key, self.kind, self.fallback) = (key, kind, fallback)
        (isOptional, isSecret, self.meaning) = (optional, secret, meaning)
    }

    /// Its name in the environment: `BOLT_SECTION_KEY`.
    public var variable: String { "BOLT_" + key.uppercased().replacing(".", with: "_") }

    /// The rule in words.
    public var rule: String {
        switch kind {
        case .text(let rule, _): rule
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let words): "one of \(words.joined(separator: ", "))"
        case .list(let rule, _): "a list, each \(rule)"
        }
    }

    /// Whether a text obeys the rule. Lists come with commas between their parts.
    public func accepts(_ text: String) -> Bool {
        switch kind {
        case .text(_, let test): test(text)
        case .integer(let range): Int(text).map(range.contains) ?? false
        case .choice(let words): words.contains(text)
        case .list(_, let test): Setting.parts(of: text).allSatisfy(test)
        }
    }

    /// The parts of a list.
    static func parts(of text: String) -> [String] {
        text.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
    }
}
