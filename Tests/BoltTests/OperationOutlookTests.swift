import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Bolt

/// What a primary knows of an operation before it does anything, and how it stands in the audit log.
@Suite struct OperationOutlookTests {
    private func disk(_ number: UInt64) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (number << 56, 0, 0, 0)), incarnation: 1)
    }

    private func outlook(
        _ role: PartitionStanding.Role = .primary, members: [UInt64] = [1, 2, 3], inSync: [UInt64] = [1, 2, 3],
        linked: [UInt64] = [1, 2, 3], acknowledged: [UInt64: UInt64] = [2: 8, 3: 9], dead: [UInt64] = []
    ) -> OperationOutlook {
        let epoch = PartitionEpoch(number: 1, minter: disk(1))
        let all = members.map {
            PartitionStanding.Member(
                disk: disk($0), isInSync: inSync.contains($0), isLinked: linked.contains($0),
                acknowledged: acknowledged[$0])
        }
        let standing = PartitionStanding(
            role: role, isInSync: true, isForgetful: false, epoch: epoch, promised: epoch,
            tip: LogPoint(epoch: epoch, position: 10, hash: .zero), safe: 8, disk: disk(1), primary: disk(1),
            members: all, reason: "")
        return OperationOutlook(
            standing: standing, siblings: [], members: members.map(disk), inSync: inSync.map(disk),
            dead: Set(dead.map { disk($0).key }))
    }

    /// Three refused switchovers left three lines like those of one that was done: what is certain to be refused is
    /// refused before anything is written.
    @Test("P10, S9: what is certain to be refused is known before it is on record")
    func refusalsComeBeforeTheLine() {
        let dark = outlook(inSync: [1])
        #expect(dark.refusal(of: .switchover(to: nil)) == .notInSync(nil))
        #expect(dark.refusal(of: .switchover(to: disk(2))) == .notInSync(disk(2)))
        #expect(outlook(linked: [1]).refusal(of: .switchover(to: nil)) == .notInSync(nil))
        #expect(outlook().refusal(of: .switchover(to: disk(1))) == .notInSync(disk(1)))
        #expect(outlook(.standby).refusal(of: .switchover(to: nil)) == .notPrimary(disk(1)))
        #expect(outlook().refusal(of: .switchover(to: nil)) == nil)
        #expect(outlook(members: [1, 2]).refusal(of: .remove(disk(2))) == .lastStandby(disk(2)))
        #expect(outlook(inSync: [1, 2]).refusal(of: .remove(disk(2))) == .lastStandby(disk(2)))
        #expect(outlook().refusal(of: .remove(disk(9))) == nil)
        #expect(outlook().refusal(of: .remove(disk(1))) == .notInSync(disk(1)))
        #expect(outlook().refusal(of: .remove(disk(2))) == nil)
        // A signed act cut it off: nobody has to wait for another standby.
        #expect(outlook(members: [1, 2], dead: [2]).refusal(of: .remove(disk(2))) == nil)
        #expect(outlook(.standby).refusal(of: .check) == nil)
    }

    @Test func aHandoverNamesItsBoltsAndTheLag() throws {
        let name = try #require(PartitionName("north"))
        let reports = try ["a", "b", "c"].enumerated().map { index, letter in
            PartitionReport(
                bolt: BoltView(
                    name: try #require(BoltName(letter)), partition: name, id: PrincipalID(high: 0, low: UInt64(index)),
                    address: "127.0.0.1:1", zone: nil, fingerprint: KeyFingerprint(.zero), standing: .active,
                    reach: .alive),
                key: disk(UInt64(index) + 1).key, standing: nil, age: nil)
        }
        let picture = PartitionPicture(name: name, reports: reports)
        func words(_ to: ReplicaID?, _ outlook: OperationOutlook, dryRun: Bool) -> HandoverWords {
            HandoverWords(name, from: "a.north", to: to, outlook, picture, dryRun: dryRun)
        }
        let dry = words(nil, outlook(), dryRun: true)
        #expect(dry.effect == "north would go from a.north to c.north, which is 1 record behind")
        #expect(dry.object == "north from a.north to c.north")
        #expect(words(disk(2), outlook(), dryRun: true).effect.hasSuffix("to b.north, which is 2 records behind"))
        #expect(words(nil, outlook(), dryRun: false).effect == "north goes from a.north to c.north")
        #expect(words(nil, outlook(inSync: [1]), dryRun: false).object == "north from a.north to its furthest standby")
    }

    /// S9: a line says whether it was done, asked for, or refused.
    @Test func theWordOfALineSaysWhatBecameOfIt() {
        func word(_ outcome: AuditNoteRequest.Outcome?) -> String {
            AuditNoteRequest(action: .switchedOver, outcome: outcome, object: "north", reason: "").word
        }
        #expect(word(nil) == "partition.switchover")
        #expect(word(.asked) == "partition.switchover.asked")
        #expect(word(.refused) == "partition.switchover.refused")
    }

    @Test func theHistoryFindsWhoAskedAndNamesDisks() throws {
        let id = String(repeating: "1a", count: 16)
        func entry(_ action: String, _ object: String) -> AuditEntry {
            AuditEntry(at: WallTime(milliseconds: 1), actor: "operator/ada", action: action, object: object, reason: "")
        }
        #expect(HistoryWords.operation(in: entry("partition.switchover", "north by operation \(id)")) == id)
        let refused = entry("partition.switchover.refused", "x by operation \(id): not_in_sync")
        #expect(HistoryWords.begun(in: refused) == nil && HistoryWords.operation(in: refused) == id)
        #expect(HistoryWords.operation(in: entry("secret.put", "db/password version 1")) == nil)
        let words = HistoryWords(
            picture: PartitionPicture(name: try #require(PartitionName("north")), reports: []),
            names: [disk(7).key: "c.north"])
        #expect(words.view(disk(7)).bolt == "c.north" && words.view(disk(8)).bolt == nil)
        let text = "all that only \(disk(7)), \(disk(8)) may hold"
        #expect(words.named(text, [disk(7), disk(8)]) == "all that only c.north (\(disk(7))), \(disk(8)) may hold")
    }
}
