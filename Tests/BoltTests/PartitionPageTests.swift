import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Bolt

/// What bolts say of their partition, as pages, health codes and refusals.
@Suite struct PartitionPageTests {
    static func disk(_ number: UInt64, life: UInt64 = 1) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (number, 0, 0, 0)), incarnation: life)
    }

    static func standing(
        _ role: PartitionStanding.Role, _ number: UInt64, epoch: UInt64 = 1, minter: UInt64 = 1, tip: UInt64 = 10,
        life: UInt64 = 1, primary: UInt64? = 1, inSync: [UInt64] = [1, 2], members: [UInt64] = [1, 2],
        unlinked: [UInt64] = [], acknowledged: UInt64? = nil, reason: String = "", isSealed: Bool = false,
        partedAt: UInt64? = nil, isFull: Bool = false
    ) -> PartitionStanding {
        let epoch = PartitionEpoch(number: epoch, minter: disk(minter))
        let all = members.map {
            PartitionStanding.Member(
                disk: disk($0), isInSync: inSync.contains($0), isLinked: !unlinked.contains($0),
                acknowledged: acknowledged)
        }
        return PartitionStanding(
            role: role, isInSync: inSync.contains(number), isForgetful: false, epoch: epoch, promised: epoch,
            tip: LogPoint(epoch: epoch, position: tip, hash: .zero), safe: tip, disk: disk(number, life: life),
            primary: primary.map { disk($0) }, members: all, reason: reason, isSealed: isSealed,
            partedAt: partedAt, isFull: isFull)
    }

    static func report(
        _ name: String, _ number: UInt64, _ standing: PartitionStanding?, reach: BoltView.Reach = .alive,
        age: Double? = 0.5
    ) throws -> PartitionReport {
        let bolt = BoltView(
            name: BoltName(checked: name), partition: PartitionName(checked: "north"),
            id: PrincipalID(high: 0, low: number), address: "127.0.0.1:\(number)", zone: nil,
            fingerprint: KeyFingerprint(.zero), standing: .active, reach: reach)
        return PartitionReport(
            bolt: bolt, key: disk(number).key, standing: standing, age: reach == .itself ? nil : age)
    }

    static func picture(_ reports: [PartitionReport]) -> PartitionPicture {
        PartitionPicture(name: PartitionName(checked: "north"), reports: reports)
    }

    /// The preview of a takeover said `last primary -` though it was known until the partition was lost.
    @Test func whoReignedLastIsKnownAfterAllAreGone() throws {
        let gone = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1), reach: .unreachable, age: 40),
            try Self.report("b", 2, Self.standing(.standby, 2), reach: .unreachable, age: 40),
        ])
        #expect(gone.view(envoys: 0).primary == nil && gone.lastPrimary == "a.north")
        let heir = Self.picture([
            try Self.report("a", 1, nil, reach: .unreachable),
            try Self.report("b", 2, Self.standing(.standby, 2), reach: .unreachable, age: 40),
        ])
        #expect(heir.lastPrimary == "a.north", "by whose the latest epoch is")
        #expect(Self.picture([try Self.report("a", 1, nil, reach: .unreachable)]).lastPrimary == nil)
    }

    @Test func aPairInSyncMayLoseOneDisk() throws {
        let view = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1, tip: 12, acknowledged: 11), reach: .itself),
            try Self.report("b", 2, Self.standing(.standby, 2, tip: 10)),
        ]).view(envoys: 3)
        #expect(view.primary == "a.north" && view.inSync == 2 && view.faultTolerance == 1 && view.envoys == 3)
        #expect(view.members.map(\.reported) == [.primary, .standby])
        #expect(view.members.map(\.assigned) == [.primary, .standby])
        #expect(view.members.map(\.isInSync) == [true, true])
        // What it acknowledged is nearer to now than what it said.
        #expect(view.members.map(\.lagRecords) == [0, 1])
    }

    /// N1: one disk in sync survives no loss, however many bolts there are.
    @Test func aPrimaryThatWaitsForNobodyHasNoFaultTolerance() throws {
        let view = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1, inSync: [1])),
            try Self.report("b", 2, Self.standing(.standby, 2, tip: 4, inSync: [1])),
        ]).view(envoys: 0)
        #expect(view.faultTolerance == 0 && view.inSync == 1)
        #expect(view.members[1].isInSync == false && view.members[1].lagRecords == 6)
        #expect(NodeViews.alarms(of: [view]).map(\.code) == ["no_standby"])
    }

    @Test(arguments: [(BoltView.Reach.unreachable, 0.5), (.suspect, 0.5), (.alive, 30)])
    func aPrimaryThatIsNotHeardIsNoPrimary(reach: BoltView.Reach, age: Double) throws {
        let view = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1), reach: reach, age: age),
            try Self.report("b", 2, Self.standing(.standby, 2, primary: nil), reach: .itself),
        ]).view(envoys: 0)
        #expect(view.primary == nil && view.inSync == 0 && view.faultTolerance == 0)
        #expect(view.members[0].reported == nil && view.members[0].assigned == .primary)
        #expect(view.members[0].reason == "cannot be reached; it last said to be primary")
        // One that was just lost counts as little as one that is long gone.
        #expect(view.reachable == (reach == .alive ? 2 : 1))
        #expect(NodeViews.alarms(of: [view]).map(\.code) == ["no_primary"])
    }

    /// P2: of two that say to reign, the page shows the one of the later epoch.
    @Test func ofTwoThatSayToReignTheLaterEpochIsShown() throws {
        let view = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1, epoch: 3, minter: 1)),
            try Self.report("b", 2, Self.standing(.primary, 2, epoch: 4, minter: 2)),
        ]).view(envoys: 0)
        #expect(view.primary == "b.north" && view.epoch?.number == 4)
        #expect(view.members.map(\.reported) == [.primary, .primary])
        #expect(view.members.map(\.assigned) == [.standby, .primary])
    }

    @Test func disksOfEarlierLivesAndOfNobodyAreShown() throws {
        let view = Self.picture([
            try Self.report("a", 1, Self.standing(.primary, 1, inSync: [1], members: [1, 2, 9])),
            try Self.report("b", 2, Self.standing(.standby, 2, life: 5, inSync: [1])),
        ]).view(envoys: 0)
        #expect(view.members.count == 4)
        #expect(
            view.members[2].bolt == "b.north"
                && view.members[2].reason?.hasPrefix("an earlier disk of this bolt") == true)
        #expect(view.members[3].bolt == nil && view.members[3].reason == "of no bolt that is admitted")
    }

    /// N1: a bolt far away knows of a removal before it hears the primary count again.
    @Test func aBoltThatWasJustRemovedIsNotCountedAsInSync() throws {
        let view = Self.picture([try Self.report("a", 1, Self.standing(.primary, 1, inSync: [1, 2]))]).view(envoys: 0)
        #expect(view.inSync == 1 && view.faultTolerance == 0)
    }

    // MARK: Health

    @Test func eachPartHasItsHealthCode() {
        let cases: [(PartitionStanding, HealthResponse.State, Int)] = [
            (Self.standing(.primary, 1), .active, 200), (Self.standing(.handingOver, 1), .active, 200),
            (Self.standing(.standby, 2), .standby, 429),
            (Self.standing(.standby, 2, inSync: [1]), .behind, 473),
            (Self.standing(.standby, 2, primary: nil), .orphaned, 474),
            (Self.standing(.candidate, 2, primary: nil), .orphaned, 474),
            (Self.standing(.waiting, 2, primary: nil), .waiting, 501),
            (Self.standing(.fenced, 2, primary: nil), .fenced, 530),
        ]
        let primary = Self.standing(.primary, 1)
        for (standing, state, code) in cases {
            let found = PartitionHealth.state(of: standing, by: primary).0
            #expect(found == state && HealthCodes.status(of: found, query: [:]) == code, "\(standing.role)")
            #expect(PartitionHealth.isReady(found) == [200, 429, 473].contains(code))
        }
        let told = PartitionHealth.state(of: Self.standing(.fenced, 2, reason: "taken out"), by: primary).1
        #expect(told == ["taken out"])
    }

    /// A primary that was stopped and woken took itself to be in sync by its own log, without which the next one
    /// went on.
    @Test func whoTheNextPrimaryDoesNotCountIsBehind() {
        let woken = Self.standing(.standby, 2)
        for primary in [nil, Self.standing(.primary, 1, inSync: [1]), Self.standing(.primary, 1, inSync: [1, 3])] {
            #expect(PartitionHealth.state(of: woken, by: primary).0 == .behind)
        }
        #expect(PartitionHealth.state(of: woken, by: Self.standing(.primary, 1)).0 == .standby)
    }

    // MARK: Refusals

    /// Each refusal is a problem of its own kind that ends a program with 4, changed nothing, and says what to do.
    @Test func everyRefusalSaysWhatToDo() throws {
        let words = PartitionWords(
            picture: Self.picture([
                try Self.report("a", 1, Self.standing(.primary, 1)),
                try Self.report("b", 2, Self.standing(.standby, 2)),
            ]), bolt: "b.north")
        let (a, operation) = (Self.disk(1), OperationID(PrincipalID(high: 0, low: 1)))
        let refusals: [(PartitionOperationRefusal, Problem.Code)] = [
            (.primaryLives(a), .primaryLives), (.notMember, .notMember), (.sealed, .sealed),
            (.forgetful(missing: [a]), .diskIsNew), (.promisesMissing([a], bound: "those of \(a)"), .promisesMissing),
            (.tailMissing(a, bound: "records 3...4 that \(a) holds"), .tailMissing),
            (.unexpected(LogPoint(epoch: .none, position: 1, hash: .zero)), .unexpectedLog), (.outbid(.none), .outbid),
            (.notInSync(a), .notInSync), (.notInSync(nil), .notInSync), (.notPrimary(nil), .notPrimary),
            (.notPrimary(a), .notPrimary), (.busy(operation), .operationRuns), (.absurdEpoch(.max), .absurdEpoch),
            (.alreadyFounded, .alreadyFounded), (.badMembers, .badMembers), (.notTaken(a), .handoverCancelled),
            (.lastStandby(a), .lastStandby),
        ]
        for (refusal, code) in refusals {
            let problem = words.problem(refusal)
            #expect(problem.code == code && problem.exitStatus == .refused && !problem.changed, "\(refusal)")
            #expect(!problem.next.isEmpty && problem.status == 409, "\(refusal)")
        }
        #expect(words.problem(.storage(.full)).code == .storeFull)
        // The last there is, or the last in sync: the ways out differ.
        #expect(words.problem(.lastStandby(Self.disk(2))).detail.contains("b.north is the last standby of north"))
        let three = PartitionWords(
            picture: Self.picture([
                try Self.report("a", 1, Self.standing(.primary, 1, members: [1, 2, 3])),
                try Self.report("b", 2, Self.standing(.standby, 2)),
                try Self.report("c", 3, Self.standing(.standby, 3)),
            ]), bolt: "a.north"
        ).problem(.lastStandby(Self.disk(2)))
        #expect(three.detail.contains("b.north is the only standby of north in sync"), "\(three.detail)")
        #expect(three.next.contains("until c.north is in sync"), "\(three.next)")
        #expect(three.next.contains("boltctl bolt remove b.north --dead"), "\(three.next)")
        let missing = words.problem(.promisesMissing([a], bound: "those of \(a)"))
        #expect(
            missing.detail
                == "b.north was not promoted: no promise can be had of a.north. Could be lost: those of a.north")
        #expect(missing.next.contains("boltctl partition promote north --to b.north --allow-data-loss"))
    }

    @Test func whatBecameOfAnOperationNamesBolts() throws {
        let words = PartitionWords(
            picture: Self.picture([
                try Self.report("a", 1, Self.standing(.primary, 1)),
                try Self.report("b", 2, Self.standing(.standby, 2)),
            ]), bolt: "b.north")
        let operation = OperationID(PrincipalID(high: 0, low: 1))
        let epoch = PartitionEpoch(number: 2, minter: Self.disk(2))
        let point = LogPoint(epoch: epoch, position: 11, hash: .zero)
        let done = try words.response(.done(epoch, point), operation)
        #expect(done.outcome == .done && done.primary == "b.north" && done.point == point)
        let report = try words.response(.report(point, missing: [Self.disk(1)], bound: nil), operation)
        #expect(report.outcome == .report && report.missing.map(\.bolt) == ["a.north"] && report.bound == nil)
        let open = try words.response(.ask(Self.disk(1)), operation)
        #expect(open.outcome == .running && open.primary == "a.north")
        #expect(throws: Problem.self) { try words.response(.refused(.sealed), operation) }
    }
}
