import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// How the changes of one write are cut into records.
struct RecordsHoldingTests {
    @Test(
        "Each run fits into one record, all changes are in order, and no two neighbours fit together",
        arguments: 0..<200)
    func laws(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let sizes = [0, 1, 90, 4_000, 200_000, PartitionLimits.recordBytesMax, PartitionLimits.commandBytesMax]
        let count = Int(generator.below(generator.below(4) == 0 ? 2_500 : 12)) + 1
        let changes: [[UInt8]] = (0..<count).map { _ in
            let most = sizes[Int(generator.below(UInt64(count > 12 ? 3 : sizes.count)))]
            return [UInt8](repeating: 0, count: most)
        }
        let groups = PartitionService.recordsHolding(changes)
        #expect(groups.flatMap(Array.init) == Array(changes.indices), "seed \(seed)")
        #expect(groups.allSatisfy { Array(changes[$0]).fitIntoOneRecord }, "seed \(seed)")
        for (group, next) in zip(groups, groups.dropFirst()) {
            #expect(!Array(changes[group.lowerBound...next.lowerBound]).fitIntoOneRecord, "seed \(seed)")
        }
    }

    @Test("A change that no record holds stands alone, so that it alone is refused")
    func tooLarge() {
        let large = [UInt8](repeating: 0, count: PartitionLimits.commandBytesMax + 1)
        #expect(PartitionService.recordsHolding([[1], large, [2], [3]]) == [0..<1, 1..<2, 2..<4])
        #expect(PartitionService.recordsHolding([]) == [])
    }
}
