import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// What is kept of tasks for people: how they ended, who holds them, who drives them.
struct TaskEndTests {
    private let north = TwoPartitions.names[0]
    private let south = TwoPartitions.names[1]

    private func keep(_ note: TaskNote, of task: PrincipalID, _ two: TwoPartitions) async throws {
        let name = TaskNote.name(of: task)
        let answer = await two.services[0].write(
            [.setting(name: name, value: Array(try APIJSON.encode(note)))], level: .local)
        guard case .done = answer else {
            Issue.record("the note was not written: \(answer)")
            return
        }
    }

    private func kept(of task: PrincipalID, _ two: TwoPartitions) async throws -> TaskNote {
        try #require(await two.services[0].read { $0.taskNote(task) })
    }

    private func run(_ job: RebalanceJob, _ two: TwoPartitions) async throws {
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 4))
        try await wait("it is over") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.state.phase == .ended }
        }
    }

    @Test(
        "A task that ended well stays so when its slices go back: its end is kept with it, by the next reign too",
        .timeLimit(.minutes(2)))
    func endIsKept() async throws {
        let two = try await TwoPartitions.reigning()
        let job = try two.job()
        let began = WallTime(milliseconds: 1)
        try await keep(
            TaskNote(kind: .rebalance, plan: nil, actor: "operator/ada", reason: "", at: began), of: job.id, two)
        try await run(job, two)
        let genesis = try #require(two.boards[0].geneses.first)
        let moves = two.boards[0].registers(of: genesis).compactMap {
            RebalanceMove(register: $0, to: north, envoys: 1, bytes: 100)
        }
        try await run(try #require(RebalanceJob(id: PrincipalID(high: 5, low: 9), topology: .zero, moves: moves)), two)
        #expect(try two.owners(0) == [north])
        // Another reign looks at the registers anew.
        two.services[0].post(.desk(.reign))
        try await wait("the tasks were read again") {
            await two.services[0].read { $0.desk.tasks[job.id]?.machine.tally.done == 0 }
        }
        let view = try #require(await two.services[0].read { $0.taskView(job.id) })
        #expect(view.isComplete && !view.isCancelled && view.progress.done == 4 && view.progress.overtaken == 0)
        #expect(view.endedAt != nil && view.progress.remainingSeconds == nil && view.stuck.isEmpty)
        let page = try #require(await two.services[0].read { $0.taskMoves(job.id, after: nil, limit: 10) })
        #expect(page.moves.map(\.state) == Array(repeating: .overtaken, count: 4))
        // A note of a bolt that kept no counts is read: the journal says that nobody cancelled it.
        var old = try await kept(of: job.id, two)
        #expect(old.ending?.done == 4)
        old.ending = nil
        try await keep(old, of: job.id, two)
        let known = try #require(await two.services[0].read { $0.taskView(job.id) })
        #expect(!known.isCancelled && known.progress.overtaken == 4 && known.progress.done == 0)
        await two.close()
    }

    @Test("A slice that a cancelled task never moved stayed; one that it had moved and came back was overtaken")
    func standings() throws {
        let moves = (UInt8(0)..<2).compactMap { index in
            let slice = SliceID(group: GroupID(.zero), index: UInt32(index))
            let register = SliceRegister(slice: slice, owner: north, position: 1, hash: TestWitness.digest([index]))
            return RebalanceMove(register: register, to: south, envoys: 1, bytes: 1)
        }
        let job = try #require(RebalanceJob(id: PrincipalID(high: 1, low: 1), topology: .zero, moves: moves))
        var state = RebalanceState(job: job, limits: HandoffBudget.Limits(slices: 1))
        func standing(_ number: Int, _ owner: PartitionName) -> TaskMoveView.State {
            PartitionService.standing(of: number, state, owner: owner)
        }
        state.apply(.began(move: 0, attempt: 0))
        #expect(standing(0, north) == .inFlight && standing(1, north) == .waiting)
        state.apply(.cancelled)
        state.apply(.ended)
        #expect(standing(0, south) == .done && standing(0, north) == .overtaken && standing(1, north) == .stayed)
        #expect(standing(1, PartitionName(checked: "west")) == .overtaken)
    }

    @Test("A held task says who holds it, since when and why, until it goes on", .timeLimit(.minutes(2)))
    func holder() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let job = try two.job()
        let hold = TaskPauseView(actor: "operator/ada", at: WallTime(milliseconds: 5), reason: "month's end")
        let name = TaskNote.holdName(of: job.id)
        _ = await two.services[0].write(
            [.setting(name: name, value: Array(try APIJSON.encode(hold)))], level: .local)
        try await two.services[0].begin(task: job, limits: HandoffBudget.Limits(slices: 1))
        #expect(await two.services[0].read { $0.taskView(job.id)?.held } == nil)
        #expect(await two.services[0].command(.pause, task: job.id) == nil)
        try await wait("it is held") { await two.services[0].read { $0.taskView(job.id)?.held == hold } }
        #expect(await two.services[0].command(.resume, task: job.id) == nil)
        try await wait("it goes on") { await two.services[0].read { $0.taskView(job.id)?.held == nil } }
        await two.close()
    }

    private func view(inFlight: Int, phase: TaskView.Phase = .moving) -> TaskView {
        let progress = TaskProgress(
            moves: 4, done: 0, inFlight: inFlight, overtaken: 0, envoys: 4, envoysDone: 0, bytes: 0, bytesDone: 0,
            remainingSeconds: nil)
        return TaskView(
            id: PrincipalID(high: 1, low: 1), kind: .rebalance, driver: south, bolt: nil, phase: phase,
            isPaused: false, isReversed: false, isCancelled: false, version: .zero, plan: nil,
            beganAt: WallTime(milliseconds: 1), actor: "operator/ada", reason: "", limits: TaskLimits(slices: 4),
            progress: progress, stuck: [])
    }

    @Test("A pause does not promise that what is sealed holds still")
    func pauseIsWordedTruly() {
        let some = BoltEndpoints.effects(of: .pause, on: view(inFlight: 3)).joined()
        #expect(some.contains("of 3 slices on their way") && some.contains("may still end"), "\(some)")
        let none = BoltEndpoints.effects(of: .pause, on: view(inFlight: 0))
        #expect(none == ["nothing more begins; no slice is on its way"])
    }

    @Test("A task that a census told of has its driver's bolt, wherever it is asked for")
    func driversBolt() {
        func driver(_ bolt: String?, taken: Bool = false) -> TaskDriver {
            TaskDriver(
                partition: south, hasPrimary: bolt != nil, silence: .zero, isInTopology: true, isTakenOver: taken,
                bolt: bolt)
        }
        #expect(driver("a.south").named(view(inFlight: 1)).bolt == "a.south")
        #expect(driver("a.south").named(view(inFlight: 1)).orphaned == nil)
        #expect(driver(nil).named(view(inFlight: 1)).bolt == nil)
        #expect(driver(nil, taken: true).named(view(inFlight: 1)).orphaned?.contains("taken over") == true)
        #expect(driver(nil, taken: true).named(view(inFlight: 0, phase: .ended)).orphaned == nil)
    }
}
