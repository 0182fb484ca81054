public import Spanner

/// What one disk keeps as salvage is let go: `POST /v1/partitions/{partition}/salvage`.
///
/// Only what was kept up to `through`: nobody lets go of what came after the list that was looked at.
public struct DismissSalvageRequest: Hashable, Sendable, Codable {
    /// On whose disk, `name.partition`; the bolt that was asked where nil.
    public var bolt: String?
    /// Number of the last command that is let go.
    public var through: UInt64
    /// Why, for the audit log.
    public var reason: String

    /// What is let go.
    public init(bolt: String?, through: UInt64, reason: String) {
        (self.bolt, self.through, self.reason) = (bolt, through, reason)
    }
}

/// What was let go. It stays readable as `dismissed` until the disk needs the room.
public struct DismissSalvageResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// On whose disk, `name.partition`.
    public var bolt: String
    /// Commands that were let go, or would be.
    public var count: UInt64
    /// Whether nothing was done.
    public var dryRun: Bool

    /// What was let go.
    public init(partition: PartitionName, bolt: String, count: UInt64, dryRun: Bool) {
        (self.partition, self.bolt, self.count, self.dryRun) = (partition, bolt, count, dryRun)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, count
        case dryRun = "dry_run"
    }
}

/// A line for a partition's audit log, about what was done elsewhere: `POST /v1/partitions/{partition}/audit`.
///
/// The actor is the operator who asks, by its certificate; what may be noted is a closed list.
public struct AuditNoteRequest: Hashable, Sendable, Codable {
    /// What was done.
    public enum Action: String, Sendable, Codable, CaseIterable {
        /// A join token was made.
        case tokenCreated = "token.create"
        /// An envoy's admission was ended.
        case envoyRemoved = "envoy.remove"
        /// An operator's signed act was carried into the roster.
        case actCarried = "roster.act"
        /// What a disk kept as salvage was let go.
        case salvageDismissed = "partition.dismiss_salvage"
    }

    /// What was done.
    public var action: Action
    /// To what; at most `PartitionLimits.reasonBytesMax` bytes.
    public var object: String
    /// Why, in the operator's words.
    public var reason: String

    /// A line.
    public init(action: Action, object: String, reason: String) {
        (self.action, self.object, self.reason) = (action, object, reason)
    }
}

/// The line stands in the journal.
public struct AuditNoteResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// How safe the line is.
    public var level: AckLevel

    /// A line that stands.
    public init(partition: PartitionName, level: AckLevel) { (self.partition, self.level) = (partition, level) }
}
