public import CRDT

extension PartitionMachine {
    /// What this bolt does for its partition now.
    public var role: PartitionRole {
        if let fencedBecause { return .fenced(fencedBecause) }
        if let reign {
            if let handover = reign.handover { return .handingOver(reign.epoch, to: handover.to) }
            return .primary(reign.epoch)
        }
        if let beginning { return .candidate(beginning.record.epoch) }
        if let candidacy, candidacy.phase != .surveying { return .candidate(candidacy.epoch) }
        if durable.tip.position == 0, following == nil { return .waiting }
        let isInSync = durable.configuration?.inSync.contains(own.disk) ?? false
        return .standby(primary: hears ?? following?.disk, inSync: isInSync)
    }

    /// Why a disk is fenced that holds something safe which the partition went on without: an accepted loss, mostly.
    static func partedReason(fork: UInt64, tip: LogPoint) -> String {
        "the partition went on from record \(fork) without this disk, which holds records up to \(tip.position), some "
            + "of them acknowledged as paired: they are kept here and nowhere else"
    }

    /// Where the log ends, durably.
    public var tip: LogPoint { durable.tip }
    /// All up to here is safe, as far as is known.
    public var safePosition: UInt64 { safe }
    /// The highest epoch promised, durably.
    public var promisedEpoch: PartitionEpoch { promised }
    /// Who replicates, as the durable log says; nil before the first epoch.
    public var configuration: PartitionConfiguration? { durable.configuration }
    /// Whether this disk still waits to be counted by all others.
    public var isNew: Bool { isForgetful }
    /// Disks that are counted beside the members.
    public var counted: [ReplicaID] { acquaintances }

    /// A member as a primary sees it.
    public struct Follower: Hashable, Sendable {
        /// Which disk.
        public var disk: ReplicaID
        /// Whether a link stands.
        public var isLinked: Bool
        /// Whether `paired` waits for it.
        public var isInSync: Bool
        /// Up to where it acknowledged, nil before the first word.
        public var acknowledged: UInt64?
        /// Bytes on their way to it.
        public var unacknowledgedBytes: Int
    }

    /// Members but this one and others with a link, sorted by disk; empty where this bolt does not reign.
    public var followers: [Follower] {
        guard reign != nil, let configuration = durable.configuration else { return [] }
        let disks = Set(configuration.members).union(peers.filter { $0.value.link != nil }.keys)
        return disks.filter { $0 != own.disk }.sorted().map { disk in
            Follower(
                disk: disk, isLinked: peers[disk]?.link != nil, isInSync: configuration.inSync.contains(disk),
                acknowledged: peers[disk]?.acknowledged?.position,
                unacknowledgedBytes: peers[disk]?.unacknowledgedBytes ?? 0)
        }
    }
}
