import Identity

/// A lease engine that cannot be used as it is configured. Found at the start, before anything is asked.
///
/// Equality is by `code` alone; no text contains a password or key.
public struct LeaseError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure, as listed in the error catalogue.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name itself.
        public let rawValue: String
        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// Operator: settings that break their rules or contradict one another.
        public static let badSettings = Self(rawValue: "lease_bad_settings")
        /// Operator: a certificate, key or password file that can't be used.
        public static let credentials = Self(rawValue: "lease_credentials")
    }

    /// The stable kind.
    public let code: Code
    /// What was attempted.
    public let what: String
    /// Why it failed.
    public let why: String
    /// What the reader can do next.
    public let next: String

    init(_ code: Code, what: String, why: String, next: String) {
        (self.code, self.what, self.why, self.next) = (code, what, why, next)
    }

    init(_ error: IdentityError) {
        self.init(.credentials, what: error.what, why: error.why, next: error.next)
    }

    /// Equal when the codes are.
    public static func == (left: LeaseError, right: LeaseError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String { "\(what): \(why) (nothing was changed); \(next) [\(code.rawValue)]" }
}
