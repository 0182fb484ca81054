import BoltAPI
import Foundation
import Policy
import Spanner
import Synchronization
import Testing

@testable import Convergence
@testable import Envoy

/// Passes that the end of the agent cuts short, or that it no longer begins; and what is told beside a pass.
@Suite(.timeLimit(.minutes(1))) struct CutPassTests {
    private let owner = PolicyOwner()

    private func give(_ sequence: UInt64, _ text: String, by server: PolicyServer) throws {
        let layer = "layer: base\nresources:\n  - file: /etc/motd\n    content: \(text)\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(sequence, to: Machine.id, body: bytes), body: bytes)
    }

    private func resource(_ number: Int, _ outcome: PassResource.Outcome) -> PassResource {
        PassResource(id: "file:/\(number)", type: "file", outcome: outcome, microseconds: 1)
    }

    /// What a pass is told as that came to this.
    private func told(_ resources: [PassResource]) async throws -> PassRecord {
        let scratch = try Scratch()
        let server = PolicyServer()
        try give(1, "one", by: server)
        let report = PassReport(
            isDryRun: false, isConverged: false, microseconds: 1, counts: PassCounts(), resources: resources)
        _ = try await withAgent(scratch.state, server, policy: try Machine.work(SaidEnforcer(report: report))) {
            try await $0.runOnce()
        }
        return try #require(server.passes.first)
    }

    /// It was told as held, and counted as a success of the version on a machine that was only going down; or, where a
    /// program was ended, as a failure.
    @Test("Q1: a pass that the end of the agent cut short says so, whatever is left out of what is told of it")
    func cut() async throws {
        #expect(PassReport.cancelledCode == ResourceFailure.Code.cancelled.rawValue, "one word in both")
        var (late, ended) = (resource(9_000, .skipped), resource(9_001, .failed))
        late.reason = SkipReason.cancelled.rawValue
        ended.code = PassReport.cancelledCode
        // So many that there is no room for what was passed over.
        let many = try await told((0..<2_000).map { resource($0, .changed) } + [late])
        #expect(many.isCut == true && !many.succeeded && !many.isTelling)
        #expect(many.report?.resources.contains { $0.reason != nil } == false)
        let one = try await told([ended])
        #expect(one.isCut == true && !one.isTelling)
        var waiting = resource(1, .skipped)
        waiting.reason = SkipReason.disruptiveWaits.rawValue
        let whole = try await told([waiting])
        #expect(whole.isCut == nil && whole.succeeded && whole.isTelling)
    }

    /// One was begun, found all of its resources cancelled, and was told; beside reports nobody was left to make it,
    /// and the agent waited for its end.
    @Test(
        "an agent that is told to end while it reports begins no pass; the next round makes it",
        arguments: [true, false])
    func notBegun(isLasting: Bool) async throws {
        let scratch = try Scratch()
        let isFirst = Mutex(true)
        let (enforcer, server) = (
            FakeEnforcer(),
            PolicyServer { what in
                let isEnd = isFirst.withLock { first in
                    defer { first = false }
                    return first && what == "check-in"
                }
                if isEnd { withUnsafeCurrentTask { $0?.cancel() } }
            }
        )
        try give(1, "one", by: server)
        try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { agent in
            let ending = Task {
                if isLasting { try await agent.run() } else { _ = try await agent.runOnce() }
            }
            try await ending.value
            #expect(await agent.policyInForce?.sequence == 1, "what came is kept")
            #expect(await agent.lastPass == nil)
            #expect(enforcer.calls.isEmpty && server.passes.isEmpty)
            _ = try await agent.runOnce()
            #expect(await agent.lastPass?.outcome == .changed)
        }
        #expect(enforcer.calls.count == 1 && server.passes.map(\.sequence) == [1])
    }

    /// `run --once` ended with 0: it looked at the pass over the policy of before alone.
    @Test("a policy that is refused is what is the matter, also where the one before is applied in the same round")
    func refused() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        try give(5, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            _ = try await agent.runOnce()
            #expect(await agent.policyTrouble == nil)
            server.state.withLock {
                $0.said = CheckInPolicy(state: .changed, sequence: 6, grant: [7, 7, 7])
            }
            await agent.makeDue()
            _ = try await agent.runOnce()
            #expect(await agent.policyTrouble?.code == .malformed)
            #expect(await agent.lastPass?.outcome == .changed, "what was made is shown all the same")
            server.state.withLock { $0.said = nil }
            _ = try await agent.runOnce()
            #expect(await agent.policyTrouble == nil, "it is over")
        }
        #expect(server.passes.map { $0.trouble != nil } == [false, true, false], "in the order in which it was")
        #expect(server.passes.map(\.at.milliseconds) == server.passes.map(\.at.milliseconds).sorted())
    }
}

/// An enforcer whose passes come to what it is told to say.
private struct SaidEnforcer: PolicyEnforcer {
    let isDryRun = false
    let report: PassReport

    func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble> {
        .success(report)
    }
}
