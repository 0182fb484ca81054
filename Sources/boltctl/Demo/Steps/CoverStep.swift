import BoltAPI
import Spanner

/// A whole partition is killed under load: the others keep what is sent to it, and bring it when it is back.
@MainActor enum CoverStep {
    /// Answers that each writer is to have of bolts that keep its results for the partition that is away.
    private static let answers = 10

    static func run(_ demo: DemoRun) async throws {
        let (partition, envoys) = try await demo.busiestPartition()
        guard try await demo.waitForRedundancy(partition) != nil else {
            demo.record("cover", "a standby in sync", false, 30, "\(partition) has none")
            return
        }
        let bolts = demo.mesh.bolts.filter { $0.partition == partition }
        let load = try demo.loadEverywhere(envoys)
        _ = try await demo.waitForAnswers(20 * envoys.count, of: load)
        try await waitForSafety(load)
        let killed = ContinuousClock().now
        for bolt in bolts { try await demo.kill9(bolt) }
        let (isCovered, wait) = try await demo.timed { try await waitForCover(load) }
        let pause = await load.longestPause(after: killed)
        demo.record(
            "cover", "a whole partition is killed -9, and its machines' results are kept by the others", isCovered,
            wait,
            "\(bolts.map(\.fullName).joined(separator: ", ")) killed under \(envoys.count) writers, longest pause "
                + DemoScore.time(pause))
        // Nobody sends any more: what arrives from here on comes from the bolts that kept it.
        await load.stop()
        for bolt in bolts { try demo.start(bolt) }
        let (whole, back) = try await demo.timed { try await demo.waitForRedundancy(partition, seconds: 60) }
        demo.record(
            "cover", "the partition comes back by itself", whole != nil, back,
            whole.map { "primary \($0.primary ?? "-"), \($0.inSync) in sync" } ?? "not in time")
        let (isDelivered, delivery) = try await demo.timed { try await waitForDelivery(load) }
        let count = await kept(load)
        demo.record(
            "cover", "what was kept reaches it, without its senders", isDelivered, delivery,
            "\(count) results brought by bolts of other partitions")
        try await demo.recordLoad("cover", load)
        let isOnce = await load.isEachThereOnce()
        demo.record("cover", "every result is there once, in order", isOnce, 0, "\(envoys.count) queues without a hole")
    }

    /// Until every writer was told of results that are safe: from then on only who keeps them for another tells none.
    private static func waitForSafety(_ load: DemoLoad) async throws {
        let _: Bool? = try await Waiting.until(seconds: 30, every: .milliseconds(5)) {
            for writer in load.writers {
                guard await writer.safe > 0 else { return nil }
            }
            return true
        }
    }

    private static func waitForCover(_ load: DemoLoad) async throws -> Bool {
        let done: Bool? = try await Waiting.until(seconds: 60, every: .milliseconds(5)) {
            await load.keptAnswers() >= answers ? true : nil
        }
        return done ?? false
    }

    private static func waitForDelivery(_ load: DemoLoad) async throws -> Bool {
        let done: Bool? = try await Waiting.until(seconds: 90, every: .milliseconds(200)) {
            await load.isDelivered() ? true : nil
        }
        return done ?? false
    }

    /// Results of all writers that others kept.
    private static func kept(_ load: DemoLoad) async -> UInt64 {
        var sum: UInt64 = 0
        for writer in load.writers {
            let (through, safe) = (await writer.kept.through, await writer.safe)
            sum += through > safe ? through - safe : 0
        }
        return sum
    }
}
