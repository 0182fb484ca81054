/// Whether a vault can open what it holds.
public enum SealState: Hashable, Sendable {
    /// The partition has no keyring: `seal init` makes one.
    case uninitialised
    /// There is a keyring, and no key.
    case sealed(SealCause)
    /// A key was given and is being tried.
    case unsealing(UnsealAttempt)
    /// The keys of this keyring are in guarded memory.
    case unsealed(KeyringStamp)

    /// Whether secrets can be opened: only then may a bolt serve, or be promoted.
    public var isUnsealed: Bool {
        if case .unsealed = self { true } else { false }
    }
}

/// Why a vault is sealed.
public enum SealCause: String, Hashable, Sendable, CaseIterable {
    /// The process started: every bolt starts sealed.
    case started
    /// Somebody asked for it.
    case asked
    /// The journal holds a keyring that the root key does not belong to.
    case keyringReplaced = "keyring_replaced"
    /// The keyring that the journal holds now does not open under the root key.
    case keyringDamaged = "keyring_damaged"
}

/// One attempt to unseal. Given by the shell; never used twice in one life of a process.
public struct UnsealAttempt: Hashable, Sendable {
    /// The shell's number for it.
    public let raw: UInt64
    /// The attempt with this number.
    public init(_ raw: UInt64) { self.raw = raw }
}
