internal import Mustache

/// Values as the Mustache library asks for them: by name, one level at a time.
///
/// The library looks into whatever it is given by reflection where it does not know better; it is given this, lists of
/// this, and truth values, and nothing else.
struct TemplateScope: MustacheParent, CustomStringConvertible {
    private let value: PolicyValue
    private let secrets: [String]
    private let texts: [String]

    /// The outermost scope, with the secrets and the texts of one template by their places.
    init(root: [String: PolicyValue], secrets: [String], texts: [String]) {
        (value, self.secrets, self.texts) = (.object(root), secrets, texts)
    }

    private init(_ value: PolicyValue) { (self.value, secrets, texts) = (value, [], []) }

    /// By what the library knows the secret at a place. No name that people write begins with `-`.
    static func secret(_ place: Int) -> String { "-s\(place)" }

    /// By what the library knows the text at a place.
    static func text(_ place: Int) -> String { "-t\(place)" }

    /// What a name stands for here; nil where there is nothing, so that the library looks further out.
    func child(named name: String) -> Any? {
        if name.utf8.first == UInt8(ascii: "-") {
            let known = name.hasPrefix("-s") ? secrets : texts
            guard let place = Int(name.dropFirst(2)), known.indices.contains(place) else { return nil }
            return TemplateScope(.text(known[place]))
        }
        guard case .object(let entries) = value, let found = entries[name] else { return nil }
        return Self.value(found)
    }

    /// What the library is given for a value; nil for null.
    static func value(_ found: PolicyValue) -> Any? {
        switch found {
        case .null: nil
        case .bool(let value): value
        case .list(let values): TemplateList(values: values)
        case .integer, .number, .text, .object: TemplateScope(found)
        }
    }

    /// The text of a scalar.
    var description: String { value.scalarText ?? "" }
}

/// A list as the Mustache library takes it: nulls are left out, and it has nothing by name.
struct TemplateList: MustacheSequence, MustacheParent {
    let values: [PolicyValue]

    func child(named: String) -> Any? { nil }

    func makeIterator() -> AnyIterator<Any> {
        var place = values.startIndex
        return AnyIterator {
            while place < values.endIndex {
                defer { place += 1 }
                if let value = TemplateScope.value(values[place]) { return value }
            }
            return nil
        }
    }
}
