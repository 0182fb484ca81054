import Identity

/// A failure of the vault, told so that an operator knows what to do. No text contains a key or a secret's value.
///
/// Equality is by `code` alone.
public struct VaultError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The stable name of a kind of failure, as listed in the error catalogue.
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
    /// What the reader can do next.
    public let next: String
    /// Where in the source the error was made.
    public let fileID: String
    /// Line in `fileID`.
    public let line: UInt

    /// Describes a failure. The vault's state is never changed by one.
    public init(
        _ code: Code, what: String, why: String, next: String, fileID: String = #fileID, line: UInt = #line
    ) {
        (self.code, self.what, self.why, self.next) = (code, what, why, next)
        (self.fileID, self.line) = (fileID, line)
    }

    /// A file that could not be read or written.
    init(_ error: IdentityError, fileID: String = #fileID, line: UInt = #line) {
        self.init(
            error.code == .insecureFile ? .insecureKeyFile : .keyFileFailure, what: error.what, why: error.why,
            next: error.next, fileID: fileID, line: line)
    }

    /// Equal when the codes are.
    public static func == (left: VaultError, right: VaultError) -> Bool { left.code == right.code }

    /// One line: what, why, effect on state, next step, code.
    public var description: String { "\(what): \(why) (nothing was changed); \(next) [\(code.rawValue)]" }
}

extension VaultError.Code {
    /// Operator: the partition has no keyring yet.
    public static let notInitialised = Self(rawValue: "vault_not_initialised")
    /// Operator: the vault is sealed; what was asked needs its keys. Retry once it is unsealed.
    public static let sealed = Self(rawValue: "vault_sealed")
    /// Caller: the vault is unsealed already. The key was not looked at.
    public static let unsealed = Self(rawValue: "vault_unsealed")
    /// Caller: another attempt to unseal runs. Retry when it has ended.
    public static let busy = Self(rawValue: "vault_busy")
    /// Caller: the vault was sealed, or its keyring replaced, while it was being unsealed. Retry if still wanted.
    public static let overtaken = Self(rawValue: "vault_overtaken")
    /// Operator: the key is whole, but another's: of another mesh, partition or keyring, or one that was exchanged.
    public static let wrongKey = Self(rawValue: "vault_wrong_key")
    /// Disk, or somebody who altered it: the keyring is not what was made. The key may well be right.
    public static let keyringDamaged = Self(rawValue: "vault_keyring_damaged")
    /// Operator: a newer version of this program made the keyring.
    public static let keyringNewer = Self(rawValue: "vault_keyring_newer")
    /// Operator: the keyring is of another mesh or partition.
    public static let keyringForeign = Self(rawValue: "vault_keyring_foreign")
    /// Operator: as many data keys as a keyring may hold.
    public static let tooManyKeys = Self(rawValue: "vault_too_many_keys")
    /// Operator: the key file is not whole.
    public static let keyFileDamaged = Self(rawValue: "vault_key_file_damaged")
    /// Operator: the key file may be read by others, or belongs to another user. No byte of it was read.
    public static let insecureKeyFile = Self(rawValue: "vault_insecure_key_file")
    /// Operator: the key file is not there, or a system call on it failed.
    public static let keyFileFailure = Self(rawValue: "vault_key_file_failure")
    /// Disk, or somebody who altered or moved it: a sealed row does not open where it stands.
    public static let rowDamaged = Self(rawValue: "vault_row_damaged")
    /// Operator: a row is sealed under a data key that the keyring does not hold.
    public static let keyMissing = Self(rawValue: "vault_key_missing")
    /// Caller: a secret, or a name, over its limit. Nothing was sealed.
    public static let tooLarge = Self(rawValue: "vault_too_large")
    /// Caller: a name that is not one.
    public static let badName = Self(rawValue: "vault_bad_name")

    /// Every code, for the error catalogue.
    public static let all: [Self] = [
        .notInitialised, .sealed, .unsealed, .busy, .overtaken, .wrongKey, .keyringDamaged, .keyringNewer,
        .keyringForeign, .tooManyKeys, .keyFileDamaged, .insecureKeyFile, .keyFileFailure, .rowDamaged, .keyMissing,
        .tooLarge, .badName,
    ]
}
