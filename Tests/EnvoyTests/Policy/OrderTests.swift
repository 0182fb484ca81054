import BoltAPI
import CRDT
import Foundation
import Policy
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// Orders of an owner, and its words of freshness: each obeyed once, none that is not its own (S8).
@Suite struct OrderTests {
    private let owner = PolicyOwner()
    private let now = WallTime.now()

    private func given() throws -> PolicyServer {
        let server = PolicyServer()
        let layer = "layer: base\nresources:\n  - exec: restart\n    command: echo\n    effect: disruptive\n"
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        return server
    }

    /// The agent makes one pass by itself, and then only what it is told to.
    private func rounds(
        _ server: PolicyServer, _ enforcer: FakeEnforcer, _ steps: (EnvoyAgent) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer), steps)
    }

    @Test("S8: an order is carried out once, however often it comes")
    func once() async throws {
        let (server, enforcer) = (try given(), FakeEnforcer())
        try await rounds(server, enforcer) { agent in
            _ = try await agent.runOnce()
            _ = try await agent.runOnce()
            #expect(enforcer.calls.count == 1, "an hour is not over")
            server.state.withLock { $0.order = owner.order(1, to: Machine.id) }
            for _ in 1...3 { _ = try await agent.runOnce() }
            #expect(enforcer.calls.count == 2)
            server.state.withLock { $0.order = owner.order(2, to: Machine.id) }
            _ = try await agent.runOnce()
            #expect(enforcer.calls.count == 3)
            // The one before, again.
            server.state.withLock { $0.order = owner.order(1, to: Machine.id) }
            _ = try await agent.runOnce()
            #expect(enforcer.calls.count == 3)
        }
        #expect(server.passes.compactMap(\.trouble).isEmpty)
    }

    @Test("a pass that an order called for names its push; passes that were due by themselves name none")
    func named() async throws {
        let (server, enforcer) = (try given(), FakeEnforcer())
        let push = PrincipalID(high: 5, low: 6)
        try await rounds(server, enforcer) { agent in
            _ = try await agent.runOnce()
            server.state.withLock { ($0.order, $0.push) = (owner.order(1, to: Machine.id), push) }
            for _ in 1...2 { _ = try await agent.runOnce() }
            // A bolt that does not say.
            server.state.withLock { ($0.order, $0.push) = (owner.order(2, to: Machine.id), nil) }
            for _ in 1...2 { _ = try await agent.runOnce() }
        }
        #expect(server.passes.map(\.push) == [nil, push, nil])
    }

    @Test("S8: it is durable that an order was taken before it is carried out: a restart does not repeat it")
    func overRestart() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        server.state.withLock { $0.order = owner.order(1, to: Machine.id) }
        for _ in 1...2 {
            try await withAgent(
                scratch.state, server, closing: false, interval: .seconds(3_600), policy: try Machine.work(enforcer)
            ) { agent in
                _ = try await agent.runOnce()
                #expect(await agent.sightOfPolicy?.obeyed(of: owner.name) == 1)
            }
        }
        #expect(enforcer.calls.count == 2, "each start makes one pass, and the order no other")
    }

    @Test("an order of somebody else, for another machine, or whose time is over is refused and told")
    func refused() async throws {
        let late = owner.order(1, to: Machine.id, until: WallTime(milliseconds: 1_000))
        var forged = owner.order(1, to: Machine.id)
        forged[forged.count - 1] ^= 1
        let cases = [
            (owner.order(1, to: PrincipalID(high: 1, low: 1)), "policy_other_envoy"),
            (late, "policy_order_expired"), (forged, "policy_forged"), (Array(forged.dropLast()), "policy_malformed"),
        ]
        for (order, code) in cases {
            let (server, enforcer) = (try given(), FakeEnforcer())
            try await rounds(server, enforcer) { agent in
                _ = try await agent.runOnce()
                server.state.withLock { $0.order = order }
                for _ in 1...2 { _ = try await agent.runOnce() }
            }
            #expect(enforcer.calls.count == 1, "\(code)")
            #expect(server.passes.compactMap(\.trouble).filter { $0.contains(code) }.count == 1, "\(code)")
        }
    }

    /// A clock that the test sets.
    private final class HandClock: Sendable {
        private let milliseconds = Mutex<UInt64>(1_000)

        var now: WallTime { WallTime(milliseconds: milliseconds.withLock { $0 }) }

        func set(_ time: UInt64) { milliseconds.withLock { $0 = time } }
    }

    private func desk(_ store: PolicyCacheStore, _ clock: HandClock) throws -> PolicyDesk {
        var work = try Machine.work(FakeEnforcer())
        work.now = { clock.now }
        return try PolicyDesk(work, trust: PaperWitness.trust, store: store)
    }

    private func tell(_ desk: inout PolicyDesk, _ order: [UInt8], of push: PrincipalID? = nil) throws {
        let said = CheckInPolicy(state: .current, sequence: 1, order: Base64Bytes(order), push: push)
        try desk.hear(said, of: PolicyDesk.Owner(OwnerSight()), from: "a:1", isOwners: true)
    }

    /// It was judged when it was heard, and carried out whenever the pass before it was over: hours late.
    @Test("an order that waited behind a pass until its time was over calls for nothing, and does not come again")
    func late() throws {
        let (scratch, clock) = (try Scratch(), HandClock())
        let queue = try scratch.state.openQueue()
        var desk = try desk(queue.policy, clock)
        let order = owner.order(1, to: Machine.id, .applyDisruptive, until: WallTime(milliseconds: 60_000))
        try tell(&desk, order, of: PrincipalID(high: 1, low: 1))
        #expect(desk.isDue)
        clock.set(60_001)
        let none = desk.begin()
        #expect(none == nil && !desk.isDue)
        clock.set(2_000)
        try tell(&desk, order)
        let again = desk.begin()
        #expect(again == nil && desk.trouble == nil, "it was taken")
        try tell(&desk, owner.order(2, to: Machine.id, until: WallTime(milliseconds: 60_000)))
        clock.set(60_000)
        let last = desk.begin()
        #expect(last?.kind == .applyNow, "as long as it is time")
        try queue.close()
    }

    /// The later one took the place of the one that waited, and what was disruptive was held back.
    @Test("of two orders that wait the pass does what both allow, in the name of the later; in time, each by itself")
    func two() throws {
        let (scratch, clock) = (try Scratch(), HandClock())
        let queue = try scratch.state.openQueue()
        var desk = try desk(queue.policy, clock)
        let (first, second) = (PrincipalID(high: 1, low: 1), PrincipalID(high: 1, low: 2))
        try tell(&desk, owner.order(1, to: Machine.id, .applyDisruptive), of: first)
        try tell(&desk, owner.order(2, to: Machine.id), of: second)
        let both = desk.begin()
        #expect(both?.kind == .applyDisruptive && both?.push == second)
        let none = desk.begin()
        #expect(none == nil, "once")
        try tell(
            &desk, owner.order(3, to: Machine.id, .applyDisruptive, until: WallTime(milliseconds: 2_000)), of: first)
        try tell(&desk, owner.order(4, to: Machine.id), of: second)
        clock.set(2_001)
        let one = desk.begin()
        #expect(one?.kind == .applyNow && one?.push == second)
        try queue.close()
    }

    @Test("an order may call for what is disruptive though the owner's window is over")
    func disruptive() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        var work = try Machine.work(enforcer)
        work.window = .zero
        try await withAgent(scratch.state, server, interval: .seconds(3_600), policy: work) { agent in
            _ = try await agent.runOnce()
            #expect(enforcer.calls.last?.safeOnly == true)
            server.state.withLock { $0.order = owner.order(1, to: Machine.id, .applyDisruptive) }
            _ = try await agent.runOnce()
            #expect(enforcer.calls.last?.safeOnly == false)
        }
    }

    @Test("a word of freshness counts once it verifies and is newer; the same again harms nothing, a forged one does")
    func freshness() async throws {
        let (server, enforcer) = (try given(), FakeEnforcer())
        let later = WallTime(milliseconds: now.milliseconds + 30_000)
        try await rounds(server, enforcer) { agent in
            server.state.withLock { $0.beacon = owner.beacon(1, at: now) }
            for _ in 1...3 { _ = try await agent.runOnce() }
            #expect(await agent.sightOfPolicy?.beacon?.at == now)
            server.state.withLock { $0.beacon = owner.beacon(1, at: later) }
            _ = try await agent.runOnce()
            #expect(await agent.sightOfPolicy?.beacon?.at == later)
            var forged = owner.beacon(1, at: WallTime(milliseconds: later.milliseconds + 1))
            forged[forged.count - 1] ^= 1
            server.state.withLock { $0.beacon = forged }
            _ = try await agent.runOnce()
            #expect(await agent.sightOfPolicy?.beacon?.at == later)
        }
        #expect(server.passes.compactMap(\.trouble).map { $0.contains("policy_forged") } == [true])
    }

    @Test("an agent that rests is woken by news, and asks again; a wait that brings nothing new is not repeated")
    func woken() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        let (signal, heard) = AsyncStream<Int>.makeStream()
        server.state.withLock { $0.news = 1 }
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer),
            traits: {
                heard.yield(0)
                return [:]
            }
        ) { agent in
            let running = Task { try await agent.run() }
            var rounds = 0
            // Each round reads the traits: the first by itself, the second because of the news.
            for await _ in signal {
                rounds += 1
                if rounds == 2 { break }
            }
            running.cancel()
            try await running.value
        }
        #expect(server.state.withLock { $0.waits } >= 1)
    }

    @Test(
        "an order that came as news is none that was for nothing: the next is waited for at once",
        .timeLimit(.minutes(1)))
    func wokenByOrders() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        let (signal, heard) = AsyncStream<Int>.makeStream()
        let rounds = Mutex(0)
        server.state.withLock { $0.news = 2 }
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer),
            traits: {
                let round = rounds.withLock { count in
                    count += 1
                    return count
                }
                if round == 2 { server.state.withLock { $0.order = owner.order(1, to: Machine.id) } }
                heard.yield(round)
                return [:]
            }
        ) { agent in
            let running = Task { try await agent.run() }
            // Each news is followed by a round.
            for await _ in signal where server.state.withLock({ $0.waits }) >= 2 { break }
            running.cancel()
            try await running.value
            #expect(await agent.sightOfPolicy?.obeyed(of: owner.name) == 1)
        }
    }
}

extension EnvoyAgent {
    /// What it saw of its owner's policy.
    var sightOfPolicy: PolicySight? { desk?.sight }
}
