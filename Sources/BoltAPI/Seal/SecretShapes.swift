public import Spanner

/// One secret of a partition, without its value.
public struct SecretView: Hashable, Sendable, Codable {
    /// Its name.
    public var name: String
    /// Which value: 1 is the first.
    public var version: UInt64
    /// Bytes of the value.
    public var bytes: Int
    /// The journal's record that brought it.
    public var position: UInt64
    /// Whether the answering bolt can open it: false tells of damage; nil while that bolt is sealed.
    public var opens: Bool?

    /// A secret.
    public init(name: String, version: UInt64, bytes: Int, position: UInt64, opens: Bool?) {
        (self.name, self.version, self.bytes) = (name, version, bytes)
        (self.position, self.opens) = (position, opens)
    }
}

/// `GET /v1/secrets?after=&limit=`: the secrets that the answering bolt's partition keeps, as its own copy has them.
public struct SecretsResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// Whose copy, `name.partition`.
    public var bolt: String
    /// Whether that bolt is primary: only then is its copy the latest for certain.
    public var isPrimary: Bool
    /// Where its journal ends.
    public var position: UInt64
    /// Seconds since that bolt heard the primary, and so how old its copy may be; 0 at the primary, nil where it heard
    /// none since it started.
    public var ageSeconds: Double?
    /// By name.
    public var secrets: [SecretView]
    /// Name after which the next page begins; nil on the last.
    public var nextAfter: String?

    /// A page of secrets.
    public init(
        partition: PartitionName, bolt: String, isPrimary: Bool, position: UInt64, secrets: [SecretView],
        nextAfter: String?, ageSeconds: Double? = nil
    ) {
        (self.partition, self.bolt, self.isPrimary, self.position) = (partition, bolt, isPrimary, position)
        (self.secrets, self.nextAfter, self.ageSeconds) = (secrets, nextAfter, ageSeconds)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, position, secrets
        case isPrimary = "primary"
        case nextAfter = "next_after"
        case ageSeconds = "age_seconds"
    }
}

/// A secret's next value: `POST /v1/secrets`, at the partition's primary. It is passed on to no other bolt.
public struct PutSecretRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Its name.
    public var name: String
    /// The value.
    public var value: SecretText
    /// Why, for the audit log.
    public var reason: String

    /// A secret's next value.
    public init(partition: PartitionName, name: String, value: SecretText, reason: String) {
        (self.partition, self.name, self.value, self.reason) = (partition, name, value, reason)
    }
}

/// A secret is no longer kept: `POST /v1/secrets/remove`, at the partition's primary.
public struct RemoveSecretRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Its name.
    public var name: String
    /// Why, for the audit log.
    public var reason: String

    /// A secret is no longer kept.
    public init(partition: PartitionName, name: String, reason: String) {
        (self.partition, self.name, self.reason) = (partition, name, reason)
    }
}

/// What came of a change of a secret.
public struct SecretChangeResponse: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Its name.
    public var name: String
    /// The version that is kept now, or would be; nil where the secret is kept no longer.
    public var version: UInt64?
    /// How safe it is.
    public var level: AckLevel
    /// Whether nothing was to be changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// What came of it.
    public init(
        partition: PartitionName, name: String, version: UInt64?, level: AckLevel, dryRun: Bool, effects: [String]
    ) {
        (self.partition, self.name, self.version, self.level) = (partition, name, version, level)
        (self.dryRun, self.effects) = (dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case partition, name, version, level, effects
        case dryRun = "dry_run"
    }
}
