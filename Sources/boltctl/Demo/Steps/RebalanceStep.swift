import BoltAPI
import CRDT
import Spanner

/// A fourth partition joins under load, a third of the fleet moves to it with one side killed on the way, and back.
@MainActor enum RebalanceStep {
    /// Slices on their way at once: few enough that a kill hits the middle.
    private static let inFlight = ["--slices-in-flight", "4"]

    static func run(_ demo: DemoRun) async throws {
        let names = try await demo.names(at: demo.mesh.bolts[0])
        try await checkInAll(demo)
        let writers = Array(demo.envoys.prefix(DemoRun.writersMax))
        let load = try demo.loadEverywhere(writers)
        _ = try await demo.waitForAnswers(20 * writers.count, of: load)
        guard let task = try await join(demo, load) else { return await load.stop() }
        let after = try await demo.names(at: demo.mesh.bolts[demo.mesh.bolts.count - 1])
        demo.record(
            "rebalance", "no machine was enrolled anew", after == names, 0,
            "\(after.count) of \(names.count) as they were")
        try await demo.recordSlices("rebalance", "all bolts agree about the new owners")
        try await goBack(demo, task, load, writers.count)
        try await demo.recordLoad("rebalance", load)
    }

    /// The machines that were only admitted so far check in: the partitions have something of each, and count it.
    private static func checkInAll(_ demo: DemoRun) async throws {
        let arguments =
            [
                "simulate", "--count", "\(demo.admissions)", "--passes", "1", "--prefix", "fleet", "--dir",
                "\(demo.mesh.directory)/fleet", "-o", "json",
            ] + demo.mesh.bolts.flatMap { ["--mesh", $0.bolt.address] }
        let (counted, seconds) = try await demo.timed { () -> UInt64? in
            let (code, out) = try await ForegroundProgram.run(demo.envoyProgram, arguments, seconds: 180)
            guard code == 0 else {
                Console.note("simulate ended with \(code): \(out.suffix(400))")
                return nil
            }
            return try await demo.waitForCount(of: UInt64(demo.admissions))
        }
        demo.record(
            "rebalance", "every machine checks in, and is counted by its owner", counted != nil, seconds,
            counted.map { Plural.text($0, "machine") } ?? "not in time")
    }

    /// The fourth partition gets its share, and loses its primary on the way. Gives the task, where one was begun.
    private static func join(_ demo: DemoRun, _ load: DemoLoad) async throws -> TaskView? {
        guard let document = demo.mesh.document else { return nil }
        let (begun, writers) = (ContinuousClock().now, load.writers.count)
        let (found, seconds) = try await demo.timed { () -> Join in
            let (plan, result) = try await demo.apply(document, reason: "demo: west joins", options: inFlight)
            guard let task = result.task else { return Join(plan: plan) }
            let (isMiddle, detail) = try await killReceiver(demo, task)
            return Join(plan: plan, task: try await demo.waitForTask(task.id), isMiddle: isMiddle, detail: detail)
        }
        let task = found.task
        demo.record(
            "rebalance", "a fourth partition joins, and its share of the fleet moves to it", task?.isComplete == true,
            seconds, task.map { TaskText.line($0) } ?? "no task was begun: \(found.plan.diff.summary)")
        demo.record(
            "rebalance", "though one side is killed -9 in the middle", found.isMiddle && task?.isComplete == true, 0,
            found.detail)
        _ = try await demo.waitForAnswers(20 * writers, of: load)
        let (answered, pause) = (await load.firstAnswer(after: begun), await load.longestPause(after: begun))
        demo.record(
            "rebalance", "writes go on meanwhile", answered != nil, pause,
            "\(Plural.text(found.plan.movedEnvoys, "envoy")) in \(Plural.text(found.plan.moves.count, "slice")) "
                + "moved, longest pause \(DemoScore.time(pause))")
        let whole = try await demo.waitForRedundancy(demo.joining)
        demo.record(
            "rebalance", "the killed side is whole again", whole != nil, 0,
            whole.map { "primary \($0.primary ?? "-"), \($0.inSync) in sync" } ?? "not in time")
        return task
    }

    /// What came of the fourth partition's joining.
    private struct Join {
        let plan: TopologyPlan
        var task: TaskView?
        /// Whether the kill hit a task that had moved some slices, and not all.
        var isMiddle = false
        var detail = "nobody was killed"
    }

    /// Kills the primary of the partition that is given slices, once a third of them is there, and starts it again.
    private static func killReceiver(_ demo: DemoRun, _ task: TaskView) async throws -> (isMiddle: Bool, String) {
        let west = try await demo.view(demo.joining, at: demo.mesh.bolts[0])
        let victim = try demo.bolt(west?.primary)
        let third = try await demo.waitForTask(task.id) { $0.isOver || $0.progress.done * 3 > $0.progress.moves }
        try await demo.kill9(victim)
        try demo.start(victim)
        guard let third else { return (false, "nobody said how far the task was") }
        let moved = "\(third.progress.done) of \(third.progress.moves)"
        return (!third.isOver && third.progress.done > 0, "\(victim.fullName) killed when \(moved) were there")
    }

    /// Everything back: as a planned move, nobody's check-in fails.
    private static func goBack(_ demo: DemoRun, _ task: TaskView, _ load: DemoLoad, _ writers: Int) async throws {
        let (begun, failed) = (ContinuousClock().now, await load.failures().count)
        let (last, seconds) = try await demo.timed { () -> TaskView? in
            _ = try await demo.reverse(task, reason: "demo: and back")
            return try await demo.waitForTask(task.id) { $0.isOver && $0.isReversed }
        }
        demo.record(
            "rebalance", "it goes back", last?.isComplete == true && last?.isReversed == true, seconds,
            last.map { TaskText.line($0) } ?? "nobody says how it stands")
        _ = try await demo.waitForAnswers(20 * writers, of: load)
        let failures = await load.failures().dropFirst(failed)
        let pause = await load.longestPause(after: begun)
        demo.record(
            "rebalance", "no check-in failed meanwhile", failures.isEmpty, pause,
            failures.first ?? "longest pause \(DemoScore.time(pause))")
        try await demo.recordSlices("rebalance", "every slice is back, and has one owner")
    }
}
