/// Why a bolt does not start, or ended: told so that an operator knows what to do. Equality is by code.
public struct DaemonError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// Lower case, words joined by underscores.
        public let rawValue: String
        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Operator: the address is in use by another process. Nothing was changed.
        public static let portInUse = Self(rawValue: "port_in_use")
        /// Operator: the address can't be listened on. Nothing was changed.
        public static let cannotListen = Self(rawValue: "cannot_listen")
        /// Operator: configuration and identity are not of one bolt. Nothing was changed.
        public static let identityMismatch = Self(rawValue: "identity_mismatch")
        /// Operator: the genesis file is missing where it is needed, unreadable, or another mesh's.
        public static let badGenesis = Self(rawValue: "bad_genesis")
        /// Operator: neither roster nor genesis admit this bolt.
        public static let notAdmitted = Self(rawValue: "not_admitted")
        /// Operator: the topology cannot be read, breaks a rule, or is another mesh's.
        public static let badTopology = Self(rawValue: "bad_topology")
        /// Operator: the state directory was written by a bolt of another mesh. Nothing was changed.
        public static let foreignState = Self(rawValue: "foreign_state")
        /// Operator: a file cannot be read.
        public static let unreadable = Self(rawValue: "unreadable_file")

        /// Every code, for the error catalogue.
        public static let all: [Self] = [
            .portInUse, .cannotListen, .identityMismatch, .badGenesis, .notAdmitted, .badTopology, .foreignState,
            .unreadable,
        ]
    }

    /// The kind.
    public let code: Code
    /// What was attempted, on what.
    public let what: String
    /// Why it failed.
    public let why: String
    /// What was made or changed before it failed, in words; nil where nothing was.
    public let made: String?
    /// What to do.
    public let next: String

    init(_ code: Code, what: String, why: String, made: String? = nil, next: String) {
        (self.code, self.what, self.why, self.made, self.next) = (code, what, why, made, next)
    }

    /// Equal when the codes are.
    public static func == (left: DaemonError, right: DaemonError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String { "\(what): \(why) (\(made ?? "nothing was changed")); \(next) [\(code.rawValue)]" }
}
