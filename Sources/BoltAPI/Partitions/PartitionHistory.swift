public import CRDT
public import Spanner

/// A disk with the bolt that it is of.
public struct DiskView: Hashable, Sendable, Codable {
    /// `name.partition`; nil for a disk of no bolt that the roster admits, in a history of none that it knows.
    public var bolt: String?
    /// The disk: the bolt's key, and which life of the disk.
    public var disk: ReplicaID

    /// A disk.
    public init(bolt: String?, disk: ReplicaID) { (self.bolt, self.disk) = (bolt, disk) }

    /// For people: the bolt's name, else the start of its key.
    public var text: String { bolt ?? "disk \(disk.key.hex.prefix(12))" }
}

/// Why an epoch began.
public enum PartitionCauseWord: String, Sendable, Codable, CaseIterable {
    /// The partition's first.
    case genesis
    /// An operator promoted.
    case promotion
    /// An operator switched over.
    case switchover
    /// A lease ended.
    case failover
    /// A backup was restored.
    case restore
    /// A primary that restarted took its own epoch up again.
    case resumption

    /// The word of a cause.
    public init(_ cause: PartitionCause) {
        switch cause {
        case .genesis: self = .genesis
        case .promotion: self = .promotion
        case .switchover: self = .switchover
        case .failover: self = .failover
        case .restore: self = .restore
        case .resumption: self = .resumption
        }
    }
}

/// How one epoch began.
public struct EpochView: Hashable, Sendable, Codable {
    /// The first record: its epoch, position and hash.
    public var point: LogPoint
    /// Why it began.
    public var cause: PartitionCauseWord
    /// The operation that it is the outcome of.
    public var operation: OperationID
    /// Who reigns in it.
    public var minter: DiskView
    /// The last record of the epochs before.
    public var basis: LogPoint
    /// Who promised it, the minter included.
    public var promisedBy: [DiskView]
    /// What may be lost by it, in words; nil where the promises exclude a loss of what was `paired`.
    public var acceptedLoss: String?
    /// Members that it began with.
    public var members: [DiskView]
    /// When it was asked for, by the clock of the bolt that took the line of the audit log; nil where none says so:
    /// nobody asked for it, or long ago.
    public var at: WallTime?
    /// Who asked, as that line says: `operator/ada`.
    public var actor: String?
    /// Why, in the operator's words.
    public var reason: String?

    /// How an epoch began.
    public init(
        point: LogPoint, cause: PartitionCauseWord, operation: OperationID, minter: DiskView, basis: LogPoint,
        promisedBy: [DiskView], acceptedLoss: String?, members: [DiskView], at: WallTime? = nil,
        actor: String? = nil, reason: String? = nil
    ) {
        (self.at, self.actor, self.reason) = (at, actor, reason)
        (self.point, self.cause, self.operation, self.minter) = (point, cause, operation, minter)
        (self.basis, self.promisedBy) = (basis, promisedBy)
        (self.acceptedLoss, self.members) = (acceptedLoss, members)
    }

    enum CodingKeys: String, CodingKey {
        case point, cause, operation, minter, basis, members, actor, reason
        case at = "at_ms"
        case promisedBy = "promised_by"
        case acceptedLoss = "accepted_loss"
    }
}

/// `GET /v1/partitions/{partition}/history`: the latest epochs, oldest first.
public struct PartitionHistoryResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// Whose journal says so, `name.partition`.
    public var bolt: String
    /// At most `PartitionLimits.historyMax`.
    public var epochs: [EpochView]
    /// Where that journal ends.
    public var tip: LogPoint
    /// All up to here is safe.
    public var safe: UInt64
    /// Seconds since that bolt heard the primary; 0 at the primary, nil where it heard none.
    public var ageSeconds: Double?

    /// The latest epochs.
    public init(
        partition: PartitionName, bolt: String, epochs: [EpochView], tip: LogPoint, safe: UInt64,
        ageSeconds: Double? = nil
    ) {
        (self.partition, self.bolt, self.epochs) = (partition, bolt, epochs)
        (self.tip, self.safe, self.ageSeconds) = (tip, safe, ageSeconds)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, epochs, tip, safe
        case ageSeconds = "age_seconds"
    }
}

/// One command that was cut off from a bolt's journal because its partition went on without it.
public struct SalvageView: Hashable, Sendable, Codable {
    /// What became of it since.
    public enum Fate: String, Sendable, Codable, CaseIterable {
        /// Nobody did anything with it yet.
        case kept
        /// It was sent to the partition again.
        case replayed
        /// An operator let it go, or nothing of it can be replayed.
        case dismissed
        /// Cut off from nothing: it stands in the journal of a disk that was fenced because its partition went on
        /// without it, and nowhere else.
        case stranded
    }

    /// Its number on that disk; of what is stranded, the position of its record.
    public var number: UInt64
    /// The record that it was in.
    public var point: LogPoint
    /// Its place in that record; nil for a record about replication.
    public var index: Int?
    /// What it was, in one line; no secret and no result's content.
    public var text: String
    /// What became of it.
    public var fate: Fate

    /// A command that was cut off.
    public init(number: UInt64, point: LogPoint, index: Int?, text: String, fate: Fate) {
        (self.number, self.point, self.index) = (number, point, index)
        (self.text, self.fate) = (text, fate)
    }
}

/// `GET /v1/partitions/{partition}/salvage?bolt=&fate=&after=&limit=`: kept on one disk, never replicated.
public struct SalvageResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// On whose disk, `name.partition`.
    public var bolt: String
    /// By number.
    public var commands: [SalvageView]
    /// Number after which the next page begins; nil on the last.
    public var nextAfter: UInt64?

    /// A page of what one disk keeps.
    public init(partition: PartitionName, bolt: String, commands: [SalvageView], nextAfter: UInt64?) {
        (self.partition, self.bolt, self.commands, self.nextAfter) = (partition, bolt, commands, nextAfter)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, commands
        case nextAfter = "next_after"
    }
}
