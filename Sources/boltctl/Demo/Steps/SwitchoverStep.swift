import BoltAPI
import BoltClient
import Spanner

/// A partition's primary is changed under load, planned: no write fails.
@MainActor enum SwitchoverStep {
    static func run(_ demo: DemoRun) async throws {
        let (partition, envoys) = try await demo.busiestPartition()
        guard let before = try await demo.waitForRedundancy(partition) else {
            demo.record("switchover", "a standby in sync", false, 30, "\(partition) has none")
            return
        }
        let old = try demo.bolt(before.primary)
        let load = try demo.load(envoys, of: partition)
        _ = try await demo.waitForAnswers(20 * envoys.count, of: load)
        let client = try demo.mesh.session().client(of: old.bolt.address)
        defer { client.close() }
        let begun = ContinuousClock().now
        let (answer, seconds) = try await demo.timed { () -> OperationResponse in
            try await client.call(
                .switchover, [partition.text],
                body: SwitchoverRequest(
                    operation: PartitionOperator.newOperation(), to: nil, reason: "demo: planned change"))
        }
        _ = try await demo.waitForAnswers(20 * envoys.count, of: load)
        demo.record(
            "switchover", "planned change of primary under load", answer.outcome == .done, seconds,
            "\(partition): \(old.fullName) → \(answer.primary ?? "nobody"), epoch \(answer.epoch?.shortText ?? "-")")
        let (failures, pause) = (await load.failures(), await load.longestPause(after: begun))
        demo.record(
            "switchover", "no write failed", failures.isEmpty, pause,
            failures.first ?? "\(envoys.count) writers, longest pause \(DemoScore.time(pause))")
        let (whole, wait) = try await demo.timed { try await demo.waitForRedundancy(partition) }
        demo.record(
            "switchover", "the old primary is a standby in sync", whole?.primary == answer.primary, wait,
            whole.map { "primary \($0.primary ?? "-"), \($0.inSync) in sync" } ?? "not in time")
        try await demo.recordLoad("switchover", load)
    }
}
