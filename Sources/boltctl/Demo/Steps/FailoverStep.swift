import BoltAPI
import BoltClient
import Spanner

/// A partition's primary is killed under load and its standby promoted: nothing that was called safe is lost.
@MainActor enum FailoverStep {
    static func run(_ demo: DemoRun) async throws {
        let (partition, envoys) = try await demo.busiestPartition()
        guard let before = try await demo.waitForRedundancy(partition) else {
            demo.record("failover", "a standby in sync", false, 30, "\(partition) has none")
            return
        }
        let old = try demo.bolt(before.primary)
        let standby = try demo.bolt(PartitionPromote.furthest(before))
        let load = try demo.load(envoys, of: partition)
        _ = try await demo.waitForAnswers(20 * envoys.count, of: load)
        let killed = ContinuousClock().now
        try await demo.kill9(old)
        let (answer, promotion) = try await demo.timed { try await promote(standby, of: partition, demo) }
        demo.record(
            "failover", "the standby is promoted after kill -9 of its primary", answer?.outcome == .done, promotion,
            "\(partition): \(old.fullName) → \(answer?.primary ?? "nobody"), epoch \(answer?.epoch?.shortText ?? "-")")
        _ = try await demo.waitForAnswers(20 * envoys.count, of: load)
        let answered = await load.firstAnswer(after: killed)
        let pause = await load.longestPause(after: killed)
        demo.record(
            "failover", "writes go on", answered != nil, pause,
            "\(envoys.count) writers, longest pause \(DemoScore.time(pause))")
        try demo.start(old)
        let (whole, back) = try await demo.timed { try await demo.waitForRedundancy(partition) }
        demo.record(
            "failover", "the old primary returns as a standby by itself", whole?.primary == standby.fullName, back,
            whole.map { "primary \($0.primary ?? "-"), \($0.inSync) in sync" } ?? "not in time")
        try await demo.recordLoad("failover", load)
    }

    /// Asks until the standby no longer hears its primary: a promotion beside a living one is refused.
    private static func promote(
        _ bolt: LocalBolt, of partition: PartitionName, _ demo: DemoRun
    ) async throws -> OperationResponse? {
        let client = try demo.mesh.session().client(of: bolt.bolt.address)
        defer { client.close() }
        return try await Waiting.until(seconds: 30, every: .milliseconds(20)) {
            do throws(ClientError) {
                let answer: OperationResponse = try await client.call(
                    .promote, [partition.text],
                    body: PromoteRequest(
                        operation: OperationID(
                            PrincipalID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))),
                        bolt: bolt.fullName, reason: "demo: the primary was killed"))
                return answer
            } catch {
                guard error.problem?.code == .primaryLives else { throw error }
                return nil
            }
        }
    }
}
