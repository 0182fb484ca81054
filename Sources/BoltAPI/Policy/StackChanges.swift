public import CRDT
public import Spanner

/// A stack is to be in force: `POST /v1/stack/publish`, at the partition's primary. What is in force already makes no
/// new version.
public struct PublishStackRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// All its files, in any order; nil: what the partition's source holds now.
    public var files: [StackFileBody]?
    /// What it is to be called, a commit's id for example; nil: the start of its digest, or the source's own name.
    public var revision: String?
    /// Refuse with `stack_moved` unless this revision is in force; empty for none.
    public var expectRevision: String?
    /// Why, for the audit log.
    public var reason: String

    /// A stack.
    public init(
        partition: PartitionName, files: [StackFileBody]?, revision: String? = nil, expectRevision: String? = nil,
        reason: String
    ) {
        (self.partition, self.files, self.revision) = (partition, files, revision)
        (self.expectRevision, self.reason) = (expectRevision, reason)
    }

    enum CodingKeys: String, CodingKey {
        case partition, files, revision, reason
        case expectRevision = "expect_revision"
    }
}

/// An earlier revision is to be in force again: `POST /v1/stack/rollback`, at the partition's primary. It makes a new
/// version.
public struct RollbackStackRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Which: its name, the start of its digest, or its version's number; nil: the last other one that was in force.
    public var revision: String?
    /// Refuse with `stack_moved` unless this revision is in force.
    public var expectRevision: String?
    /// Whether the stack is frozen too, so that its source does not bring the same revision again.
    public var freeze: Bool
    /// Whether all envoys are given it at once, roll-out policy or not.
    public var immediately: Bool
    /// Why, for the audit log.
    public var reason: String

    /// An earlier revision.
    public init(
        partition: PartitionName, revision: String?, expectRevision: String? = nil, freeze: Bool,
        immediately: Bool = false, reason: String
    ) {
        (self.partition, self.revision, self.expectRevision) = (partition, revision, expectRevision)
        (self.freeze, self.immediately, self.reason) = (freeze, immediately, reason)
    }

    enum CodingKeys: String, CodingKey {
        case partition, revision, freeze, immediately, reason
        case expectRevision = "expect_revision"
    }
}

/// A partition's stack is frozen, or no longer: `POST /v1/stack/freeze` and `/v1/stack/unfreeze`, at its primary.
/// While it is, its source is not followed. Where it has one, a directory can be published then; where it has none,
/// nothing can; a rollback is possible.
public struct FreezeStackRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Why, for the audit log.
    public var reason: String

    /// A freeze, or its end.
    public init(partition: PartitionName, reason: String) { (self.partition, self.reason) = (partition, reason) }
}

/// A partition's stack, or its roll-out, was changed, or on a dry run would be.
public struct StackChangeResponse: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Whether it changed anything: false where it was so already.
    public var changed: Bool
    /// What is in force afterwards; on a dry run what would be. Nil where there is none.
    public var inForce: StackRevisionView?
    /// Who froze it, afterwards; nil where nobody did.
    public var frozen: StackFreezeView?
    /// The roll-out, afterwards; on a dry run as it would begin.
    public var rollout: RolloutView?
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A change.
    public init(
        partition: PartitionName, bolt: String, changed: Bool, inForce: StackRevisionView?,
        frozen: StackFreezeView? = nil, rollout: RolloutView? = nil, level: AckLevel, dryRun: Bool, effects: [String]
    ) {
        (self.partition, self.bolt, self.changed, self.inForce) = (partition, bolt, changed, inForce)
        (self.frozen, self.rollout, self.level) = (frozen, rollout, level)
        (self.dryRun, self.effects) = (dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, changed, frozen, rollout, level, effects
        case inForce = "in_force"
        case dryRun = "dry_run"
    }
}

/// A stack is to be judged: `POST /v1/stack/validate`. It changes nothing.
public struct ValidateStackRequest: Hashable, Sendable, Codable {
    /// For which partition: its envoys and its secrets.
    public var partition: PartitionName
    /// All its files.
    public var files: [StackFileBody]

    /// A stack.
    public init(partition: PartitionName, files: [StackFileBody]) { (self.partition, self.files) = (partition, files) }
}

/// What is to be said of a stack, for a partition.
public struct ValidateStackResponse: Hashable, Sendable, Codable {
    /// For which partition.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Digest of all its files; nil where it has faults.
    public var digest: Bytes32?
    /// Every fault, by file and line; at most `APILimits.stackFaultsShown`.
    public var faults: [StackFaultView]
    /// Secrets that it names and the partition does not keep, by name.
    public var missingSecrets: [String]
    /// What stands in the way of its roll-out here, in words; nil where nothing does.
    public var rolloutBlocked: String?

    /// What is to be said.
    public init(
        partition: PartitionName, bolt: String, digest: Bytes32?, faults: [StackFaultView], missingSecrets: [String],
        rolloutBlocked: String?
    ) {
        (self.partition, self.bolt, self.digest, self.faults) = (partition, bolt, digest, faults)
        (self.missingSecrets, self.rolloutBlocked) = (missingSecrets, rolloutBlocked)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, digest, faults
        case missingSecrets = "missing_secrets"
        case rolloutBlocked = "rollout_blocked"
    }

    /// Whether it could be published as it is and reach every machine: with a secret missing it is taken, and those
    /// that need it keep what they have.
    public var isFine: Bool { faults.isEmpty && missingSecrets.isEmpty && rolloutBlocked == nil }
}
