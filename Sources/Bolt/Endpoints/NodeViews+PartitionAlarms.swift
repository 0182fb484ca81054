internal import BoltAPI
internal import Spanner

extension NodeViews {
    /// What an operator should look at in the partitions.
    /// What is wrong with the own disk of `bolt`, who answers, is told elsewhere.
    static func alarms(of partitions: [PartitionView], askedAt bolt: String? = nil) -> [Alarm] {
        partitions.flatMap { partition -> [Alarm] in
            guard partition.reachable > 0 else { return [] }
            return fenced(in: partition) + sealed(in: partition) + full(in: partition, but: bolt) + stuck(in: partition)
                + unserved(partition) + unpaired(partition)
        }
    }

    /// A full disk keeps no results: of a primary it stops the partition, of a standby it is one copy less.
    private static func full(in partition: PartitionView, but asked: String?) -> [Alarm] {
        partition.members.filter { $0.isFull && $0.bolt != asked }.compactMap { member in
            guard let bolt = member.bolt else { return nil }
            let reigns = bolt == partition.primary
            let way = reigns ? "; or hand over: boltctl partition switchover \(partition.name)" : ""
            return Alarm(
                code: "store_full", severity: .critical,
                text: "the disk of \(bolt) is full: "
                    + (reigns ? "\(partition.name) takes no results" : "it is no standby that can take over"),
                next: "make room in the state directory of \(bolt)\(way)")
        }
    }

    /// A standby that does not catch up by itself, whatever the cause.
    private static func stuck(in partition: PartitionView) -> [Alarm] {
        partition.members.filter { $0.stuckSeconds != nil && !$0.isFull }.compactMap { member in
            guard let bolt = member.bolt else { return nil }
            return Alarm(
                code: "standby_stuck", severity: .warning,
                text: "\(bolt) does not catch up with \(partition.name): \(member.reason ?? "its copy does not move")",
                next:
                    "see its log; if it never moves: boltctl bolt remove \(bolt) --dead, and join it anew with "
                    + "an empty state directory")
        }
    }

    private static func fenced(in partition: PartitionView) -> [Alarm] {
        partition.members.filter { $0.reported == .fenced }.map { member in
            Alarm(
                code: "bolt_fenced", severity: .critical,
                text: "\(member.bolt ?? "a bolt") serves nothing of \(partition.name): \(member.reason ?? "fenced")",
                next: partingSteps(member, partition) ?? "boltctl partition show \(partition.name)")
        }
    }

    /// What to do with a disk that holds what its partition went on without; nil for another fence.
    private static func partingSteps(_ member: PartitionMemberView, _ partition: PartitionView) -> String? {
        guard member.partedAt != nil, let bolt = member.bolt else { return nil }
        return "see what only that disk holds: "
            + "boltctl partition salvage \(partition.name) --at \(bolt) --fate stranded; "
            + "keep a copy of its state directory, then: boltctl bolt remove \(bolt) --dead, and join it anew"
    }

    /// A sealed bolt keeps its copy and takes nothing over: where nobody reigns that is why, else it will be.
    private static func sealed(in partition: PartitionView) -> [Alarm] {
        let bolts = partition.sealedBolts
        guard !bolts.isEmpty else { return [] }
        let names = Plural.are(bolts, "sealed")
        let isStopped = partition.primary == nil
        return [
            Alarm(
                code: "sealed", severity: isStopped ? .critical : .warning,
                text: isStopped
                    ? "\(names), and \(partition.name) has no primary"
                    : "\(names), and cannot take \(partition.name) over",
                next: "boltctl seal unseal --key-file FILE, with the key of \(partition.name)")
        ]
    }

    private static func unserved(_ partition: PartitionView) -> [Alarm] {
        guard partition.primary == nil else { return [] }
        let isFounded = partition.epoch != nil
        // Where everybody is sealed nobody can be promoted: that alarm stands already.
        if !partition.sealedBolts.isEmpty, partition.unsealedStandbys.isEmpty { return [] }
        return [
            Alarm(
                code: "no_primary", severity: .critical, text: "partition \(partition.name) has no primary",
                next: isFounded
                    ? "boltctl partition promote \(partition.name) --check"
                    : "see why: boltctl partition show \(partition.name)")
        ]
    }

    private static func unpaired(_ partition: PartitionView) -> [Alarm] {
        guard partition.primary != nil, partition.bolts.count > 1, partition.inSync < 2 else { return [] }
        return [
            Alarm(
                code: "no_standby", severity: .warning,
                text: "no standby of \(partition.name) is in sync: writes are acknowledged as local only",
                next: "boltctl partition show \(partition.name)")
        ]
    }
}
