import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// What people read: the exact text for given answers.
@Suite struct ScreenTests {
    @Test func oneBoltAPartitionRunsButIsNotCalledHealthy() throws {
        let status = try Views.status(
            bolts: [
                Views.bolt("a", "north", reach: .itself, port: 7440),
                Views.bolt("a", "south", lag: 1, heard: 1.2, port: 7450),
            ],
            partitions: [
                Views.partition("north", ["a.north"], primary: "a.north", envoys: 1, epoch: 3, inSync: 1),
                Views.partition("south", ["a.south"], primary: "a.south"),
            ], conflicts: 1)
        #expect(
            StatusScreen(status: status).text == """
                mesh     example (09090909), as a.north sees it
                verdict  running; no fault tolerance: every partition has one bolt
                roster   07070707 at 2 of 2 bolts; 14 events, 1 envoy, 0 banned keys, 1 contested name
                heard    2 of 2 bolts

                PARTITION  BOLTS  REACHABLE  PRIMARY  EPOCH  IN SYNC  MAY FAIL  ENVOYS
                north      1      1          a.north  3      1        0         1
                south      1      1          a.south  -      -        -         0

                BOLT     ADDRESS         ZONE  STANDING  REACH  DIGEST    LAG       HEARD
                a.north  127.0.0.1:7440  -     active    self   07070707  0 events  -
                a.south  127.0.0.1:7450  -     active    alive  07070707  1 event   1 s ago
                """)
    }

    /// N1: who reigns, who follows and how far, with what each says beside what it is assigned.
    @Test func partitionsShowReportedAndAssignedRolesWithTheirLag() throws {
        let partition = try Views.partition(
            "north", ["a.north", "b.north"], primary: "b.north", epoch: 4, inSync: 1,
            members: [
                Views.member(
                    "a.north", nil, assigned: .primary, inSync: false, position: nil, lag: nil, heard: 7,
                    reason: "cannot be reached"),
                Views.member("b.north", .handingOver, assigned: .standby, position: 12, lag: 1, heard: nil),
            ])
        #expect(
            PartitionTable.text([partition]) == """
                PARTITION  BOLTS  REACHABLE  PRIMARY  EPOCH  IN SYNC  MAY FAIL  ENVOYS
                north      2      2          b.north  4      1        0         0

                BOLT     REPORTED      ASSIGNED  IN SYNC  POSITION  LAG       HEARD
                a.north  -             primary   no       -         -         7 s ago
                    cannot be reached
                b.north  handing over  standby   yes      12        1 record  -
                """)
    }

    /// Only the answering bolt's own partition was looked at: held-up machines of the others were not shown.
    @Test func policyAlarmsOfAllPartitionsAreShownAndWhoWasNotAskedIsNamed() async throws {
        func alarm(_ code: String, _ text: String) -> Alarm {
            Alarm(code: code, severity: .warning, text: text, next: "boltctl stack status")
        }
        let bolts = try [
            Views.bolt("a", "north", reach: .itself, port: 7440), Views.bolt("b", "north", port: 7441),
            Views.bolt("a", "east", port: 7450), Views.bolt("a", "west", port: 7460),
            Views.bolt("a", "south", reach: .unreachable, port: 7470),
        ]
        let partitions = try [
            Views.partition("north", ["a.north", "b.north"], primary: "a.north"),
            Views.partition("east", ["a.east"], primary: "a.east"),
            Views.partition("west", ["a.west"], primary: "a.west"),
            Views.partition("south", ["a.south"], primary: "a.south"),
        ]
        let status = try Views.status(
            bolts: bolts, partitions: partitions, alarms: [alarm("policy_withheld", "of north")])
        let east = try Views.status(
            bolt: "a.east", bolts: bolts,
            alarms: [alarm("policy_withheld", "of east"), alarm("bolt_lost", "as a.east sees it")])
        var (asked, told) = ([String](), [String]())
        let whole = try await PolicyAlarmDesk(status: status, isNamed: false).whole(
            asking: { address in
                asked.append(address)
                guard address == "127.0.0.1:7450" else { throw CommandFailure("unreachable", "gone") }
                return east
            }, tell: { told.append($0) })
        #expect(asked == ["127.0.0.1:7450", "127.0.0.1:7460"])
        #expect(whole.alarms.map(\.text) == ["of north", "of east"] && whole.verdict == .degraded)
        #expect(told.count == 1 && told.first?.contains("the policy of west, south was not asked for") == true)
        (asked, told) = ([], [])
        let named = try await PolicyAlarmDesk(status: status, isNamed: true).whole(
            asking: { address in
                asked.append(address)
                return east
            }, tell: { told.append($0) })
        #expect(asked.isEmpty && named.alarms == status.alarms)
        #expect(told.first?.contains("the policy of east, west, south was not asked for") == true)
    }

    @Test func aPartitionWithoutAPrimaryIsExplained() throws {
        let bolts = try [
            Views.bolt("a", "north", reach: .itself, port: 7440), Views.bolt("b", "north", port: 7441),
        ]
        let whole = try Views.partition("north", ["a.north", "b.north"], primary: "a.north", epoch: 1, inSync: 2)
        let text = StatusScreen(status: try Views.status(bolts: bolts, partitions: [whole], tolerance: 1)).text
        #expect(text.contains("verdict          healthy\nfault tolerance  1 more bolt may die\n"))
        let headless = try Views.partition("north", ["a.north", "b.north"], epoch: 1)
        let sick = StatusScreen(status: try Views.status(bolts: bolts, partitions: [headless], verdict: .broken)).text
        #expect(sick.contains("verdict  broken; no fault tolerance: north has no primary\n"))
        #expect(sick.contains("\nnorth has no primary: none of the bolts that can be reached reigns\n"))
        let unfounded = try Views.partition("north", ["a.north", "b.north"])
        let early = StatusScreen(status: try Views.status(bolts: bolts, partitions: [unfounded])).text
        #expect(early.contains("\nnorth has no primary: it was not founded yet\n"))
        let dark = try Views.partition("north", ["a.north", "b.north"], reachable: 0)
        let broken = StatusScreen(status: try Views.status(bolts: bolts, partitions: [dark], verdict: .broken)).text
        #expect(broken.contains("verdict  broken; no fault tolerance: no bolt of north can be reached\n"))
        #expect(broken.contains("\nnorth has no primary: none of its bolts can be reached\n"))
    }

    /// Who is in sync is the primary's to say: without one it is what was so when it was last heard.
    @Test func inSyncWithoutAPrimaryIsMarkedAsLastKnown() throws {
        let members = [
            Views.member("a.north", nil, assigned: .primary, inSync: true, position: nil, lag: nil, heard: 7),
            Views.member("b.north", .standby, inSync: false, position: 12, lag: nil),
        ]
        let headless = try Views.partition("north", ["a.north", "b.north"], epoch: 4, members: members)
        let table = try #require(PartitionTable.members([headless]))
        #expect(table.contains("a.north  -         primary   yes?"), "\(table)")
        let led = try Views.partition("north", ["a.north", "b.north"], primary: "a.north", members: members)
        #expect(PartitionTable.members([led])?.contains("yes?") == false)
    }

    @Test func aSealedPartitionIsExplainedAndASealedStandbyIsNoTolerance() throws {
        let bolts = try [Views.bolt("a", "north", reach: .itself), Views.bolt("b", "north", port: 7441)]
        let members = [
            Views.member("a.north", .standby, assigned: .primary, isSealed: true),
            Views.member("b.north", .standby, isSealed: true),
        ]
        let stopped = try Views.partition("north", ["a.north", "b.north"], epoch: 4, members: members)
        let text = StatusScreen(status: try Views.status(bolts: bolts, partitions: [stopped], verdict: .broken)).text
        #expect(text.contains("\nnorth has no primary: a.north, b.north are sealed\n"), "\(text)")
        var thin = try Views.partition(
            "north", ["a.north", "b.north"], primary: "a.north", epoch: 4, inSync: 2,
            members: [Views.member("a.north", .primary), Views.member("b.north", .standby, isSealed: true)])
        thin.faultTolerance = 0
        let degraded = StatusScreen(status: try Views.status(bolts: bolts, partitions: [thin], verdict: .degraded)).text
        #expect(degraded.contains("verdict  degraded; no fault tolerance: b.north is sealed\n"), "\(degraded)")
    }

    @Test func aThinPartitionIsNamed() throws {
        let bolts = try [Views.bolt("a", "north", reach: .itself)]
        let alarm = Alarm(code: "bolt_unreachable", severity: .warning, text: "b.north is gone", next: "look")
        let status = try Views.status(
            bolts: bolts,
            partitions: [
                Views.partition("north", ["a.north", "b.north"], reachable: 1, primary: "a.north", inSync: 1),
                Views.partition("south", ["a.south"], primary: "a.south", inSync: 1),
                Views.partition("east", ["a.east", "b.east"], primary: "a.east", inSync: 2),
            ], verdict: .degraded, alarms: [alarm])
        let text = StatusScreen(status: status).text
        #expect(
            text.contains(
                "verdict  degraded; no fault tolerance: no standby of north is in sync, south has one bolt\n"))
        #expect(text.hasSuffix("\n\nwarning: b.north is gone\n  next: look"))
        #expect(!text.contains("healthy") && !text.contains("0 more"))
    }

    @Test func digestsAndDifferencesAreTablesWithExitCodes() throws {
        let key = Views.bytes(1)
        func answer(_ bolt: String, _ digest: UInt8, _ counters: [(UInt64, UInt64)]) -> RosterDigestResponse {
            RosterDigestResponse(
                bolt: bolt, digest: Views.bytes(digest), events: counters.reduce(0) { $0 + $1.1 },
                replicas: counters.map {
                    ReplicaHead(
                        replica: ReplicaID(key: key, incarnation: $0.0), counter: $0.1,
                        head: Views.bytes(UInt8($0.1 + UInt64(digest))), author: "a.\($0.0)")
                })
        }
        let (left, right) = (answer("a.north", 7, [(1, 2), (2, 3), (3, 4)]), answer("a.south", 8, [(1, 2), (2, 5)]))
        let lines = RosterDiff.compare(left, right)
        #expect(lines.map(\.forked) == [true, false, false])
        #expect(lines.map(\.first) == [2, 3, 4] && lines.map(\.second) == [2, 5, 0])
        #expect(RosterDiff.table([], "a.north", "a.south") == "a.north and a.south hold the same")
        let digests: [BoltDigests.Line] = [
            .init(address: "10.0.0.1:7440", answer: left, error: nil),
            .init(address: "10.0.0.2:7440", answer: nil, error: "connection refused"),
        ]
        #expect(
            RosterDigest.table(digests) == """
                BOLT     ADDRESS        DIGEST    EVENTS  HISTORIES  NOTE
                a.north  10.0.0.1:7440  07070707  9       3          -
                -        10.0.0.2:7440  -         -       -          connection refused
                """)
        #expect(!RosterDigest.differ(digests))
        #expect(RosterDigest.differ(digests + [.init(address: "x:1", answer: right, error: nil)]))
        #expect(throws: CommandFailure.self) { try BoltDigests.requireAll(digests) }
        do {
            try BoltDigests.requireAll(digests)
        } catch let failure as CommandFailure { #expect(failure.status == .error && failure.attempts.count == 1) }
        do {
            try BoltDigests.requireAll([digests[1]])
            Issue.record("nobody answered")
        } catch let failure as CommandFailure { #expect(failure.status == .unavailable) }
        try BoltDigests.requireAll([digests[0]])
    }

    @Test func boltsAreFoundByNameIdKeyAndAddress() throws {
        let bolts = try [
            Views.bolt("a", "north", port: 7440), Views.bolt("b", "north", port: 7441),
            Views.bolt("a", "south", port: 7450),
        ]
        #expect(try RosterDiff.address(of: "a.south", among: bolts) == "127.0.0.1:7450")
        #expect(try RosterDiff.address(of: "b", among: bolts) == "127.0.0.1:7441")
        #expect(try RosterDiff.address(of: bolts[1].id.description, among: bolts) == "127.0.0.1:7441")
        #expect(try RosterDiff.address(of: bolts[0].fingerprint.description, among: bolts) == "127.0.0.1:7440")
        #expect(try RosterDiff.address(of: "10.1.1.1:9", among: []) == "10.1.1.1:9")
        for (text, code) in [("a", "ambiguous"), ("a.nrth", "not_found"), ("nowhere", "not_found")] {
            do {
                _ = try RosterDiff.address(of: text, among: bolts)
                Issue.record("\(text) was taken")
            } catch let failure as CommandFailure { #expect(failure.code == code) }
        }
    }

    /// However many keys a lineage has, a ban is told in one line.
    @Test func aBanIsOneLine() throws {
        let keys = (1...3).map { KeyFingerprint(Views.bytes($0)) }
        let envoy = PrincipalView(
            role: .envoy, id: try #require(PrincipalID(bytes: [UInt8](repeating: 1, count: PrincipalID.count))),
            name: try #require(PrincipalName("web-1")), standing: .active, fingerprint: keys[2], lineage: keys,
            admissions: [], partition: nil, group: nil, labels: [:], address: nil)
        let byName = BanTarget(envoy, namedBy: "web-1")
        #expect(byName.line(dryRun: false) == "banned web-1: its key \(keys[2]) and 2 more of its lineage")
        #expect(byName.keys == keys && byName.id == envoy.id)
        let byOldKey = BanTarget(envoy, namedBy: keys[0].description)
        #expect(
            byOldKey.line(dryRun: true)
                == "would ban web-1 (an older key names it): its key \(keys[2]) and 2 more of its lineage")
        let unknown = BanTarget(unknown: keys[0])
        #expect(unknown.line(dryRun: false) == "banned a key that no envoy has: \(keys[0])" && unknown.id == nil)
    }
}
