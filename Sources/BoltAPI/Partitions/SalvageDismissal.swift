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
        /// A partition was handed over to a standby.
        case switchedOver = "partition.switchover"
        /// A bolt gave up being primary.
        case steppedDown = "bolt.step_down"
        /// A bolt is to serve nobody.
        case boltDrained = "bolt.drain"
        /// A drained bolt serves again.
        case boltUndrained = "bolt.undrain"
        /// A bolt was made primary.
        case promoted = "partition.promote"
        /// The same, with a loss accepted.
        case promotedAcceptingLoss = "partition.promote_accepting_loss"
        /// A living standby was taken out.
        case memberRemoved = "partition.remove_member"
        /// A bolt was sealed.
        case sealed = "seal.seal"
        /// A bolt was unsealed.
        case unsealed = "seal.unseal"
    }

    /// How far it came, where the line does not say that it was done.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// It was asked for, and what became of it is not known yet: another line says so.
        case asked
        /// It was refused; nothing was changed.
        case refused
    }

    /// What was done.
    public var action: Action
    /// How far it came; nil: it was done.
    public var outcome: Outcome?
    /// To what; at most `PartitionLimits.reasonBytesMax` bytes.
    public var object: String
    /// Why, in the operator's words.
    public var reason: String

    /// A line.
    public init(action: Action, outcome: Outcome? = nil, object: String, reason: String) {
        (self.action, self.outcome, self.object, self.reason) = (action, outcome, object, reason)
    }

    /// The word of the line: `partition.switchover` for what was done, `partition.switchover.asked` before that,
    /// `partition.switchover.refused` where it came to nothing.
    public var word: String { action.rawValue + (outcome.map { ".\($0.rawValue)" } ?? "") }
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
