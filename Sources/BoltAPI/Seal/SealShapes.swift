public import Spanner

/// Which keyring a bolt holds: nothing of it is secret.
public struct KeyringView: Hashable, Sendable, Codable {
    /// 128 random bits that stand for the keyring.
    public var id: PrincipalID
    /// Which unseal key opens it: 1 at first.
    public var lock: UInt64
    /// How often it changed; 1 at first.
    public var revision: UInt64
    /// Data keys in it.
    public var dataKeys: Int

    /// A keyring.
    public init(id: PrincipalID, lock: UInt64, revision: UInt64, dataKeys: Int) {
        (self.id, self.lock, self.revision, self.dataKeys) = (id, lock, revision, dataKeys)
    }

    enum CodingKeys: String, CodingKey {
        case id, lock, revision
        case dataKeys = "data_keys"
    }
}

/// `GET /v1/seal`: whether the bolt that answers can open its partition's secrets.
public struct SealStatusResponse: Hashable, Sendable, Codable {
    /// Whether it can.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// The partition has no keyring: there is nothing to be opened.
        case uninitialised
        /// There is a keyring and no key: the bolt serves nothing of its partition.
        case sealed
        /// The keys are in memory.
        case unsealed
    }

    /// Who answers, `name.partition`.
    public var bolt: String
    /// Its partition.
    public var partition: PartitionName
    /// Whether it can open secrets.
    public var state: State
    /// Why it is sealed, and what to do; empty where it is not.
    public var reasons: [String]
    /// The keyring that its journal holds.
    public var keyring: KeyringView?
    /// Whether all keys are kept out of swap; nil while there are none in memory.
    public var isMemoryLocked: Bool?
    /// Whether its configuration names a key file.
    public var hasKeyFile: Bool
    /// Whether it is its partition's primary.
    public var isPrimary: Bool

    /// Whether a bolt can open secrets.
    public init(
        bolt: String, partition: PartitionName, state: State, reasons: [String], keyring: KeyringView?,
        isMemoryLocked: Bool?, hasKeyFile: Bool, isPrimary: Bool
    ) {
        (self.bolt, self.partition, self.state, self.reasons) = (bolt, partition, state, reasons)
        (self.keyring, self.isMemoryLocked) = (keyring, isMemoryLocked)
        (self.hasKeyFile, self.isPrimary) = (hasKeyFile, isPrimary)
    }

    enum CodingKeys: String, CodingKey {
        case bolt, partition, state, reasons, keyring
        case isMemoryLocked = "memory_locked"
        case hasKeyFile = "has_key_file"
        case isPrimary = "primary"
    }
}

/// A partition's first keyring: `POST /v1/seal/init`, at its primary.
///
/// Whoever asks made both and keeps the key: it is written before anything is journaled, so that there never is a
/// keyring that nothing opens. Asked again with the same keyring it is the same act.
public struct InitSealRequest: Hashable, Sendable, Codable {
    /// The keyring's encoding.
    public var keyring: Base64Bytes
    /// Content of the key file that opens it. The bolt keeps it in memory only.
    public var key: SecretText
    /// Why, for the audit log.
    public var reason: String

    /// A first keyring.
    public init(keyring: Base64Bytes, key: SecretText, reason: String) {
        (self.keyring, self.key, self.reason) = (keyring, key, reason)
    }
}

/// A key for the bolt that is asked: `POST /v1/seal/unseal`.
public struct UnsealRequest: Hashable, Sendable, Codable {
    /// Content of the key file. The bolt keeps it in memory only.
    public var key: SecretText
    /// Why, for the audit log.
    public var reason: String

    /// A key.
    public init(key: SecretText, reason: String) { (self.key, self.reason) = (key, reason) }
}

/// No key is to stay in the memory of the bolt that is asked: `POST /v1/seal/seal`.
public struct SealRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's: the hand-over's id, where the bolt is primary.
    public var operation: OperationID
    /// Seal a primary although nobody can take over: its partition serves nothing until a bolt is unsealed.
    public var stopPartition: Bool
    /// Why, for the audit log.
    public var reason: String

    /// A bolt is to be sealed.
    public init(operation: OperationID, stopPartition: Bool = false, reason: String) {
        (self.operation, self.stopPartition, self.reason) = (operation, stopPartition, reason)
    }

    enum CodingKeys: String, CodingKey {
        case operation, reason
        case stopPartition = "stop_partition"
    }
}

/// What came of a change of a seal.
public struct SealChangeResponse: Hashable, Sendable, Codable {
    /// How it stands now.
    public var seal: SealStatusResponse
    /// Whether this request changed it.
    public var changed: Bool
    /// How safe the journaled part is; nil where nothing was journaled.
    public var level: AckLevel?
    /// Whether nothing was to be changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// What came of it.
    public init(seal: SealStatusResponse, changed: Bool, level: AckLevel?, dryRun: Bool, effects: [String]) {
        (self.seal, self.changed, self.level) = (seal, changed, level)
        (self.dryRun, self.effects) = (dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case seal, changed, level, effects
        case dryRun = "dry_run"
    }
}

extension SealStatusResponse.State: SchemaWord {}
