import BoltAPI
import CRDT
import Spanner
import SpannerStore
import Testing

@testable import Bolt

/// D7: a bolt whose disk is full is left, not chosen; a standby that keeps nothing more says why.
@Suite struct FullDiskPageTests {
    private typealias Page = PartitionPageTests

    private func picture(_ a: PartitionStanding, _ b: PartitionStanding, c: PartitionStanding? = nil) throws
        -> PartitionPicture
    {
        var reports = [try Page.report("a", 1, a, reach: .itself), try Page.report("b", 2, b)]
        if let c { reports.append(try Page.report("c", 3, c)) }
        return Page.picture(reports)
    }

    @Test("D7: of several standbys one with room takes over; a full one is refused by name")
    func heirs() throws {
        var primary = Page.standing(.primary, 1, inSync: [1, 2, 3], members: [1, 2, 3])
        let (b, c) = (Page.disk(2), Page.disk(3))
        primary.members[1].acknowledged = 12
        primary.members[2].acknowledged = 10
        let full = Page.standing(.standby, 2, isFull: true)
        #expect(HandoverHeir(primary, siblings: []).disk() == .success(b))
        let heir = HandoverHeir(primary, siblings: [full])
        #expect(heir.disk() == .success(c) && heir.disk(b) == .failure(.full([b])))
        let sealed = Page.standing(.standby, 3, isSealed: true)
        #expect(HandoverHeir(primary, siblings: [full, sealed]).disk() == .failure(.full([b])))
        let words = PartitionWords(picture: try picture(primary, full), bolt: "a.north")
        let problem = words.problem(handover: .full([b]))
        #expect(problem.code == .storeFull && !problem.changed && problem.detail.contains("b.north"))
        #expect(problem.next.contains("make room on the disk of b.north"))
    }

    @Test("D7: a full bolt that is to be promoted is told so, with who could be instead")
    func candidates() throws {
        let picture = try picture(
            Page.standing(.standby, 1, primary: nil, isFull: true), Page.standing(.standby, 2, primary: nil))
        let problem = PartitionWords(picture: picture, bolt: "a.north").problem(.storage(.full))
        #expect(problem.code == .storeFull && problem.detail.contains("a.north can take nothing over"))
        #expect(
            problem.next
                == "make room on the disk of a.north; or promote another: boltctl partition promote north --to b.north")
        #expect(picture.view(envoys: 0).unsealedStandbys == ["b.north"])
    }

    @Test("D7, N1: a standby's full disk is an alarm with its bolt's name, its page says why, and it is no tolerance")
    func standbys() throws {
        let reason = "its disk is full: it keeps no more of the journal and takes nothing over"
        let view = try picture(Page.standing(.primary, 1), Page.standing(.standby, 2, reason: reason, isFull: true))
            .view(envoys: 0)
        #expect(view.faultTolerance == 0 && view.members[1].isFull && view.members[1].reason == reason)
        let alarms = NodeViews.alarms(of: [view], askedAt: "a.north")
        #expect(alarms.map(\.code) == ["store_full"] && alarms.first?.severity == .critical)
        #expect(alarms.first?.text.hasPrefix("the disk of b.north is full") == true)
        #expect(NodeViews.alarms(of: [view], askedAt: "b.north").isEmpty, "its own is told with its folder")
    }

    @Test("D7: a primary's full disk, seen from a standby, is an alarm that says how it is left")
    func primaries() throws {
        let view = try picture(Page.standing(.primary, 1, isFull: true), Page.standing(.standby, 2)).view(envoys: 0)
        let alarm = try #require(NodeViews.alarms(of: [view], askedAt: "b.north").first)
        #expect(alarm.code == "store_full" && alarm.next.contains("boltctl partition switchover north"))
    }

    // MARK: Standing still

    /// Found with a log that was lost in a crash: it said to be catching up, for ever.
    @Test func aDiskThatThePartitionDoesNotCountSaysSo() {
        let reason = PartitionService.standbyReason(isNew: true, isInSync: false)
        #expect(reason.contains("new to the partition") && reason.contains("boltctl bolt remove NAME --dead"))
        #expect(PartitionService.standbyReason(isNew: false, isInSync: false) == "catching up with the primary")
        #expect(PartitionService.standbyReason(isNew: false, isInSync: true).isEmpty)
    }

    private func seconds(_ number: Int) -> ContinuousClock.Instant { start + .seconds(number) }
    private let start = ContinuousClock.now

    @Test func aStandbyThatDoesNotCatchUpIsToldAfterAWhileWhateverTheCause() throws {
        var stillness = StandbyStillness()
        let primary = Page.standing(.primary, 1, tip: 20, inSync: [1])
        let stuck = Page.standing(.standby, 2, tip: 10, inSync: [1])
        for second in stride(from: 0, through: 130, by: 2) {
            #expect(stillness.isDue(at: seconds(second)))
            let moving = Page.standing(.standby, 3, tip: UInt64(second), inSync: [1])
            let copying = Page.standing(.waiting, 4, tip: 0, inSync: [1], reason: "a snapshot comes in: \(second) MiB")
            stillness.look(at: [[primary, stuck, moving, copying]], at: seconds(second))
            #expect(!stillness.isDue(at: seconds(second) + .seconds(1)))
        }
        #expect(stillness.seconds(of: Page.disk(2), at: seconds(119)) == nil)
        #expect(stillness.seconds(of: Page.disk(2), at: seconds(130)) == 130)
        for other: UInt64 in [1, 3, 4] { #expect(stillness.seconds(of: Page.disk(other), at: seconds(130)) == nil) }
        // In sync again, or without a primary to catch up with, it is not.
        stillness.look(at: [[Page.standing(.primary, 1, tip: 20), stuck]], at: seconds(132))
        #expect(stillness.seconds(of: Page.disk(2), at: seconds(300)) == nil)
        // Nor where nobody reigns, or where a full primary can count nobody: its own disk is what is wrong.
        let full = Page.standing(.primary, 1, tip: 20, inSync: [1], isFull: true)
        for others in [[stuck], [full, stuck]] {
            stillness.look(at: [[primary, stuck]], at: seconds(300))
            stillness.look(at: [others], at: seconds(500))
            #expect(stillness.seconds(of: Page.disk(2), at: seconds(500)) == nil)
        }
    }

    @Test func aStandbyThatDoesNotCatchUpIsAnAlarmAndItsPageSaysSo() throws {
        var report = try Page.report("b", 2, Page.standing(.standby, 2, tip: 4, inSync: [1], reason: "catching up"))
        report.stuckSeconds = 61
        let primary = try Page.report("a", 1, Page.standing(.primary, 1, inSync: [1]), reach: .itself)
        let view = Page.picture([primary, report]).view(envoys: 0)
        #expect(view.members[1].reason == "out of sync, and its copy has not moved for 61 s: catching up")
        let alarms = NodeViews.alarms(of: [view])
        #expect(alarms.map(\.code) == ["standby_stuck", "no_standby"])
        #expect(alarms.first?.text.contains("b.north does not catch up with north") == true)
    }
}
