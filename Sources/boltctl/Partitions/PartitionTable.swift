import BoltAPI
import CRDT
import Spanner

/// Partitions as tables.
enum PartitionTable {
    /// Partitions, then the bolts of each.
    static func text(_ partitions: [PartitionView]) -> String {
        [summary(partitions), members(partitions)].compactMap { $0 }.joined(separator: "\n\n")
    }

    /// One line a partition.
    static func summary(_ partitions: [PartitionView]) -> String {
        var table = TextTable("PARTITION", "BOLTS", "REACHABLE", "PRIMARY", "EPOCH", "IN SYNC", "MAY FAIL", "ENVOYS")
        for partition in partitions {
            table.row(
                partition.name.text, "\(partition.bolts.count)", "\(partition.reachable)", partition.primary,
                partition.epoch?.shortText, partition.inSync == 0 ? nil : "\(partition.inSync)",
                partition.inSync == 0 ? nil : "\(partition.faultTolerance)", "\(partition.envoys)")
        }
        return table.text
    }

    /// One line a bolt; nil where nothing is known of any.
    static func members(_ partitions: [PartitionView]) -> String? {
        // Who is in sync is the primary's to say: without one it is what was so last.
        let members = partitions.flatMap { partition in
            partition.members.map { ($0, partition.primary == nil ? "yes?" : "yes") }
        }
        guard !members.isEmpty else { return nil }
        var table = TextTable("BOLT", "REPORTED", "ASSIGNED", "IN SYNC", "POSITION", "LAG", "HEARD")
        for (member, inSync) in members {
            table.row(
                member.bolt ?? member.disk.map { DiskView(bolt: nil, disk: $0).text }, word(member.reported),
                word(member.assigned), member.isInSync ? inSync : "no",
                member.position.map { "\($0)" }, member.lagRecords.map { Plural.text($0, "record") },
                member.heardSeconds.map { "\(Int($0.rounded())) s ago" })
        }
        return DetailedTable.text(table, members.map { note($0.0) })
    }

    /// What is to be known of a bolt beside its part.
    private static func note(_ member: PartitionMemberView) -> String {
        [member.isDrained ? "drained" : nil, member.reason].compactMap { $0 }.joined(separator: "; ")
    }

    private static func word(_ role: PartitionRoleWord?) -> String? { role?.rawValue.replacing("_", with: " ") }
}
