/// Judges a run by what its writers were told and what its disks hold. Reads nothing else, so a history that was kept
/// can be judged again.
public enum HistoryChecker {
    /// All that the history breaks, the gravest first; none for a clean one.
    public static func check(_ history: MeshHistory) -> [Violation] {
        let reigns = Reigns(history.partitions)
        let found =
            PartitionRule.check(history) + QueueRule.check(history)
            + history.writers.flatMap { AnswerRule.check($0, reigns: reigns) } + PairedRule.check(history)
            + AgentRule.check(history) + LeaseRule.check(history) + DiskRule.check(history) + BanRule.check(history)
        let order = Violation.Kind.allCases
        return order.flatMap { kind in found.filter { $0.kind == kind } }
    }
}

/// Which epochs the disks know of, by number: an answer names no more.
struct Reigns {
    private var minters: [String: [UInt64: Set<String>]] = [:]
    private var renewals: [String: [UInt64: Set<UInt64>]] = [:]

    init(_ partitions: [PartitionEnd]) {
        for partition in partitions {
            for begin in partition.members.flatMap(\.begins) {
                minters[partition.name, default: [:]][begin.number, default: []].insert(begin.minter)
                renewals[partition.name, default: [:]][begin.number, default: []].insert(begin.renewal)
            }
        }
    }

    /// Whether two candidates chose this number.
    func isShared(_ partition: String, _ number: UInt64) -> Bool {
        (minters[partition]?[number]?.count ?? 0) > 1
    }

    /// Whether its primary took the epoch up again after a restart, or two candidates chose its number.
    func isTakenUpAgain(_ partition: String, _ number: UInt64) -> Bool {
        isShared(partition, number) || (renewals[partition]?[number]?.count ?? 0) > 1
    }
}
