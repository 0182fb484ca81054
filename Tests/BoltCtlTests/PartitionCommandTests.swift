import BoltAPI
import CRDT
import Identity
import Spanner
import Testing

@testable import boltctl

/// What an operator is told of operations, and what is refused before anybody is asked.
@Suite struct PartitionCommandTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    /// `--expect` names one log: in full, or as `--check` shows it; never one that merely looks alike.
    @Test func anExpectedPointIsExactlyThatPoint() throws {
        let point = Views.point(3, 1284)
        for text in [point.apiText, point.shortText, "3:1284:\(point.hash.hex)", "3:1284:ABABABAB"] {
            #expect(try ExpectedPoint(text).matches(point), "\(text)")
            try ExpectedPoint(text).require(point, at: "b.north")
        }
        for text in ["2:1284:abababab", "3:1285:abababab", "3:1284:abababac", "3.1:1284:abababab"] {
            let expected = try ExpectedPoint(text)
            #expect(!expected.matches(point), "\(text)")
            #expect(code { try expected.require(point, at: "b.north") } == "unexpected_log")
        }
        for text in ["", "3", "3:1284", "3:x:abababab", "3:1284:abab", "3:1284:xyzxyzxy", ":1284:abababab", "3:1284:"] {
            #expect(code { _ = try ExpectedPoint(text) } == "bad_point", "\(text)")
        }
    }

    @Test func theFurthestStandbyInSyncIsTheCandidate() throws {
        let bolts = ["a.north", "b.north", "c.north"]
        let view = try Views.partition(
            "north", bolts, epoch: 2,
            members: [
                Views.member("a.north", nil, assigned: .primary, inSync: true, position: 99),
                Views.member("b.north", .standby, inSync: true, position: 7),
                Views.member("c.north", .standby, inSync: false, position: 9),
            ])
        #expect(try PartitionPromote.furthest(view) == "b.north")
        let alone = try Views.partition(
            "north", bolts, primary: "a.north", members: [Views.member("a.north", .primary, assigned: .primary)])
        #expect(code { _ = try PartitionPromote.furthest(alone) } == "primary_lives")
        let dark = try Views.partition("north", bolts, members: [Views.member("a.north", nil)])
        #expect(code { _ = try PartitionPromote.furthest(dark) } == "no_candidate")
    }

    @Test func aDrainedStandbyIsTheCandidateOnlyWhereThereIsNoOther() throws {
        let bolts = ["b.north", "c.north"]
        func furthest(_ members: [PartitionMemberView]) throws -> String {
            try PartitionPromote.furthest(try Views.partition("north", bolts, epoch: 2, members: members))
        }
        let drained = Views.member("b.north", .standby, position: 9, isDrained: true)
        #expect(try furthest([drained, Views.member("c.north", .standby, position: 7)]) == "c.north")
        #expect(try furthest([drained, Views.member("c.north", .standby, inSync: false)]) == "b.north")
        #expect(try furthest([drained]) == "b.north")
        let view = try Views.partition("north", bolts, members: [drained])
        #expect(PartitionTable.text([view]).contains("drained"))
    }

    @Test("S2: a sealed standby is no candidate, however far it is; where all are sealed that is why none is promoted")
    func sealedCandidates() throws {
        let bolts = ["a.north", "b.north", "c.north"]
        func members(cSealed: Bool) -> [PartitionMemberView] {
            [
                Views.member("a.north", nil, assigned: .primary, position: 99),
                Views.member("b.north", .standby, inSync: true, position: 9, isSealed: true),
                Views.member("c.north", .standby, inSync: true, position: 7, isSealed: cSealed),
            ]
        }
        let mixed = try Views.partition("north", bolts, epoch: 2, members: members(cSealed: false))
        #expect(try PartitionPromote.furthest(mixed) == "c.north")
        let sealed = try Views.partition("north", bolts, epoch: 2, members: members(cSealed: true))
        do {
            _ = try PartitionPromote.furthest(sealed)
            Issue.record("a sealed bolt was chosen")
        } catch let failure as CommandFailure {
            #expect(failure.code == "sealed" && failure.status == .refused && !failure.changed)
            #expect(failure.reason?.contains("b.north, c.north are sealed") == true, "\(failure)")
            #expect(failure.next?.hasPrefix("boltctl seal unseal --key-file FILE") == true)
        }
        #expect(SealedPartition(try Views.partition("north", bolts, members: [])) == nil)
    }

    @Test func operationsAreToldInWords() throws {
        let name = try #require(PartitionName("north"))
        let id = OperationID(PrincipalID(high: 1, low: 2))
        func text(_ outcome: OperationResponse.Outcome, bound: String? = nil, missing: [DiskView] = []) -> String {
            OperationText.text(
                OperationResponse(
                    operation: id, partition: name, bolt: "b.north", outcome: outcome,
                    epoch: Views.point(3, 1).epoch, point: Views.point(3, 1284), missing: missing, bound: bound,
                    primary: "b.north"))
        }
        #expect(text(.done) == "done: b.north is primary of north in epoch 3")
        #expect(text(.planned) == "dry run: nothing was changed")
        #expect(text(.running) == "accepted: operation \(id) runs")
        #expect(
            text(.report) == """
                b.north would stand on 3:1284:abababababababab (--expect 3:1284:abababababababab)
                nothing that was acknowledged as paired can be lost
                """)
        let lost = text(
            .report, bound: "all after 1200",
            missing: [
                DiskView(bolt: "a.north", disk: Views.replica(1)), DiskView(bolt: nil, disk: Views.replica(0xC1)),
            ])
        #expect(
            lost == """
                b.north would stand on 3:1284:abababababababab (--expect 3:1284:abababababababab)
                no promise can be had of a.north, disk c1c1c1c1c1c1
                could be lost: all after 1200
                """)
    }

    @Test func transitionsAreToldOnceEach() throws {
        var transitions = PartitionTransitions()
        let before = try Views.partition("north", ["a.north"], members: [Views.member("a.north", .standby)])
        let after = try Views.partition(
            "north", ["a.north"], members: [Views.member("a.north", .primary, assigned: .primary)])
        #expect(transitions.changes(before) == [])
        #expect(transitions.changes(before) == [])
        let lines = transitions.changes(after)
        #expect(lines.count == 1)
        #expect(
            lines.first?.hasSuffix(
                "a.north  standby (assigned standby, in sync) → primary (assigned primary, in sync)") == true,
            "\(lines)")
        #expect(transitions.changes(after) == [])
    }

    /// S1: a line that was changed, left out or put in is found on this machine, whatever the bolt says.
    @Test func anAuditLogThatWasTamperedWithIsFound() throws {
        func log(_ count: UInt64) -> [AuditRecordView] {
            var (records, last) = ([AuditRecordView](), Bytes32.zero)
            for number in 1...count {
                let entry = AuditEntry(
                    at: WallTime(milliseconds: number), actor: "operator/ada", action: "partition.switchover",
                    object: "north", reason: "r\(number)")
                var record = AuditRecordView(number: number, position: number * 2, entry: entry, hash: .zero)
                record.hash = BLAKE2b.hash(record.hashed(after: last))
                last = record.hash
                records.append(record)
            }
            return records
        }
        func chain(_ records: [AuditRecordView]) -> AuditChain {
            var chain = AuditChain(bolt: "a.north")
            chain.take(records)
            return chain
        }
        #expect(chain(log(5)).finding == nil && chain(log(5)).count == 5)
        var changed = log(5)
        changed[2].reason = "another"
        #expect(chain(changed).isWrong && chain(changed).count == 2)
        var shorter = log(5)
        shorter.remove(at: 1)
        #expect(chain(shorter).isWrong)
        var moved = log(5)
        moved.swapAt(1, 2)
        #expect(chain(moved).isWrong)
        var forged = log(5)
        forged[4].reason = "another"
        forged[4].hash = BLAKE2b.hash(forged[4].hashed(after: forged[3].hash))
        var chains = [chain(log(5)), chain(forged), chain(log(3))]
        AuditChain.compare(&chains)
        #expect(chains.map(\.isWrong).filter { $0 }.count == 1 && chains[2].finding == nil)
    }

    @Test func aBoltOfAPartitionIsNamedWithIt() throws {
        #expect(try BoltName.partition(of: "a.north").text == "north")
        for text in ["", "a", "a.", ".north", "a.b.c", "A.north"] {
            #expect(code { _ = try BoltName.partition(of: text) } == "bad_name", "\(text)")
        }
    }
}
