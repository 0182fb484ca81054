import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// What is cut off is kept, and still fits on a disk.
@Suite struct SalvageBoundTests {
    @Test("P4: salvage has a bound: what was settled goes first, and what went unseen is counted in a line that stays")
    func bounded() throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: 8))
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let fork = author
        try store.commit(fork.write((0..<8).map { author.setting("s\($0)", [UInt8](repeating: 7, count: 500)) }))
        var cut = PartitionWrite(fence: author.fence)
        cut.cut = fork.tip.position
        try store.commit(cut)
        let all = try store.salvage(limit: 100)
        #expect(all.count == 8)
        try store.settleSalvage(all[7].number, as: .replayed)
        let salvage = SalvageTable(database: store.database)
        let each = all[0].body.count + all[0].text.utf8.count + StoreLimits.salvageRowBytes
        // Six go in: the one that was settled goes first, though it is the newest, then the oldest.
        try salvage.trim(to: 6 * each)
        #expect(try store.salvage(limit: 100).map(\.number) == all[1..<7].map(\.number))
        #expect(try store.salvage(.replayed, limit: 100).isEmpty)
        try salvage.trim(to: 4 * each)
        #expect(try store.salvage(limit: 100).map(\.number) == all[3..<7].map(\.number))
        try store.forgetSalvage(through: 1 << 40)
        let noted = try store.salvage(.dismissed, limit: 100)
        #expect(noted.count == 1)
        #expect(noted.first?.text.hasPrefix("3 commands that nobody looked at were forgotten") == true)
        let again = try bed.open()
        #expect(try again.salvage(limit: 100).count == 4)
        try again.integrityCheck()
    }

    @Test("P4: what an operator lets go is no longer kept, up to a number and durably; what was settled stays settled")
    func dismissed() throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: 9))
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let fork = author
        try store.commit(fork.write((0..<6).map { author.setting("s\($0)", [7]) }))
        var cut = PartitionWrite(fence: author.fence)
        cut.cut = fork.tip.position
        try store.commit(cut)
        let all = try store.salvage(limit: 100)
        #expect(all.count == 6)
        try store.settleSalvage(all[1].number, as: .replayed)
        #expect(try store.keptSalvage(through: all[3].number) == 3)
        #expect(try store.dismissSalvage(through: all[3].number) == 3)
        #expect(try store.dismissSalvage(through: all[3].number) == 0)
        let again = try bed.open()
        #expect(try again.salvage(limit: 100).map(\.number) == [all[4].number, all[5].number])
        #expect(try again.salvage(.replayed, limit: 100).map(\.number) == [all[1].number])
        #expect(try again.salvage(.dismissed, limit: 100).filter { $0.index != nil }.count == 3)
        #expect(try again.dismissSalvage(through: .max) == 2)
        try again.integrityCheck()
    }
}
