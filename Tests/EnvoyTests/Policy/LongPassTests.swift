import BoltAPI
import Envoy
import Foundation
import Policy
import Spanner
import Synchronization
import Testing

/// Passes that take long: reports go on beside them.
@Suite(.timeLimit(.minutes(1))) struct LongPassTests {
    private let owner = PolicyOwner()

    private func give(_ sequence: UInt64, _ text: String, by server: PolicyServer) throws {
        let layer = "layer: base\nresources:\n  - file: /etc/motd\n    content: \(text)\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(sequence, to: Machine.id, body: bytes), body: bytes)
    }

    @Test(
        "Q1: reports go on while a pass does; a policy that comes meanwhile is kept at once and has its turn after it")
    func beside() async throws {
        let scratch = try Scratch()
        let (asked, tell) = AsyncStream<String>.makeStream()
        let (server, enforcer) = (PolicyServer { tell.yield($0) }, GatedEnforcer())
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .milliseconds(5), policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var begun = enforcer.begun.makeAsyncIterator()
            _ = await begun.next()
            var requests = asked.makeAsyncIterator()
            let before = server.state.withLock { $0.requests.count }
            while server.state.withLock({ $0.requests.count }) < before + 3 { _ = await requests.next() }
            // Who looks only at reports sees nothing of a pass that hangs.
            #expect(scratch.state.history()?.policy?.passingSince != nil)
            try give(2, "two", by: server)
            while server.fetched < 2 { _ = await requests.next() }
            while await agent.policyInForce?.sequence != 2 { _ = await requests.next() }
            #expect(enforcer.calls == 1, "no two passes at once")
            #expect(server.passes.isEmpty, "the pass is not over")
            enforcer.open()
            while server.passes.count < 2 { _ = await requests.next() }
            running.cancel()
            try await running.value
        }
        #expect(server.passes.prefix(2).map(\.sequence) == [1, 2], "each pass is told of the policy that it was of")
        #expect(server.passes.allSatisfy { $0.trouble == nil })
        #expect(scratch.state.history()?.policy?.passingSince == nil)
    }

    /// The push took what the pass under way came to as what its order had called for.
    @Test("a pass says which order was taken before it began: not the one that comes while it goes on")
    func orderMeanwhile() async throws {
        let scratch = try Scratch()
        let (asked, tell) = AsyncStream<String>.makeStream()
        let (server, enforcer) = (PolicyServer { tell.yield($0) }, GatedEnforcer())
        let push = PrincipalID(high: 5, low: 6)
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .milliseconds(5), policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var begun = enforcer.begun.makeAsyncIterator()
            _ = await begun.next()
            var requests = asked.makeAsyncIterator()
            server.state.withLock { ($0.order, $0.push) = (owner.order(3, to: Machine.id), push) }
            while await agent.sightOfPolicy?.obeyed(of: owner.name) != 3 { _ = await requests.next() }
            enforcer.open()
            while server.passes.count < 2 { _ = await requests.next() }
            running.cancel()
            try await running.value
        }
        #expect(server.passes.prefix(2).map(\.push) == [nil, push])
        #expect(server.passes.prefix(2).map(\.order) == [0, 3])
    }

    /// What became the matter while a pass went on was told before it, as of its beginning.
    @Test("what becomes the matter while a pass goes on is told after it")
    func troubleMeanwhile() async throws {
        let scratch = try Scratch()
        let (asked, tell) = AsyncStream<String>.makeStream()
        let (server, enforcer) = (PolicyServer { tell.yield($0) }, GatedEnforcer())
        try give(1, "one", by: server)
        try await withAgent(
            scratch.state, server, interval: .milliseconds(5), policy: try Machine.work(enforcer)
        ) { agent in
            let running = Task { try await agent.run() }
            var begun = enforcer.begun.makeAsyncIterator()
            _ = await begun.next()
            var requests = asked.makeAsyncIterator()
            server.state.withLock { $0.said = CheckInPolicy(state: .changed, sequence: 2, grant: [7]) }
            while await agent.policyTrouble == nil { _ = await requests.next() }
            enforcer.open()
            while server.passes.count < 2 { _ = await requests.next() }
            running.cancel()
            try await running.value
        }
        let told = server.passes.prefix(2)
        #expect(told.map { $0.trouble?.contains("policy_malformed") } == [nil, true])
        #expect(told.map(\.at.milliseconds) == told.map(\.at.milliseconds).sorted())
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
