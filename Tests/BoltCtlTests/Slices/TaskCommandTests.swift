import ArgumentParser
import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// What an operator is told of tasks, and how a command ends that follows one.
@Suite struct TaskCommandTests {
    private let now = WallTime(milliseconds: 95_000)

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    @Test func progressIsInSlicesEnvoysAndBytesWithWhatIsLeftAndWhatIsStuck() throws {
        #expect(
            TaskText.line(try Views.task(), now: now)
                == "moving: 120 of 400 slices, 30000 of 100000 envoys, 1.0 GiB of 4.0 GiB, 16 on their way; "
                + "about 2 min left")
        let stuck = try Views.task(left: nil, stuck: [try Views.stuck(17, since: 60_000), try Views.stuck(18)])
        #expect(
            TaskText.line(stuck, now: now).hasSuffix(
                "; stuck: web/17 north → south for 35 s: the target is sealed (and 1 more)"))
        #expect(TaskText.line(try Views.task(paused: true), now: now).hasPrefix("held: "))
        let screen = TaskText.screen(stuck, now: now)
        #expect(screen.contains("web/17") && screen.contains("the target is sealed") && screen.contains("35 s"))
        #expect(screen.contains("north, a.north") && screen.contains("16 slices at once, as many bytes as go"))
    }

    @Test func aTaskThatHoldsItselfOrHasNobodySaysSo() throws {
        var task = try Views.task()
        task.hold = "the apply 9c41d2 of operator/eve is in force, which is newer"
        #expect(TaskText.line(task, now: now).hasPrefix("held: "))
        #expect(TaskText.line(task, now: now).contains("which is newer"))
        #expect(TaskText.screen(task, now: now).contains("held: the apply 9c41d2"))
        (task.hold, task.orphaned) = (nil, "the slices of north were taken over, and no primary of it is heard")
        #expect(TaskText.state(task) == "orphaned" && TaskText.line(task, now: now).contains("were taken over"))
        // It is not the one that is meant where none is named.
        #expect(code { _ = try TaskDesk.choose(nil, among: [task], orLatest: false) } == "no_task")
    }

    @Test func aTaskThatIsOverSaysHowItEnded() throws {
        func state(
            _ done: Int, overtaken: Int = 0, reversed: Bool = false, cancelled: Bool = false
        ) throws -> String {
            TaskText.state(
                try Views.task(
                    phase: .ended, moves: 4, done: done, inFlight: 0, overtaken: overtaken, reversed: reversed,
                    cancelled: cancelled))
        }
        #expect(try state(4) == "done" && state(3) == "ended" && state(3, cancelled: true) == "cancelled")
        #expect(try state(4, reversed: true) == "reversed" && state(3, reversed: true) == "reversed in part")
        #expect(try state(3, overtaken: 1) == "done where it was not overtaken")
        #expect(try state(3, overtaken: 1, cancelled: true) == "done where it was not overtaken")
        #expect(try TaskText.state(Views.task(phase: .reversing)) == "moving back")
        #expect(try TaskText.state(Views.task(phase: .cancelling)) == "being cancelled")
    }

    @Test func aCommandEndsAsItsTaskDid() throws {
        func status(_ end: TaskFollower.End?, _ task: TaskView? = nil, early: Bool = false) -> BoltAPI.ExitStatus? {
            TaskOutcome(task ?? end?.task, end, endsEarly: early).status
        }
        let running = try Views.task()
        let done = try Views.task(phase: .ended, moves: 4, done: 4, inFlight: 0)
        let short = try Views.task(phase: .ended, moves: 4, done: 2, inFlight: 0, cancelled: true)
        let overtaken = try Views.task(phase: .ended, moves: 4, done: 3, inFlight: 0, overtaken: 1)
        #expect(status(.over(done)) == nil && status(nil, done) == nil)
        #expect(status(.over(short)) == .error && status(.over(short), early: true) == nil)
        #expect(status(.over(overtaken)) == nil)
        #expect(status(nil, running) == .running && status(.detached(running)) == .running)
        #expect(status(.late(nil), running) == .running && status(.standstill(running)) == .running)
        #expect(TaskOutcome(nil, nil).status == nil && TaskOutcome(nil, nil).notes.isEmpty)
        let notes = TaskOutcome(running, .detached(running)).notes.joined(separator: "\n")
        #expect(notes.contains("boltctl rebalance status \(running.id) --wait"), "\(notes)")
        #expect(notes.contains("boltctl rebalance cancel \(running.id)"), "\(notes)")
    }

    @Test func nothingGetsOnWhereAllThatIsLeftWasGivenUp() throws {
        func standstill(_ task: TaskView) -> Bool { TaskFollower.isStandstill(task) }
        #expect(standstill(try Views.task(moves: 4, done: 2, inFlight: 0, givenUp: 2)))
        #expect(standstill(try Views.task(moves: 4, done: 1, inFlight: 0, givenUp: 2, overtaken: 1)))
        #expect(!standstill(try Views.task(moves: 4, done: 2, inFlight: 1, givenUp: 2)))
        #expect(!standstill(try Views.task(moves: 4, done: 1, inFlight: 0, givenUp: 2)))
        #expect(!standstill(try Views.task(moves: 4, done: 2, inFlight: 0, givenUp: 2, paused: true)))
        #expect(!standstill(try Views.task(phase: .ended, moves: 4, done: 2, inFlight: 0, givenUp: 2)))
    }

    /// With as many given up as are listed, and others to be tried again, the following ended while the task went on.
    @Test func aLongListOfStuckSlicesIsNotTakenForAllThatIsLeft() throws {
        let listed = try (UInt32(0)..<UInt32(APILimits.stuckShown)).map { try Views.stuck($0) }
        let going = try Views.task(moves: 400, done: 0, inFlight: 0, givenUp: 150, stuck: listed)
        #expect(!TaskFollower.isStandstill(going))
        let still = try Views.task(moves: 400, done: 0, inFlight: 0, givenUp: 400, stuck: listed)
        #expect(TaskFollower.isStandstill(still))
        let notes = TaskOutcome(still, .standstill(still)).notes
        #expect(notes.first?.hasPrefix("nothing gets on: 400 slices given up") == true, "\(notes)")
        #expect(TaskText.line(going, now: now).contains(", 150 given up"))
    }

    /// The time without news was counted from the last answer: after a restart of all bolts following ended at once.
    @Test func boltsThatKnowNothingAreWaitedForFromTheirFirstAnswer() throws {
        let begun = ContinuousClock.now
        var since: ContinuousClock.Instant?
        func look(_ look: TaskFollower.Look, after seconds: Int) {
            since = TaskFollower.unknownSince(look, at: begun + .seconds(seconds), before: since)
        }
        look(.silence("refused"), after: 60)
        #expect(since == nil)
        look(.unknown("no such task"), after: 61)
        look(.unknown("no such task"), after: 70)
        #expect(since == begun + .seconds(61))
        look(.task(try Views.task()), after: 71)
        #expect(since == nil)
        look(.unknown("no such task"), after: 80)
        look(.silence("refused"), after: 81)
        #expect(since == nil, "who is silent may know it")
    }

    /// Exit 5 was given by an apply alone, and for a reverse would have been asked of the wrong side.
    @Test func redundancyIsAskedOfWhoWasSentSlices() throws {
        let moves = [
            try Views.move(0, owner: "south", state: .done), try Views.move(1, owner: "north", state: .stayed),
        ]
        func receivers(_ moves: [TaskMoveView], reversed: Bool = false) throws -> [String] {
            TaskRedundancy.receivers(moves, of: try Views.task(phase: .ended, reversed: reversed)).map(\.text)
        }
        #expect(try receivers(moves) == ["south"])
        #expect(try receivers(moves, reversed: true) == ["north"])
        #expect(try receivers([moves[1]]) == [])
        let partitions = [
            try Views.partition("north", ["a.north", "b.north"], inSync: 1),
            try Views.partition("south", ["a.south", "b.south"], inSync: 2),
            try Views.partition("west", ["a.west"], inSync: 1),
        ]
        let all = Set(partitions.map(\.name))
        #expect(TaskRedundancy.withoutStandby(partitions, among: all).map(\.text) == ["north"])
        #expect(TaskRedundancy.withoutStandby(partitions, among: all.subtracting([partitions[0].name])) == [])
    }

    @Test func theTaskThatIsMeantIsFoundOrItsRivalsAreNamed() throws {
        let (one, two) = (try Views.task(0x1234_0000), try Views.task(0x1234_1111))
        let over = try Views.task(0x9999_0000, phase: .ended)
        func choose(_ argument: String?, _ tasks: [TaskView], orLatest: Bool = false) throws -> PrincipalID {
            try TaskDesk.choose(argument, among: tasks, orLatest: orLatest).id
        }
        #expect(try choose(nil, [one, over]) == one.id && choose(nil, [over], orLatest: true) == over.id)
        #expect(try choose("12340", [one, two]) == one.id && choose("9999", [one, over]) == over.id)
        #expect(code { _ = try choose(nil, [over]) } == "no_task")
        #expect(code { _ = try choose(nil, [], orLatest: true) } == "no_task")
        #expect(code { _ = try choose(nil, [one, two]) } == "ambiguous")
        #expect(code { _ = try choose("1234", [one, two]) } == "ambiguous")
        #expect(code { _ = try choose("77777", [one]) } == "not_found")
        for text in ["123", "", "xyzw", "12 4"] { #expect(code { _ = try choose(text, [one]) } == "bad_id", "\(text)") }
    }

    @Test func whereNoTaskRunsTheLatestIsNamedToThoseWhoCanChangeIt() throws {
        let over = try Views.task(0x9999_0000, phase: .ended)
        let failure = try #require(throws: CommandFailure.self) {
            _ = try TaskDesk.choose(nil, among: [over], orLatest: false, verb: "boltctl rebalance reverse")
        }
        #expect(failure.next == "boltctl rebalance reverse \(over.id)")
    }

    @Test func aVerifiedTaskHasEverySliceWhereItPutIt() throws {
        let task = try Views.task(phase: .ended, moves: 2, done: 2, inFlight: 0)
        let there = [
            try Views.move(0, owner: "south", state: .done), try Views.move(1, owner: "north", state: .overtaken),
        ]
        #expect(RebalanceVerify.misplaced(there, of: task) == [])
        let lost = try Views.move(2, owner: "north", state: .done)
        #expect(RebalanceVerify.misplaced(there + [lost], of: task) == [lost])
        let back = try Views.task(phase: .ended, reversed: true)
        #expect(RebalanceVerify.misplaced([lost], of: back) == [])
        let stayed = try Views.move(3, owner: "north", state: .stayed)
        #expect(RebalanceVerify.misplaced([stayed], of: try Views.task(phase: .ended, cancelled: true)) == [])
        #expect(RebalanceVerify.misplaced([stayed], of: task) == [stayed])
        // What was given up before somebody cancelled the task stays where it was, too.
        let given = try Views.move(4, owner: "north", state: .givenUp)
        #expect(RebalanceVerify.misplaced([given], of: try Views.task(phase: .ended, cancelled: true)) == [])
        #expect(try RebalanceVerify.misplaced([given], of: Views.task()) == [given])
        let fine = SliceVerification([
            Views.line(try Views.digest("a.north")), Views.line(try Views.digest("a.south")),
        ])
        func status(_ task: TaskView, _ misplaced: [TaskMoveView]) -> BoltAPI.ExitStatus? {
            RebalanceVerify.status(.init(task: task, misplaced: misplaced, verification: fine))
        }
        #expect(status(task, []) == nil && status(task, [lost]) == .error)
        #expect(try status(Views.task(), []) == .running)
        // While it runs slices change hands, and bolts hear of it one after the other.
        let passing = SliceVerification([
            Views.line(try Views.digest("a.north")), Views.line(try Views.digest("a.south", registers: 2)),
        ])
        let grave = SliceVerification([
            Views.line(try Views.digest("a.north", equivocations: 1)), Views.line(try Views.digest("a.south")),
        ])
        func ends(_ task: TaskView, _ found: SliceVerification) -> BoltAPI.ExitStatus? {
            RebalanceVerify.status(.init(task: task, misplaced: [], verification: found))
        }
        #expect(try ends(Views.task(), passing) == .running && ends(task, passing) == .error)
        #expect(try ends(Views.task(), grave) == .error)
    }

    @Test func limitsThatAreNotNamedStayAsTheyAre() throws {
        func limits(_ line: String, _ known: TaskLimits) throws -> TaskLimits {
            let command = try RebalanceThrottle.parse(line.split(separator: " ").map(String.init))
            var task = try Views.task()
            task.limits = known
            let request = try command.request(task)
            return try #require(request.limits)
        }
        let known = TaskLimits(slices: 7, bytesPerSecond: 100, addedMilliseconds: 5)
        #expect(
            try limits("--slices-in-flight 4", known)
                == TaskLimits(slices: 4, bytesPerSecond: 100, addedMilliseconds: 5))
        #expect(
            try limits("--bytes-per-second none --added-latency-ms 9", known)
                == TaskLimits(slices: 7, addedMilliseconds: 9))
        #expect(try limits("--bytes-per-second 64M", known).bytesPerSecond == 64 << 20)
        for line in [
            "--slices-in-flight 0", "--slices-in-flight 257", "--bytes-per-second 0", "--bytes-per-second fast",
            "--added-latency-ms 0",
        ] { #expect(code { _ = try limits(line, known) } == "bad_budget", "\(line)") }
        #expect(code { try RebalanceThrottle.parse([]).check() } == "nothing_to_change")
    }

    @Test func theStatusTellsWhatMovesAndWhatIsStuck() throws {
        let bolts = [try Views.bolt("a", "north", reach: .itself)]
        let whole = try Views.partition("north", ["a.north", "b.north"], primary: "a.north", epoch: 1, inSync: 2)
        func status(_ tasks: [TaskView]) throws -> StatusResponse {
            var status = try Views.status(bolts: bolts, partitions: [whole], tolerance: 1)
            status.add(tasks: tasks)
            return status
        }
        let running = try Views.task()
        let calm = try status([running, try Views.task(3, phase: .ended)])
        #expect(calm.tasks == [running] && calm.alarms == [] && calm.verdict == .healthy)
        let text = StatusScreen(status: calm).text
        #expect(text.contains("\n\ntask \(running.id): moving: 120 of 400 slices"), "\(text)")
        let stuck = try status([try Views.task(stuck: [try Views.stuck(17)])])
        #expect(stuck.verdict == .degraded && stuck.alarms.map(\.code) == ["moves_stuck"])
        #expect(stuck.alarms.first?.next == "boltctl rebalance status \(running.id)")
    }

    @Test func bytesAndSpansAreReadAsPeopleWriteThem() {
        for (text, bytes) in [
            ("0", 0), ("512", 512), ("1k", 1024), ("64M", 64 << 20), ("2GiB", 2 << 30), ("3tb", 3 << 40), ("7b", 7),
        ] as [(String, UInt64)] { #expect(ByteText.bytes(text) == bytes, "\(text)") }
        for text in ["", "M", "-1", "1.5G", "1 M", "1x", "99999999999999999999", "18446744073709551615k"] {
            #expect(ByteText.bytes(text) == nil, "\(text)")
        }
        for (bytes, text) in [
            (0, "0 bytes"), (1, "1 byte"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"), (.max, "16.0 EiB"),
        ] as [(UInt64, String)] { #expect(ByteText.text(bytes) == text, "\(bytes)") }
        for (seconds, text) in [
            (0.2, "less than a second"), (35, "35 s"), (125, "2 min"), (7200, "2 h"), (864_000, "10 d"),
            (-5, "less than a second"), (.infinity, "for ever"),
        ] as [(Double, String)] { #expect(AboutText.span(seconds) == text, "\(seconds)") }
    }
}
