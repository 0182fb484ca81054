/// Why an event of our own was not drafted. Nothing changed; the caller's input or its view of the roster is to blame.
public struct RosterDraftError: Error, Hashable, Sendable {
    /// Stable across versions: programs compare it, `docs/errors.md` explains it.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The code as it stands in answers and logs.
        public let rawValue: String
        /// A code with this text.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Nothing to write.
        public static let empty = Code(rawValue: "roster_empty")
        /// Over the events or bytes of one run.
        public static let runTooLarge = Code(rawValue: "roster_run_too_large")
        /// A field is outside its bounds.
        public static let eventInvalid = Code(rawValue: "roster_event_invalid")
        /// The act is not what an operator of this mesh signed.
        public static let actInvalid = Code(rawValue: "roster_act_invalid")
        /// The hand-on of a key is not signed by both keys.
        public static let proofInvalid = Code(rawValue: "roster_proof_invalid")
        /// No such principal, admission or name is in force.
        public static let unknownPrincipal = Code(rawValue: "roster_unknown_principal")
        /// The key is banned, or of the lineage of one that is. For ever.
        public static let keyBanned = Code(rawValue: "roster_key_banned")
        /// The key of a bolt or operator that was removed: it returns with a new key only.
        public static let keyRetired = Code(rawValue: "roster_key_retired")
        /// The key is in force already, for this principal or another.
        public static let keyInUse = Code(rawValue: "roster_key_in_use")
        /// The name is in force with another key.
        public static let nameInUse = Code(rawValue: "roster_name_in_use")
        /// Only an operator's act can do this to a principal of this role.
        public static let needsOperator = Code(rawValue: "roster_needs_operator")
        /// The name isn't contested.
        public static let notContested = Code(rawValue: "roster_not_contested")
        /// The token is not known here.
        public static let tokenUnknown = Code(rawValue: "roster_token_unknown")
        /// The token was revoked.
        public static let tokenRevoked = Code(rawValue: "roster_token_revoked")
        /// The token has expired by this bolt's clock.
        public static let tokenExpired = Code(rawValue: "roster_token_expired")
        /// The token has admitted as many as it may.
        public static let tokenSpent = Code(rawValue: "roster_token_spent")
        /// A one-shot token of another partition.
        public static let tokenElsewhere = Code(rawValue: "roster_token_elsewhere")
        /// A token with this id is known already.
        public static let tokenExists = Code(rawValue: "roster_token_exists")
        /// More dots than one event may name.
        public static let tooManyDots = Code(rawValue: "roster_too_many_dots")
    }

    /// Which kind.
    public let code: Code
    /// What was attempted on what, and why not: for people.
    public let detail: String

    /// An error with its explanation.
    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }
}

extension RosterDraftError: CustomStringConvertible {
    /// Code and explanation.
    public var description: String { "\(code.rawValue): \(detail)" }
}
