import CRDT
import Spanner
import Testing

@testable import SpannerStore
@testable import SpannerTestKit

/// The simulator's disk and the real one are twins: what is proved over the one holds for the other.
@Suite struct JournalTwinTests {
    private func isTaken(_ write: PartitionWrite, by disk: inout PartitionSimDisk, _ number: Int) -> Bool {
        disk.begin(BatchID(UInt64(number)), write)
        if case .done = disk.commit(journalChain) { return true }
        return false
    }

    @Test(
        "P2, P4: the simulator's disk takes and refuses what the real store does, and holds the same",
        arguments: 41...46)
    func twins(seed: UInt64) throws {
        var run = try JournalLawTests.Run(seed: seed)
        var twin = PartitionSimDisk(genesis: LogAuthor().tip.hash, appliesApart: false)
        for step in 0..<60 {
            if run.generator.below(4) == 0 {
                let bad = run.badWrite()
                var copy = twin
                let error = storeError { try run.store.commit(bad) }
                #expect(error?.persistFailure != nil)
                if bad.cut == nil { #expect(!isTaken(bad, by: &copy, step), "seed \(seed) step \(step)") }
            }
            var write = run.anyWrite()
            write.acquaintances?.sort()
            try run.store.commit(write)
            #expect(isTaken(write, by: &twin, step), "seed \(seed) step \(step)")
            if run.generator.below(5) == 0 {
                let goal = UInt64(run.generator.below(run.model.log.count + 1))
                while try run.store.compact(through: goal) {}
                twin.compact(through: goal)
            }
            let durable = try run.store.durable()
            #expect(durable == twin.durable(), "seed \(seed) step \(step)")
            #expect(
                try run.store.records(from: durable.firstHeld, bytesMax: 1 << 20)
                    == twin.load(from: durable.firstHeld, bytesMax: 1 << 20))
        }
        // The simulator keeps a record as often as it is cut, the store each command once.
        let cut = Set(twin.image.salvage.map { journalChain.hash(of: $0) })
        let kept = try SalvagedCommand.Fate.allCases.flatMap { try run.store.salvage($0, limit: 1000) }
        #expect(Set(kept.map(\.point.hash)) == cut)
    }
}
