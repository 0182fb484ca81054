import BoltAPI
import Foundation
import Logging
import Policy
import Spanner
import Synchronization
import Testing

@testable import Envoy

/// Passes that take long: reports go on beside them.
@Suite(.timeLimit(.minutes(1))) struct LongPassTests {
    private let owner = PolicyOwner()

    private func give(_ sequence: UInt64, _ text: String, by server: PolicyServer) throws {
        let layer = "layer: base\nresources:\n  - file: /etc/motd\n    content: \(text)\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(sequence, to: Machine.id, body: bytes), body: bytes)
    }

    /// An agent that reports again and again beside its first pass, which goes on until it is opened.
    private struct Scene: Sendable {
        let agent: EnvoyAgent
        let server: PolicyServer
        let enforcer: GatedEnforcer
        let asked: AsyncStream<String>

        /// Lets reports go on until it is so.
        func wait(until isSo: () async throws -> Bool) async rethrows {
            var requests = asked.makeAsyncIterator()
            while try await !isSo() { _ = await requests.next() }
        }
    }

    /// Calls `body` while the first pass goes on, then lets passes end, and the agent once it told of two.
    private func beside(
        in scratch: Scratch, logger: Logger? = nil, _ body: (Scene) async throws -> Void
    ) async throws -> PolicyServer {
        let (asked, tell) = AsyncStream<String>.makeStream()
        let (server, enforcer) = (PolicyServer { tell.yield($0) }, GatedEnforcer())
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .milliseconds(5), logger: logger ?? LogBook().logger,
            policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var begun = enforcer.begun.makeAsyncIterator()
            _ = await begun.next()
            let scene = Scene(agent: agent, server: server, enforcer: enforcer, asked: asked)
            try await body(scene)
            enforcer.open()
            await scene.wait { server.passes.count >= 2 }
            running.cancel()
            try await running.value
        }
        return server
    }

    @Test(
        "Q1: reports go on while a pass does; a policy that comes meanwhile is kept at once and has its turn after it")
    func reports() async throws {
        let scratch = try Scratch()
        let server = try await beside(in: scratch) { scene in
            let server = scene.server
            let before = server.state.withLock { $0.requests.count }
            await scene.wait { server.state.withLock { $0.requests.count } >= before + 3 }
            // Who looks only at reports sees nothing of a pass that hangs.
            #expect(scratch.state.history()?.policy?.passingSince != nil)
            try give(2, "two", by: server)
            await scene.wait { server.fetched >= 2 }
            await scene.wait { await scene.agent.policyInForce?.sequence == 2 }
            #expect(scene.enforcer.calls == 1, "no two passes at once")
            #expect(server.passes.isEmpty, "the pass is not over")
        }
        #expect(server.passes.prefix(2).map(\.sequence) == [1, 2], "each pass is told of the policy that it was of")
        #expect(server.passes.allSatisfy { $0.trouble == nil })
        #expect(scratch.state.history()?.policy?.passingSince == nil)
    }

    /// The push took what the pass under way came to as what its order had called for.
    @Test("a pass says which order was taken before it began: not the one that comes while it goes on")
    func orderMeanwhile() async throws {
        let push = PrincipalID(high: 5, low: 6)
        let server = try await beside(in: try Scratch()) { scene in
            scene.server.state.withLock { ($0.order, $0.push) = (owner.order(3, to: Machine.id), push) }
            await scene.wait { await scene.agent.sightOfPolicy?.obeyed(of: owner.name) == 3 }
        }
        #expect(server.passes.prefix(2).map(\.push) == [nil, push])
        #expect(server.passes.prefix(2).map(\.order) == [0, 3])
    }

    /// What became the matter while a pass went on was told before it, as of its beginning.
    @Test("what becomes the matter while a pass goes on is told after it")
    func troubleMeanwhile() async throws {
        let server = try await beside(in: try Scratch()) { scene in
            scene.server.state.withLock { $0.said = CheckInPolicy(state: .changed, sequence: 2, grant: [7]) }
            await scene.wait { await scene.agent.policyTrouble != nil }
        }
        let told = server.passes.prefix(2)
        #expect(told.map { $0.trouble?.contains("policy_malformed") } == [nil, true])
        #expect(told.map(\.at.milliseconds) == told.map(\.at.milliseconds).sorted())
    }

    /// For a whole round it said that the pass goes on, and what was stored before it.
    @Test("who looks at status between two rounds sees that the pass is over, and that what came of it is stored")
    func overMeanwhile() async throws {
        let scratch = try Scratch()
        let (asked, tell) = AsyncStream<String>.makeStream()
        let (server, enforcer) = (PolicyServer { tell.yield($0) }, GatedEnforcer())
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var requests = asked.makeAsyncIterator()
            // It waits for news once it rests.
            while await requests.next() != "wait" {}
            #expect(scratch.state.history()?.policy?.passingSince != nil)
            enforcer.open()
            while await requests.next() != "wait" {}
            let history = scratch.state.history()
            #expect(history?.policy?.passingSince == nil && history?.policy?.lastPass?.outcome == .changed)
            let stored = server.state.withLock { UInt64($0.stored.count) }
            #expect(server.passes.count == 1 && history?.stored?.storedThrough == stored)
            running.cancel()
            try await running.value
        }
    }

    @Test("a pass that hangs is warned of once, however often it is looked at, with how long it hangs")
    func hanging() async throws {
        let book = LogBook()
        _ = try await beside(in: try Scratch(), logger: book.logger) { scene in
            // The reports beside it look as well: now, when it has not gone on for long.
            for minutes in [11, 12, 60] { await scene.agent.notePassing(at: .now + .seconds(minutes * 60)) }
            try give(2, "two", by: scene.server)
        }
        let warnings = book.lines.filter { $0.message.contains("takes long") }
        #expect(warnings.count == 1 && warnings.first?.level == .warning)
        #expect(warnings.first?.metadata["minutes"] == "11")
    }

    @Test("a pass takes long after ten minutes and ten times the pause between two; each is told of by itself")
    func long() throws {
        var passes = PassesBeside()
        #expect(passes.toldLong(at: .now + .seconds(100_000), interval: .zero) == nil, "none is under way")
        for (interval, most) in [(1, 600), (60, 600), (61, 610), (3_600, 36_000)] {
            passes.isPassing = true
            let since = try #require(passes.since).instant
            func told(after seconds: Int) -> Duration? {
                passes.toldLong(at: since + .seconds(seconds), interval: .seconds(interval))
            }
            #expect(told(after: most) == nil)
            #expect(told(after: most + 1) == .seconds(most + 1))
            #expect(told(after: most * 2) == nil, "it was told")
            passes.isPassing = false
            #expect(told(after: most * 2) == nil, "it is over")
        }
    }

    @Test("an agent that is to end ends the pass that is under way, and keeps what came of it")
    func ended() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), GatedEnforcer())
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var begun = enforcer.begun.makeAsyncIterator()
            _ = await begun.next()
            #expect(await agent.lastPass == nil)
            running.cancel()
            try await running.value
            #expect(await agent.lastPass?.report != nil)
        }
        let incarnation = try #require(server.state.withLock { $0.requests.last?.queueIncarnation })
        let kept = try scratch.recordsAfterPowerCut(of: incarnation)
        #expect(kept.compactMap { PassRecord(resultBody: $0.body) }.map(\.sequence) == [1])
    }

    @Test("a single round waits for its pass")
    func once() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), GatedEnforcer())
        try give(1, "one", by: server)
        enforcer.open()
        try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { agent in
            guard case .delivered = try await agent.runOnce() else {
                Issue.record("it was not delivered")
                return
            }
        }
        #expect(server.passes.map(\.sequence) == [1])
    }
}

/// An enforcer whose passes go on until it is opened, or they are cancelled.
private final class GatedEnforcer: PolicyEnforcer, Sendable {
    let isDryRun = false
    /// A pass began.
    let begun: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation
    private let (gate, opening) = AsyncStream<Void>.makeStream()
    private let inner = FakeEnforcer()
    private let count = Mutex(0)

    init() { (begun, tell) = AsyncStream<Void>.makeStream() }

    /// Passes that began.
    var calls: Int { count.withLock { $0 } }

    /// From now on passes end at once.
    func open() { opening.finish() }

    func enforce(
        _ policy: ResolvedPolicy, secrets: [[UInt8]], safeOnly: Bool
    ) async -> Result<PassReport, PolicyTrouble> {
        count.withLock { $0 += 1 }
        tell.yield()
        for await _ in gate {}
        return await inner.enforce(policy, secrets: secrets, safeOnly: safeOnly)
    }
}
