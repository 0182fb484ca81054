import BoltAPI
import CRDT
import Spanner

/// A fourth partition joins under load, a third of the fleet moves to it, and back, with one side killed on the way.
@MainActor enum RebalanceStep {
    /// Slices on their way at once: few enough that a kill hits the middle.
    private static let inFlight = ["--slices-in-flight", "4"]

    static func run(_ demo: DemoRun) async throws {
        let names = try await demo.names(at: demo.mesh.bolts[0])
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

    /// The fourth partition gets its share. Gives the task, where one was begun.
    private static func join(_ demo: DemoRun, _ load: DemoLoad) async throws -> TaskView? {
        guard let document = demo.mesh.document else { return nil }
        let (begun, writers) = (ContinuousClock().now, load.writers.count)
        let (found, seconds) = try await demo.timed { () -> (plan: TopologyPlan, task: TaskView?) in
            let (plan, result) = try await demo.apply(document, reason: "demo: west joins", options: inFlight)
            guard let task = result.task else { return (plan, nil) }
            return (plan, try await demo.waitForTask(task.id))
        }
        let task = found.task
        demo.record(
            "rebalance", "a fourth partition joins, and its share of the fleet moves to it",
            task?.isComplete == true, seconds,
            task.map { TaskText.line($0) } ?? "no task was begun: \(found.plan.diff.summary)")
        _ = try await demo.waitForAnswers(20 * writers, of: load)
        let (failures, pause) = (await load.failures(), await load.longestPause(after: begun))
        demo.record(
            "rebalance", "no check-in failed meanwhile", failures.isEmpty, pause,
            failures.first
                ?? "\(Plural.text(found.plan.movedEnvoys, "envoy")) in \(Plural.text(found.plan.moves.count, "slice")) "
                + "moved, longest pause \(DemoScore.time(pause))")
        return task
    }

    /// Everything back, while the partition that hands on loses its primary.
    private static func goBack(_ demo: DemoRun, _ task: TaskView, _ load: DemoLoad, _ writers: Int) async throws {
        let (found, seconds) = try await demo.timed { () -> (TaskView?, String) in
            _ = try await demo.reverse(task, reason: "demo: and back")
            let half = try await demo.waitForTask(task.id) { $0.isOver || $0.progress.done * 3 > $0.progress.moves }
            let west = try await demo.view(demo.joining, at: demo.mesh.bolts[0])
            let victim = try demo.bolt(west?.primary)
            try await demo.kill9(victim)
            try demo.start(victim)
            let moved = half.map { "\($0.progress.done) of \($0.progress.moves)" } ?? "none"
            return (try await demo.waitForTask(task.id), "\(victim.fullName) killed when \(moved) were back")
        }
        let (last, detail) = found
        demo.record(
            "rebalance", "it goes back, though one side is killed -9 in the middle",
            last?.isComplete == true && last?.isReversed == true, seconds,
            "\(detail); \(last.map { TaskText.line($0) } ?? "nobody says how it stands")")
        let whole = try await demo.waitForRedundancy(demo.joining)
        demo.record(
            "rebalance", "the killed side is whole again", whole != nil, 0,
            whole.map { "primary \($0.primary ?? "-"), \($0.inSync) in sync" } ?? "not in time")
        _ = try await demo.waitForAnswers(20 * writers, of: load)
        try await demo.recordSlices("rebalance", "every slice is back, and has one owner")
    }
}
