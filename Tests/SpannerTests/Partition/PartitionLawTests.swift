import Testing

@testable import Spanner

@Suite("Laws of a partition on generated histories")
struct PartitionLawTests {
    @Test(
        "Everything answered paired survives, once, whatever happens (P1, P2, P4)", arguments: 0..<100 as Range<UInt64>)
    func survives(seed: UInt64) {
        var life = PartitionLife(seed: seed)
        let findings = life.run()
        #expect(findings == [])
    }
}
