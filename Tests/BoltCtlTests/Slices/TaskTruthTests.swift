import ArgumentParser
import BoltAPI
import CRDT
import Spanner
import Testing

@testable import boltctl

/// What is said of tasks is true, of that task, when it is said.
@Suite struct TaskTruthTests {
    private let now = WallTime(milliseconds: 95_000)

    private func failure(_ body: () throws -> Void) -> CommandFailure? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure } catch { Issue.record("\(error)") }
        return nil
    }

    private func held() throws -> TaskView {
        var task = try Views.task(paused: true)
        task.held = TaskPauseView(
            actor: "operator/eve", at: WallTime(milliseconds: 60_000), reason: "month's end")
        return task
    }

    /// Following a held task hung without a word.
    @Test func whoeverFollowsAHeldTaskIsToldWhoHoldsItSinceWhenAndWhy() throws {
        let task = try held()
        let holder = "by operator/eve since 1970-01-01T00:01:00Z (month's end)"
        #expect(TaskFollower.patience(with: task) == TaskFollower.heldTime)
        let outcome = TaskOutcome(task, .held(task))
        #expect(outcome.status == .running)
        #expect(outcome.notes.first?.hasPrefix("held \(holder); 120 of 400 slices moved") == true, "\(outcome.notes)")
        #expect(outcome.notes.last == "next: boltctl rebalance resume \(task.id)")
        #expect(TaskText.line(task, now: now).hasSuffix("; held \(holder)"))
        #expect(TaskText.screen(task, now: now).contains(holder))
        // One of a bolt that kept nobody's name is held all the same.
        let nameless = try Views.task(paused: true)
        #expect(TaskOutcome(nameless, .held(nameless)).notes.first?.contains("was not kept") == true)
    }

    @Test func whatGoesOnOrEndsIsNotTakenForHeld() throws {
        #expect(try TaskFollower.patience(with: Views.task()) == nil)
        #expect(try TaskFollower.patience(with: Views.task(phase: .cancelling, paused: true)) == nil)
        #expect(try TaskFollower.patience(with: Views.task(phase: .ended, paused: true)) == nil)
        var outdated = try Views.task()
        outdated.hold = "the apply 9c41d2 of operator/eve is in force, which is newer"
        #expect(TaskFollower.patience(with: outdated) == TaskFollower.newsTime)
        let notes = TaskOutcome(outdated, .held(outdated)).notes
        #expect(notes.last == "next: boltctl rebalance cancel \(outdated.id)", "\(notes)")
    }

    /// With the new task's driver killed a task of before was followed, and its end reported as the new one's.
    @Test func withoutAnIdAnOlderTasksEndIsNotThePresentOnes() throws {
        let over = try Views.task(0x9999_0000, phase: .ended, moves: 4, done: 2, inFlight: 0, cancelled: true)
        let running = try Views.task(0x1234_0000)
        func follow(_ tasks: [TaskView], complete: Bool = true) throws -> TaskDesk.Following {
            let fresh = Freshness(ageSeconds: 0, complete: complete, boltsHeard: complete ? 4 : 3, boltsTotal: 4)
            return try TaskDesk.toFollow(TasksResponse(tasks: tasks, freshness: fresh))
        }
        #expect(try follow([running, over]).task?.id == running.id)
        #expect(try follow([running, over], complete: false).task?.id == running.id)
        let found = try follow([over])
        guard case .nothing(let text) = found else {
            Issue.record("\(found)")
            return
        }
        #expect(text == "no task runs; the latest, \(over.id), ended as cancelled; name it to wait for it")
        guard case .nothing("no task runs") = try follow([]) else {
            Issue.record("there was none")
            return
        }
        // Whoever is not heard may drive one.
        let refused = failure { _ = try follow([over], complete: false) }
        #expect(refused?.code == "no_task" && refused?.status == .error)
        #expect(refused?.reason?.contains("1 of 4 bolts") == true && refused?.next?.contains("--wait") == true)
    }

    @Test func whatIsLeftIsToldWhereThereIsSomething() throws {
        #expect(try TaskText.line(Views.task(left: 0.2), now: now).hasSuffix("; less than a second left"))
        #expect(try TaskText.line(Views.task(left: 125), now: now).hasSuffix("; about 2 min left"))
        func screen(_ task: TaskView) -> String { TaskText.screen(task, now: now) }
        #expect(try screen(Views.task(left: 0.2)).contains("less than a second"))
        #expect(try !screen(Views.task(left: 0.2)).contains("about less"))
        let over = try Views.task(phase: .ended, moves: 4, done: 4, inFlight: 0, left: 0)
        #expect(!screen(over).contains("less than a second"))
    }

    /// After cancelling with --no-wait it said how to cancel.
    @Test func whatIsBeingCancelledIsNotToBeCancelledAgain() throws {
        let task = try Views.task(phase: .cancelling)
        let notes = TaskOutcome(task, nil, endsEarly: true).notes.joined(separator: "\n")
        #expect(notes.contains("is being cancelled") && notes.contains("status \(task.id) --wait"), "\(notes)")
        #expect(!notes.contains("rebalance cancel"), "\(notes)")
    }

    @Test func resumeIsFollowedLikeCancelAndReverse() throws {
        let forms: [([String], Bool)] = [([], true), (["--no-wait"], false), (["--wait", "--timeout", "5"], true)]
        for (line, waits) in forms {
            #expect(try RebalanceResume.parse(line).follow?.wait == waits, "\(line)")
            #expect(try RebalanceCancel.parse(line).follow?.wait == waits, "\(line)")
            #expect(try RebalanceReverse.parse(line).follow?.wait == waits, "\(line)")
        }
    }

    @Test func aLimitThatIsRefusedSaysThatNothingWasChangedAndWhatToWrite() throws {
        for line in [
            ["--slices-in-flight", "0"], ["--slices-in-flight", "500"], ["--bytes-per-second", "1X"],
            ["--bytes-per-second", "0"], ["--added-latency-ms", "0"], [],
        ] {
            let refused = failure { try RebalanceThrottle.parse(line).check() }
            #expect(refused?.reason == "nothing was changed" && refused?.next != nil, "\(line)")
            #expect(refused?.status == .usage, "\(line)")
        }
    }

    /// The bolt that plans heard of a task's end a moment after the terminal.
    @Test func aTaskWhoseDriverSaysThatItIsOverDoesNotRun() throws {
        let (one, two) = (PrincipalID(high: 1, low: 1), PrincipalID(high: 2, low: 2))
        #expect(PlanDesk.running([one, two], over: [one]) == [two])
        let (running, over) = (try Views.task(), try Views.task(phase: .ended))
        #expect(TaskFollower.isListedAsRunning(running.id, [running]))
        #expect(!TaskFollower.isListedAsRunning(running.id, [over]))
        #expect(!TaskFollower.isListedAsRunning(running.id, []))
    }

    @Test func aMachineThatIsInTheGroupAlreadyIsRefusedAsABoltWould() throws {
        let (web, db) = (try Views.group("web"), try Views.group("db"))
        let refused = failure { try EnvoyReassign.require(web, otherThan: web, of: "web-7") }
        #expect(refused?.code == Problem.Code.sameGroup.rawValue && refused?.status == .refused)
        #expect(refused?.next?.contains("boltctl envoy show web-7") == true)
        try EnvoyReassign.require(web, otherThan: db, of: "web-7")
        try EnvoyReassign.require(web, otherThan: nil, of: "web-7")
    }

    /// Status said “cancelled” of a task that verify found whole.
    @Test func whatOthersMovedSinceIsNoFaultOfTheTask() throws {
        let task = try Views.task(phase: .ended, moves: 2, done: 2, inFlight: 0)
        let moves = [
            try Views.move(0, owner: "south", state: .done), try Views.move(1, owner: "north", state: .overtaken),
        ]
        let fine = SliceVerification([
            Views.line(try Views.digest("a.north")), Views.line(try Views.digest("a.south")),
        ])
        let answer = RebalanceVerify.Answer(
            task: task, misplaced: RebalanceVerify.misplaced(moves, of: task), movedOn: 1, verification: fine)
        #expect(answer.isVerified && RebalanceVerify.status(answer) == nil && TaskText.state(task) == "done")
        #expect(RebalanceVerify.table(answer).contains("but for 1 that others have moved since"))
        #expect(TaskOutcome(task, .over(task)).status == nil)
    }
}
