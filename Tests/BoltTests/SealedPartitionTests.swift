import BoltAPI
import CRDT
import Spanner
import Testing

@testable import Bolt

/// A sealed bolt keeps its copy and takes nothing over: nobody counts on it, and who asks for it is told at once.
@Suite struct SealedPartitionTests {
    private typealias Page = PartitionPageTests

    private static func following(
        _ number: UInt64, acknowledged: UInt64?, inSync: Bool = true, linked: Bool = true
    ) -> PartitionStanding.Member {
        PartitionStanding.Member(
            disk: Page.disk(number), isInSync: inSync, isLinked: linked, acknowledged: acknowledged)
    }

    @Test("S2: of several standbys the furthest unsealed one takes over")
    func heirs() {
        var primary = Page.standing(.primary, 1)
        primary.members = [
            Self.following(1, acknowledged: nil), Self.following(2, acknowledged: 12),
            Self.following(3, acknowledged: 10), Self.following(4, acknowledged: 11),
            Self.following(5, acknowledged: 99, inSync: false), Self.following(6, acknowledged: 99, linked: false),
        ]
        let sealed = [Page.standing(.standby, 2, isSealed: true)]
        let (b, c, d) = (Page.disk(2), Page.disk(3), Page.disk(4))
        let open = HandoverHeir(primary, siblings: [])
        #expect(open.disk() == .success(b) && open.disk(c) == .success(c))
        let heir = HandoverHeir(primary, siblings: sealed)
        #expect(heir.disk() == .success(d) && heir.disk(b) == .failure(.sealed([b])))
        #expect(heir.disk(Page.disk(5)) == .failure(.notInSync(Page.disk(5))))
        #expect(heir.disk(Page.disk(6)) == .failure(.notInSync(Page.disk(6))))
        primary.members.removeLast(4)
        #expect(HandoverHeir(primary, siblings: sealed).disk() == .failure(.sealed([b])))
        primary.members.removeLast()
        #expect(HandoverHeir(primary, siblings: sealed).disk() == .failure(.notInSync(nil)))
    }

    private func pair(
        _ a: PartitionStanding, _ b: PartitionStanding, _ others: [(String, UInt64, PartitionStanding)] = []
    ) throws -> PartitionPicture {
        var reports = [try Page.report("a", 1, a, reach: .itself), try Page.report("b", 2, b)]
        for (name, number, standing) in others { reports.append(try Page.report(name, number, standing)) }
        return Page.picture(reports)
    }

    @Test("N1: a sealed standby is no fault tolerance, and an alarm names it with the command to type")
    func toleranceOfSealedStandbys() throws {
        let picture = try pair(Page.standing(.primary, 1), Page.standing(.standby, 2, isSealed: true))
        let view = picture.view(envoys: 0)
        #expect(view.inSync == 2 && view.faultTolerance == 0 && view.sealedBolts == ["b.north"])
        let alarms = NodeViews.alarms(of: [view])
        #expect(alarms.map(\.code) == ["sealed"] && alarms.first?.severity == .warning)
        #expect(alarms.first?.text == "b.north is sealed, and cannot take north over")
        #expect(alarms.first?.next.hasPrefix("boltctl seal unseal --key-file FILE") == true)
    }

    @Test("A partition whose bolts are sealed is told to be unsealed; one with an open standby may be promoted too")
    func alarmsOfStoppedPartitions() throws {
        let sealed = Page.standing(.standby, 1, primary: nil, isSealed: true)
        let all = try pair(sealed, Page.standing(.standby, 2, primary: nil, isSealed: true))
        let alarms = NodeViews.alarms(of: [all.view(envoys: 0)])
        #expect(alarms.map(\.code) == ["sealed"] && alarms.first?.severity == .critical)
        #expect(alarms.first?.text == "a.north, b.north are sealed, and north has no primary")
        let mixed = try pair(sealed, Page.standing(.standby, 2, primary: nil))
        #expect(NodeViews.alarms(of: [mixed.view(envoys: 0)]).map(\.code) == ["sealed", "no_primary"])
        // What a bolt said that is gone is not gone by.
        let gone = Page.picture([
            try Page.report("a", 1, sealed, reach: .unreachable),
            try Page.report("b", 2, Page.standing(.standby, 2, primary: nil), reach: .itself),
        ])
        #expect(NodeViews.alarms(of: [gone.view(envoys: 0)]).map(\.code) == ["no_primary"])
    }

    /// P3: a promotion takes the promises of all members but one.
    @Test func ofThreeMembersOneMayFailAndNoneWhereOneIsMissingAlready() throws {
        func tolerance(unlinked: [UInt64] = [], c: PartitionStanding? = nil) throws -> Int {
            let a = Page.standing(.primary, 1, inSync: [1, 2, 3], members: [1, 2, 3], unlinked: unlinked)
            return try pair(a, Page.standing(.standby, 2), [("c", 3, c ?? Page.standing(.standby, 3))])
                .view(envoys: 0).faultTolerance
        }
        #expect(try tolerance() == 1)
        #expect(try tolerance(unlinked: [3]) == 0)
        #expect(try tolerance(c: Page.standing(.fenced, 3)) == 0)
        #expect(try tolerance(c: Page.standing(.standby, 3, isSealed: true)) == 1)
    }

    @Test func whoRefusesASealedBoltNamesTheOthers() throws {
        let picture = try pair(
            Page.standing(.standby, 1, primary: nil, isSealed: true), Page.standing(.standby, 2, primary: nil),
            [("c", 3, Page.standing(.standby, 3, primary: nil, isSealed: true))])
        let problem = PartitionWords(picture: picture, bolt: "a.north").problem(.sealed)
        #expect(problem.code == .sealed && problem.exitStatus == .refused && problem.detail.contains("a.north"))
        #expect(
            problem.next
                == "boltctl seal unseal --key-file FILE --only a.north; "
                + "or boltctl partition promote north --to b.north")
        let handover = PartitionWords(picture: picture, bolt: "b.north")
            .problem(handover: .sealed([Page.disk(1), Page.disk(3)]))
        #expect(handover.code == .sealed && handover.exitStatus == .refused && !handover.changed)
        #expect(handover.detail.contains("a.north, c.north are sealed"), "\(handover.detail)")
        #expect(handover.next.contains("boltctl seal unseal --key-file FILE"))
        // It was sealed after it had been chosen.
        let late = PartitionWords(picture: picture, bolt: "b.north").problem(.notTaken(Page.disk(3)))
        #expect(late.code == .sealed && late.detail.contains("c.north is sealed"), "\(late.detail)")
    }

    // MARK: Fenced

    @Test("P4: what only a fenced disk holds is found by the alarm's next step, and its lag is not made up")
    func partedDisks() throws {
        let reason = "the partition went on"
        let view = try pair(
            Page.standing(.primary, 1, tip: 20, inSync: [1]),
            Page.standing(.fenced, 2, tip: 10, reason: reason, partedAt: 7)
        ).view(envoys: 0)
        #expect(view.members[1].partedAt == 7 && view.members[1].lagRecords == nil)
        let alarm = try #require(NodeViews.alarms(of: [view]).first { $0.code == "bolt_fenced" })
        #expect(alarm.text.hasSuffix(reason))
        #expect(alarm.next.contains("boltctl partition salvage north --at b.north --fate stranded"))
        #expect(alarm.next.contains("boltctl bolt remove b.north --dead"))
    }

    @Test func aFencedBoltIsNoStandbyThatIsTakenOutInGoodOrder() throws {
        let a = Page.standing(.primary, 1, inSync: [1], members: [1, 2, 3])
        let picture = try pair(a, Page.standing(.fenced, 2), [("c", 3, Page.standing(.standby, 3))])
        let words = PartitionWords(picture: picture, bolt: "a.north")
        let fenced = words.fencedMember(Page.disk(2))
        #expect(fenced?.code == .notInSync && fenced?.exitStatus == .refused)
        #expect(fenced?.next == "end its admission: boltctl bolt remove b.north --dead")
        #expect(words.fencedMember(Page.disk(3)) == nil)
        // Nothing becomes safe while only the primary is in sync: a removal would be waited for in vain.
        let (one, two, three) = (Page.disk(1), Page.disk(2), Page.disk(3))
        func removal(_ disk: ReplicaID, inSync: [ReplicaID], isCut: Bool = false) -> Problem? {
            words.removal(of: disk, members: [one, two, three], inSync: inSync, isCut: isCut)
        }
        #expect(removal(two, inSync: [one])?.next == fenced?.next)
        #expect(removal(three, inSync: [one])?.detail == "no standby of north is in sync")
        #expect(removal(three, inSync: [one], isCut: true) == nil && removal(three, inSync: [one, three]) == nil)
        // Nobody is called in sync who is not.
        let last = words.problem(.lastStandby(Page.disk(3)))
        #expect(!last.detail.contains("in sync"), "\(last.detail)")
    }
}
