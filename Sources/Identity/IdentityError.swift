/// A failure of the identity layer, told so that an operator knows what to do.
///
/// Equality is by `code` alone; the texts never contain key material, secrets or passphrases.
public struct IdentityError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure, as printed in JSON output and listed in the error catalogue.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The name itself: lower case, words joined by underscores.
        public let rawValue: String

        /// Wraps a name.
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    /// The stable kind.
    public let code: Code
    /// What was attempted, on what.
    public let what: String
    /// Why it failed: expected against actual, or the underlying error.
    public let why: String
    /// Whether anything on disk differs from before the attempt.
    public let stateChanged: Bool
    /// What the reader can do next.
    public let next: String
    /// Where in the source the error was made.
    public let fileID: String
    /// Line in `fileID`.
    public let line: UInt

    /// Describes a failure. `stateChanged` is false unless said: nearly all checks come before any write.
    public init(
        _ code: Code, what: String, why: String, stateChanged: Bool = false, next: String,
        fileID: String = #fileID, line: UInt = #line
    ) {
        self.code = code
        self.what = what
        self.why = why
        self.stateChanged = stateChanged
        self.next = next
        self.fileID = fileID
        self.line = line
    }

    /// Equal when the codes are.
    public static func == (left: IdentityError, right: IdentityError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String {
        let state = stateChanged ? "state may have changed" : "nothing was changed"
        return "\(what): \(why) (\(state)); \(next) [\(code.rawValue)]"
    }
}

extension IdentityError.Code {
    /// Caller's fault: a name, address, validity or other argument breaks its rule. Do not retry.
    public static let badArgument = Self(rawValue: "identity_bad_argument")
    /// Peer's or caller's fault: bytes that are not the certificate, request, key or token they should be.
    public static let malformed = Self(rawValue: "identity_malformed")
    /// Peer's or caller's fault: input longer than its named limit; nothing of it was interpreted.
    public static let tooLarge = Self(rawValue: "identity_too_large")
    /// Peer's fault: a request or proof not signed by the key that it presents.
    public static let badProof = Self(rawValue: "identity_bad_proof")
    /// Caller's fault: an encrypted key and a passphrase that does not open it. Retry with another.
    public static let wrongPassphrase = Self(rawValue: "identity_wrong_passphrase")
    /// Caller's fault: an encrypted key and no passphrase, or a key to be written and neither passphrase nor `dev`.
    public static let passphraseRequired = Self(rawValue: "identity_passphrase_required")
    /// Operator's fault: a private file that its group or others can read, or that belongs to someone else.
    public static let insecureFile = Self(rawValue: "identity_insecure_file")
    /// Operator's fault: a file or directory of an identity is not there.
    public static let missingFile = Self(rawValue: "identity_missing_file")
    /// Operator's fault: the place to write to is taken; nothing is overwritten.
    public static let exists = Self(rawValue: "identity_exists")
    /// Operating failure: a system call on a file failed. Retry once its cause is removed.
    public static let fileFailure = Self(rawValue: "identity_file_failure")
    /// Operator's fault: files of one identity that do not belong together.
    public static let mismatch = Self(rawValue: "identity_mismatch")
    /// Caller's fault: an issuer asked for what its own certificate does not allow.
    public static let notAllowed = Self(rawValue: "identity_not_allowed")
    /// Operating failure or our bug: libcrypto or libsodium refused a call that should succeed.
    public static let cryptoFailure = Self(rawValue: "identity_crypto_failure")

    /// Every code, for the error catalogue.
    public static let all: [Self] = [
        .badArgument, .malformed, .tooLarge, .badProof, .wrongPassphrase, .passphraseRequired, .insecureFile,
        .missingFile, .exists, .fileFailure, .mismatch, .notAllowed, .cryptoFailure,
    ]
}
