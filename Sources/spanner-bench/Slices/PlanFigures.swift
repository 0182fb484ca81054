import CRDT
import Spanner
import SpannerTestKit

/// How long a plan for a large fleet takes: a quarter of the partitions has just joined and owns nothing.
struct PlanFigures {
    private let envoys = 1_000_000
    private let slices = 4_096
    private let partitions = 100
    private let joining = 25
    private let rounds = 5

    func measure(_ report: inout Report) throws {
        let input = try fleet()
        var numbers = Seeded(8)
        let unsorted = (0..<envoys).map { _ in numbers.next() }
        let floor = Series.seconds(rounds) { _ in _ = unsorted.sorted() }
        var plan: RebalancePlan?
        let planning = try Series.seconds(rounds) { _ in plan = try RebalancePlanner().plan(input) }
        guard let plan else { throw BenchFailure("no plan") }
        report.times("control: sorting \(envoys) numbers", floor)
        report.times(
            "plan for \(envoys) envoys, \(slices) slices, \(partitions) partitions", planning,
            control: ("sort", floor), aim: .atMost(1, "1 s"))
        report.value("  slowest of \(rounds)", planning.most, "s", aim: .atMost(1, "1"))
        report.value("  slices that it moves", Double(plan.moves.count), "")
        report.value("  as many as any plan needs at least", Double(plan.least.bound), "")
        report.note("  every partition is within tolerance afterwards: \(plan.isBalanced ? "yes" : "NO")")
    }

    /// Envoys that fall on slices as hashing lets them fall, dealt out to all partitions but those that join.
    private func fleet() throws -> RebalanceInput {
        var numbers = Seeded(7)
        var counts = [UInt64](repeating: 0, count: slices)
        for _ in 0..<envoys { counts[Int(numbers.next() % UInt64(slices))] += 1 }
        let group = GroupID(Bytes32(words: (1, 2, 3, 4)))
        guard let name = GroupName("web") else { throw BenchFailure("name") }
        let names = try (0..<partitions).map { number in
            guard let name = PartitionName("p\(number)") else { throw BenchFailure("name") }
            return name
        }
        return RebalanceInput(
            groups: [RebalanceInput.Group(id: group, name: name)],
            slices: counts.enumerated().map { index, count in
                RebalanceInput.Slice(
                    id: SliceID(group: group, index: UInt32(index)), owner: names[index % (partitions - joining)],
                    envoys: count, bytes: count * 2048)
            },
            sites: names.map { RebalanceInput.Site(partition: $0, weight: 100, groups: [group]) })
    }
}
