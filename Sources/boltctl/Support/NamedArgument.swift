import BoltAPI
import Spanner

/// Names that stand in arguments.
enum NamedArgument {
    /// The name; `what` says which argument it is where it is none.
    static func name<Name: TextCodable>(_ text: String, _ what: String, as type: Name.Type = Name.self) throws -> Name {
        guard let name = Name(apiText: text) else {
            throw CommandFailure("bad_name", "\(what) “\(text)” is not \(Name.apiKind)", status: .usage)
        }
        return name
    }
}

extension PrincipalRole {
    /// The role of an argument.
    init(argument text: String) throws {
        guard let role = PrincipalRole(apiText: text) else {
            throw CommandFailure("bad_role", "“\(text)” is not \(PrincipalRole.apiKind)", status: .usage)
        }
        self = role
    }
}
