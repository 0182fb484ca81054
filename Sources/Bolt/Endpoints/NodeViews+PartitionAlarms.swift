internal import BoltAPI
internal import Spanner

extension NodeViews {
    /// What an operator should look at in the partitions.
    static func alarms(of partitions: [PartitionView]) -> [Alarm] {
        partitions.flatMap { partition -> [Alarm] in
            guard partition.reachable > 0 else { return [] }
            return fenced(in: partition) + sealed(in: partition) + unserved(partition) + unpaired(partition)
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
