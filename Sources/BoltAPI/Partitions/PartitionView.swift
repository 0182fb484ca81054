public import CRDT
public import Spanner

/// What a bolt does for its partition, as it says itself.
public enum PartitionRoleWord: String, Sendable, Codable, CaseIterable {
    /// Nothing yet: its partition was never founded, or it has not heard from it.
    case waiting
    /// Holds a copy.
    case standby
    /// Asks for promises, to reign.
    case candidate
    /// Reigns.
    case primary
    /// Reigns still, and gives up for another.
    case handingOver = "handing_over"
    /// Serves nothing of its partition.
    case fenced
}

/// One bolt's part in its partition.
public struct PartitionMemberView: Hashable, Sendable, Codable {
    /// `name.partition`; nil for a disk of no bolt that the roster admits.
    public var bolt: String?
    /// Its disk, once heard of.
    public var disk: ReplicaID?
    /// What it says to be, in its last word; nil where it was not heard.
    public var reported: PartitionRoleWord?
    /// What the latest epoch that was heard of makes of it: `primary` or `standby`; nil before the first epoch.
    public var assigned: PartitionRoleWord?
    /// Whether `paired` waits for it, by the primary's word.
    public var isInSync: Bool
    /// Whether it is sealed: it keeps its copy, and cannot take the partition over. False where it was not heard.
    public var isSealed: Bool
    /// Whether an operator has it serve nobody: it keeps its copy, and is not chosen to take the partition over. False
    /// where it was not heard.
    public var isDrained: Bool
    /// Whether its disk is full: it keeps no more results, and cannot take the partition over. False where it was not
    /// heard.
    public var isFull: Bool
    /// Seconds for which it has been out of sync with a primary that it is linked with, and its copy has not moved;
    /// nil where that is not so, or not for long.
    public var stuckSeconds: Double?
    /// Where it is fenced because the partition went on without what its disk holds: the last record that both hold.
    public var partedAt: UInt64?
    /// Where its journal ends; nil where that is not known.
    public var position: UInt64?
    /// Records that the primary holds and it does not; nil where that is not known.
    public var lagRecords: UInt64?
    /// Seconds since it was heard; nil for the bolt that answers and for one that was never heard.
    public var heardSeconds: Double?
    /// Why it is as it is, in its own words.
    public var reason: String?

    /// A bolt's part in its partition.
    public init(
        bolt: String?, disk: ReplicaID?, reported: PartitionRoleWord?, assigned: PartitionRoleWord?, isInSync: Bool,
        position: UInt64? = nil, lagRecords: UInt64? = nil, heardSeconds: Double? = nil,
        reason: String? = nil, isSealed: Bool = false, isDrained: Bool = false,
        partedAt: UInt64? = nil, isFull: Bool = false, stuckSeconds: Double? = nil
    ) {
        (self.bolt, self.disk, self.reported, self.assigned) = (bolt, disk, reported, assigned)
        (self.isInSync, self.isSealed, self.position) = (isInSync, isSealed, position)
        (self.isDrained, self.partedAt, self.isFull, self.stuckSeconds) = (isDrained, partedAt, isFull, stuckSeconds)
        (self.lagRecords, self.heardSeconds, self.reason) = (lagRecords, heardSeconds, reason)
    }

    /// Whether it says to stand by, has room on its disk, and has the keys, or needs none.
    public var mayBePromoted: Bool { (reported == .standby || reported == .candidate) && !isSealed && !isFull }

    enum CodingKeys: String, CodingKey {
        case bolt, disk, reported, assigned, position, reason
        case isInSync = "in_sync"
        case isSealed = "sealed"
        case isDrained = "drained"
        case isFull = "disk_full"
        case stuckSeconds = "stuck_seconds"
        case partedAt = "parted_at"
        case lagRecords = "lag_records"
        case heardSeconds = "heard_seconds"
    }
}

/// One partition, as a bolt sees it.
public struct PartitionView: Hashable, Sendable, Codable {
    /// Its name.
    public var name: PartitionName
    /// Its bolts, `name.partition`.
    public var bolts: [String]
    /// How many of them can be reached.
    public var reachable: Int
    /// The bolt that accepts writes, where one is known to be reachable.
    public var primary: String?
    /// Envoys in force whose slice it owns.
    public var envoys: Int
    /// The latest epoch that was heard of; nil before the first.
    public var epoch: PartitionEpoch?
    /// Disks in sync, the primary's included; 0 where no primary is known.
    public var inSync: Int
    /// How many more of its bolts may be lost, whichever they are, so that an unsealed standby that is left can be
    /// promoted without accepting a loss of anything acknowledged as `paired`: 1 where a standby in sync could and
    /// every member is linked with the primary, else 0. Never more: a promotion takes the promises of all members but
    /// one.
    public var faultTolerance: Int
    /// Its bolts' parts, by bolt.
    public var members: [PartitionMemberView]

    /// A partition.
    public init(
        name: PartitionName, bolts: [String], reachable: Int, primary: String?, envoys: Int,
        epoch: PartitionEpoch? = nil, inSync: Int = 0, faultTolerance: Int = 0, members: [PartitionMemberView] = []
    ) {
        (self.name, self.bolts, self.reachable) = (name, bolts, reachable)
        (self.primary, self.envoys, self.epoch) = (primary, envoys, epoch)
        (self.inSync, self.faultTolerance, self.members) = (inSync, faultTolerance, members)
    }

    /// Bolts that say of themselves that they are sealed, by name.
    public var sealedBolts: [String] { members.filter(\.isSealed).compactMap(\.bolt).sorted() }

    /// Bolts that say to stand by, have room, and have the keys, or need none: who may be promoted.
    public var unsealedStandbys: [String] {
        members.filter(\.mayBePromoted).compactMap(\.bolt).sorted()
    }

    enum CodingKeys: String, CodingKey {
        case name, bolts, reachable, primary, envoys, epoch, members
        case inSync = "in_sync"
        case faultTolerance = "fault_tolerance"
    }
}

/// `GET /v1/partitions`.
public struct PartitionsResponse: Hashable, Sendable, Codable {
    /// By name.
    public var partitions: [PartitionView]
    /// Age and completeness.
    public var freshness: Freshness

    /// A list of partitions.
    public init(partitions: [PartitionView], freshness: Freshness) {
        (self.partitions, self.freshness) = (partitions, freshness)
    }
}

/// `GET /v1/partitions/{partition}`.
public struct PartitionResponse: Hashable, Sendable, Codable {
    /// The partition.
    public var partition: PartitionView
    /// Addresses of its bolts, in the order of `partition.bolts`.
    public var addresses: [String]
    /// Age and completeness.
    public var freshness: Freshness

    /// One partition.
    public init(partition: PartitionView, addresses: [String], freshness: Freshness) {
        (self.partition, self.addresses, self.freshness) = (partition, addresses, freshness)
    }
}
