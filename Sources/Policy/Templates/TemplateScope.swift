internal import Mustache

/// Values as the Mustache library asks for them: by name, one level at a time.
///
/// The library looks into whatever it is given by reflection where it does not know better; it is given this, lists of
/// this, and truth values, and nothing else.
struct TemplateScope: MustacheParent, CustomStringConvertible {
    private let value: PolicyValue
    private let secrets: [String]

    /// The outermost scope.
    init(root: [String: PolicyValue], secrets: [String]) { (value, self.secrets) = (.object(root), secrets) }

    private init(_ value: PolicyValue) { (self.value, secrets) = (value, []) }

    /// By what the library knows two braces that were written as `\{{`. No name that people write begins with `-`.
    static let openBraces = "-b"

    /// By what the library knows the secret at a place.
    static func secret(_ place: Int) -> String { "-s\(place)" }

    /// What a name stands for here; nil where there is nothing, so that the library looks further out.
    func child(named name: String) -> Any? {
        if name.utf8.first == UInt8(ascii: "-") {
            if name == Self.openBraces { return TemplateScope(.text("{{")) }
            guard let place = Int(name.dropFirst(2)), secrets.indices.contains(place) else { return nil }
            return TemplateScope(.text(secrets[place]))
        }
        guard case .object(let entries) = value, let found = entries[name] else { return nil }
        return Self.value(found)
    }

    private static func value(_ found: PolicyValue) -> Any? {
        switch found {
        case .null: nil
        case .bool(let value): value
        case .list(let values): values.compactMap { value($0) }
        case .integer, .number, .text, .object: TemplateScope(found)
        }
    }

    /// The text of a scalar.
    var description: String { value.scalarText ?? "" }
}
