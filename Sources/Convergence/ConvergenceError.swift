/// Why no policy can be put in force at all. Nothing was changed.
///
/// Equality is by `code` alone.
public struct ConvergenceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure, as listed in the error catalogue.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name itself.
        public let rawValue: String
        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
        /// The root is no directory that can be used.
        public static let badRoot = Self(rawValue: "converge_bad_root")
        /// The directory of the state can't be used.
        public static let badState = Self(rawValue: "converge_bad_state")
        /// Another run is under way with the same state.
        public static let locked = Self(rawValue: "converge_locked")
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

    /// Equal when the codes are.
    public static func == (left: ConvergenceError, right: ConvergenceError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String { "\(what): \(why) (nothing was changed); \(next) [\(code.rawValue)]" }
}
