import BoltAPI
import CRDT
import Foundation
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// One task at a time, each at one driver; and what a target lacks is refused by name.
struct SliceTaskRivalTests {
    private let south = TwoPartitions.names[1]
    private let limits = HandoffBudget.Limits(slices: 4)

    /// What the primary of the south would say while it drives a task.
    private func census(_ task: PrincipalID) throws -> SliceCensus {
        let progress = TaskProgress(
            moves: 4, done: 0, inFlight: 1, overtaken: 0, envoys: 4, envoysDone: 0, bytes: 0, bytesDone: 0,
            remainingSeconds: nil)
        let view = TaskView(
            id: task, kind: .rebalance, driver: south, bolt: nil, phase: .moving, isPaused: false, isReversed: false,
            isCancelled: false, version: .zero, plan: nil, beganAt: WallTime(milliseconds: 1), actor: "operator/ada",
            reason: "", limits: TaskLimits(slices: 4), progress: progress, stuck: [])
        return SliceCensus(entries: [], tasks: [Array(try APIJSON.encode(view))])
    }

    @Test("Of two tasks that are asked for at once one begins: the other is not even written", .timeLimit(.minutes(2)))
    func twoAtOnce() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let jobs = [try two.job(1), try two.job(2)]
        let limits = limits
        let begun = await withTaskGroup(of: Bool.self) { group in
            for job in jobs {
                group.addTask {
                    do { try await two.services[0].begin(task: job, limits: limits) } catch { return false }
                    return true
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(begun == 1)
        #expect(try await two.services[0].read { try $0.store.tables.slices.tasks() }.count == 1)
        await two.close()
    }

    @Test("A repeat while the first request is being written is the same task", .timeLimit(.minutes(2)))
    func repeated() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let (job, limits) = (try two.job(), limits)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await two.services[0].begin(task: job, limits: limits) } }
            try await group.waitForAll()
        }
        #expect(await two.services[0].read { Array($0.desk.tasks.keys) } == [job.id])
        await two.close()
    }

    @Test("A task that another partition drives is not begun here under the same id", .timeLimit(.minutes(2)))
    func elsewhere() async throws {
        let two = try await TwoPartitions.reigning()
        let job = try two.job()
        two.boards[0].note(try census(job.id), of: south)
        let refusal = await #expect(throws: Problem.self) {
            try await two.services[0].begin(task: job, limits: limits)
        }
        #expect(refusal?.code == .taskRefused && refusal?.detail.contains("south") == true)
        #expect(await two.services[0].read { $0.desk.tasks.isEmpty && $0.desk.beginning == nil })
        await two.close()
    }

    @Test("While another partition's task moves slices none is set in motion", .timeLimit(.minutes(2)))
    func rivals() async throws {
        let two = try await TwoPartitions.reigning()
        two.cutLines(true)
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: limits)
        two.boards[0].note(try census(PrincipalID(high: 8, low: 8)), of: south)
        for command in [RebalanceTask.Command.resume, .reverse] {
            let refusal = await two.services[0].command(command, task: job.id)
            #expect(refusal?.contains("of south still moves slices") == true, "\(command): \(refusal ?? "taken")")
        }
        #expect(await two.services[0].command(.pause, task: job.id) == nil)
        // Without a primary its driver moves nothing.
        two.boards[0].setLines([:])
        #expect(await two.services[0].command(.resume, task: job.id) == nil)
        await two.close()
    }

    @Test(
        "A target that lacks secrets of the group refuses by name, and takes the slices once it has them",
        .timeLimit(.minutes(2)))
    func secrets() async throws {
        let two = try await TwoPartitions.reigning()
        two.boards[1].note(
            SliceCensus(entries: [], secrets: ["all/key", "other/key", "all/db"]),
            of: TwoPartitions.names[0])
        let job = try two.job()
        try await two.services[0].begin(task: job, limits: limits)
        try await wait("it is refused") {
            await two.services[0].read { service in
                let attempts = service.desk.tasks[job.id]?.machine.state.attempts ?? []
                return attempts.contains {
                    $0.reason?.contains("south lacks secrets of the group all: all/db, all/key") == true
                }
            }
        }
        #expect(try two.owners(0) == [TwoPartitions.names[0]])
        let answer = await two.services[1].write(
            [.secret(name: "all/db", sealed: [1]), .secret(name: "all/key", sealed: [2])], level: .local)
        guard case .done = answer else {
            Issue.record("the secrets were not written: \(answer)")
            return
        }
        try await wait("all are in the south") { try two.owners(0) == [south] }
        let told = try await two.services[1].read { try $0.secretNames(of: GroupName(checked: "all")) }
        #expect(told == ["all/db", "all/key"])
        await two.close()
    }

    @Test("A target that reads an older version, or has no room for the slice, says so", .timeLimit(.minutes(2)))
    func lacks() async throws {
        let two = try await TwoPartitions.reigning()
        let genesis = try #require(two.boards[0].geneses.first)
        let register = try #require(two.boards[0].registers(of: genesis).first)
        let order = try #require(HandoffOrder(id: HandoffID(.zero), register: register, to: south))
        let context = try #require(two.services[1].slices)
        func asked(_ census: SliceCensus) async throws -> [String] {
            two.boards[1].note(census, of: register.owner)
            return try await two.services[1].read { try $0.lacks(for: order, context) }
        }
        #expect(try await asked(SliceCensus(entries: [])) == [])
        let newer = try await asked(
            SliceCensus(entries: [], version: SliceCensus.dataVersion + 1))
        #expect(newer == ["south reads version 1, and 2 is needed"])
        let entry = SliceCensus.Entry(slice: register.slice, envoys: 2, bytes: 1 << 61, destination: nil)
        let large = try await asked(SliceCensus(entries: [entry]))
        #expect(large.count == 1 && large.first?.contains("has room for") == true, "\(large)")
        await two.close()
    }

    @Test("P5: a primary says that it serves only what it would take a check-in of", .timeLimit(.minutes(2)))
    func waiting() async throws {
        let two = try await TwoPartitions.reigning()
        let before = try await two.services[0].read { try $0.sliceStates() }
        #expect(before.count == 6 && before.values.allSatisfy { $0 == .active && $0.isServed })
        let slice = try two.handOnUntaken()
        #expect(try two.owners(1).contains(south))
        let after = try await two.services[1].read { try $0.sliceStates() }
        #expect(after.count == 3 && after.filter { $0.value == .waiting }.map(\.key) == [slice], "\(after)")
        #expect(!HandoffSliceState.waiting.isServed)
        await two.close()
    }
}
