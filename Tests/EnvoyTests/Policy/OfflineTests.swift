import BoltAPI
import Convergence
import CRDT
import Foundation
import Identity
import Logging
import Policy
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// What an agent does when no server answers: it goes on from what it has, with the machine as it is now (V7, Q1, Q2).
@Suite struct OfflineTests {
    private let owner = PolicyOwner()

    private func enforcer(_ scratch: Scratch) throws -> ConvergenceEnforcer {
        let root = scratch.file("root")
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        return ConvergenceEnforcer(
            ConvergenceOptions(root: root, stateDirectory: try scratch.state.makeConvergencePath()))
    }

    private func text(_ scratch: Scratch, _ name: String) -> String? {
        try? String(contentsOfFile: scratch.file("root/\(name)"), encoding: .utf8)
    }

    @Test("V7: with all bolts away a changed trait changes the file; each pass is told once, in order, at their return")
    func convergesOffline() async throws {
        let scratch = try Scratch()
        try scratch.state.make()
        let server = PolicyServer()
        let layer = """
            layer: base
            resources:
              - file: /rack
                content: "rack {{traits.custom.rack}}"
              - file: /large
                content: large
                when:
                  custom.rack: {at_least: 3}
            """
        let bytes = try policyBody(try Machine.facts(), layer: layer)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        let rack = Mutex<Int64>(1)
        let (enforcer, log) = (try enforcer(scratch), PassLog(scratch.state))
        let state = scratch.state
        func round() async throws -> EnvoyAgent.Pass {
            try await withAgent(
                state, server, policy: try Machine.work(enforcer, log: log),
                traits: { ["custom": .object(["rack": .integer(rack.withLock { $0 })])] }
            ) { try await $0.runOnce() }
        }
        _ = try await round()
        #expect(text(scratch, "rack") == "rack 1" && text(scratch, "large") == nil)
        server.state.withLock { $0.isAway = true }
        for number in [Int64(2), 3, 3] {
            rack.withLock { $0 = number }
            guard case .failed = try await round() else {
                Issue.record("somebody answered")
                return
            }
            #expect(text(scratch, "rack") == "rack \(number)")
        }
        #expect(text(scratch, "large") == "large")
        // What was changed by hand is put right, too.
        try "by hand".write(toFile: scratch.file("root/rack"), atomically: false, encoding: .utf8)
        _ = try await round()
        #expect(text(scratch, "rack") == "rack 3")
        server.state.withLock { $0.isAway = false }
        guard case .delivered = try await round() else {
            Issue.record("the bolts are back")
            return
        }
        let passes = server.passes
        #expect(passes.map(\.outcome) == [.changed, .changed, .changed, .unchanged, .changed, .unchanged])
        #expect(passes.map(\.isOffline) == [false, true, true, true, true, false])
        #expect(passes.map(\.at.milliseconds) == passes.map(\.at.milliseconds).sorted())
        #expect(passes[3].report?.resources.isEmpty == true && passes[3].report?.omitted == 2, "nothing new is short")
        #expect(log.last(10) == passes, "the machine has them too")
        #expect(try scratch.state.openQueue().held().items == 0)
    }

    // MARK: Disruptive resources

    private let disruptive = """
        layer: base
        resources:
          - file: /safe
            content: "{{traits.word}}"
          - exec: restart
            command: "echo {{traits.word}}"
            effect: disruptive
        """

    private func effects(_ call: FakeEnforcer.Call?) -> [String: ResourceEffect] {
        Dictionary(uniqueKeysWithValues: (call?.policy.resources ?? []).map { ($0.id.text, $0.effect) })
    }

    @Test("Q2: with the owner away nothing disruptive is begun but what was in force as it is; safe things go on")
    func disruptiveWaits() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let bytes = try policyBody(try Machine.facts(), layer: disruptive)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        let word = Mutex("a")
        let state = scratch.state
        func round(_ text: String, isAway: Bool) async throws -> PassRecord? {
            word.withLock { $0 = text }
            server.state.withLock { $0.isAway = isAway }
            return try await withAgent(
                state, server, policy: try Machine.work(enforcer),
                traits: { ["word": .string(word.withLock { $0 })] }
            ) { agent in
                _ = try await agent.runOnce()
                return await agent.lastPass
            }
        }
        #expect(try await round("a", isAway: false)?.outcome == .changed)
        #expect(enforcer.calls.last?.safeOnly == false)
        // As it was in force: it may be restored.
        #expect(try await round("a", isAway: true)?.outcome == .changed)
        #expect(enforcer.calls.last?.safeOnly == true && effects(enforcer.calls.last)["exec:restart"] == .safe)
        // Another one was never in force.
        let held = try await round("b", isAway: true)
        #expect(held?.outcome == .held && held?.isOffline == true)
        #expect(effects(enforcer.calls.last) == ["file:/safe": .safe, "exec:restart": .disruptive])
        // The owner is back: it is applied, and from then on it is what was in force.
        #expect(try await round("b", isAway: false)?.outcome == .changed)
        #expect(try await round("b", isAway: true)?.outcome == .changed)
        #expect(try await round("a", isAway: true)?.outcome == .held, "the one before is as new as any")
    }

    @Test("Q2: who is served by a sibling that covers is offline: it has no word of the owner's")
    func covered() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let bytes = try policyBody(try Machine.facts(), layer: disruptive)
        let grant = try owner.grant(1, to: Machine.id, body: bytes)
        server.state.withLock { state in
            state.body = bytes
            state.said = CheckInPolicy(
                state: .covered, sequence: 1, grant: Base64Bytes(grant.canonicalBytes), body: grant.leaf.body)
        }
        _ = try await withAgent(
            scratch.state, server, policy: try Machine.work(enforcer), traits: { ["word": .string("a")] }
        ) { try await $0.runOnce() }
        #expect(server.passes.last?.isOffline == true && enforcer.calls.last?.safeOnly == true)
        #expect(server.passes.last?.outcome == .held)
    }

    // MARK: Age

    private func age(
        _ expiry: PolicyExpiry, days: UInt64?, after: UInt64, isKnown: Bool = true
    ) async throws -> (record: PassRecord?, calls: [FakeEnforcer.Call], standing: String?) {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let day: UInt64 = 86_400
        var owner = owner
        owner.made = WallTime(milliseconds: 1_800_000_000_000)
        (owner.expiry, owner.maxAgeSeconds) = (expiry, days.map { $0 * day })
        let bytes = try policyBody(try Machine.facts(), layer: disruptive)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        let now = Mutex(owner.made)
        var work = try Machine.work(enforcer)
        work.now = { now.withLock { $0 } }
        work.window = .zero
        return try await withAgent(
            scratch.state, server, policy: work, traits: { ["word": .string("a")] }
        ) { agent in
            _ = try await agent.runOnce()
            server.state.withLock { $0.isAway = true }
            let made = owner.made.milliseconds
            now.withLock { $0 = WallTime(milliseconds: isKnown ? made + after * day * 1_000 : 5_000) }
            for _ in 1...3 {
                await agent.makeDue()
                _ = try await agent.runOnce(recording: false)
            }
            return (await agent.lastPass, enforcer.calls, scratch.state.history()?.policy?.version?.standing)
        }
    }

    @Test("a policy that is too old goes on, goes on with what is safe, or is applied no more, as its owner wants")
    func expiry() async throws {
        let last = try await age(.enforceLast, days: 30, after: 31)
        #expect(last.calls.count == 4 && last.standing == "expired (enforce-last)")
        #expect(last.record?.outcome == .held, "the window is over, so what is new and disruptive waits")
        let safe = try await age(.enforceSafe, days: 30, after: 31)
        #expect(safe.calls.count == 4 && safe.calls.last?.safeOnly == true)
        #expect(effects(safe.calls.last)["exec:restart"] == .disruptive)
        let stop = try await age(.stop, days: 30, after: 31)
        #expect(stop.calls.count == 1 && stop.record?.trouble?.contains("policy_expired") == true)
        #expect(try await age(.stop, days: 30, after: 29).calls.count == 4)
        #expect(try await age(.stop, days: nil, after: 10_000).calls.count == 4, "without an age it never expires")
    }

    @Test("three quarters of its age are told early; a clock that stands in 1970 knows no age and goes on")
    func warnings() async throws {
        #expect(try await age(.stop, days: 40, after: 29).standing == "fresh")
        #expect(try await age(.stop, days: 40, after: 31).standing == "aging")
        let unset = try await age(.stop, days: 40, after: 0, isKnown: false)
        #expect(unset.standing == "age unknown" && unset.calls.count == 4)
    }

    /// That it was too old was logged only where it went on, and as if it only grew old.
    @Test(
        "each change of the policy's age is logged once: what is done when it is too old, when its owner was heard",
        arguments: [PolicyExpiry.enforceLast, .enforceSafe, .stop])
    func ageIsLogged(expiry: PolicyExpiry) async throws {
        let (scratch, book) = (try Scratch(), LogBook())
        let server = PolicyServer()
        let (day, made): (UInt64, UInt64) = (86_400, 1_800_000_000_000)
        var owner = owner
        (owner.made, owner.maxAgeSeconds, owner.expiry) = (WallTime(milliseconds: made), 40 * day, expiry)
        let bytes = try policyBody(try Machine.facts(), layer: disruptive)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        let now = Mutex(owner.made)
        @Sendable func after(_ days: UInt64) -> WallTime { WallTime(milliseconds: made + days * day * 1_000) }
        var work = try Machine.work(FakeEnforcer())
        work.now = { now.withLock { $0 } }
        try await withAgent(
            scratch.state, server, logger: book.logger, policy: work, traits: { ["word": .string("a")] }
        ) { agent in
            _ = try await agent.runOnce()
            server.state.withLock { $0.isAway = true }
            for days in [29, 31, 32, 41, 42] as [UInt64] {
                now.withLock { $0 = after(days) }
                _ = try await agent.runOnce(recording: false)
                await agent.makeDue()
                _ = try await agent.runOnce(recording: false)
            }
            let version = try #require(scratch.state.history()?.policy?.version)
            #expect(version.maxAgeSeconds == 40 * day && version.expiry?.expiry == expiry)
            #expect(version.standing == "expired (\(PolicyExpiryWord(expiry).rawValue))")
            #expect(version.standing(now: after(43)) == version.standing)
            #expect(version.standing(now: after(31)) == "aging" && version.standing(now: after(1)) == "fresh")
            let beacon = owner.beacon(1, at: after(42))
            server.state.withLock { ($0.isAway, $0.beacon) = (false, beacon) }
            for _ in 1...2 { _ = try await agent.runOnce(recording: false) }
        }
        let told = book.lines.filter { $0.metadata["standing"] != nil }
        let words = "expired (\(PolicyExpiryWord(expiry).rawValue))"
        #expect(told.map { $0.metadata["standing"] } == ["aging", words, "fresh"])
        #expect(told.map(\.level) == [.warning, .warning, .notice])
        let heard = [made, made, after(42).milliseconds].map { TimeText.text(milliseconds: $0) }
        #expect(told.map { $0.metadata["owner.heard"] } == heard)
        let isStop = told.dropFirst().first?.metadata["then"]?.contains("nothing of it is applied")
        #expect(isStop == (expiry == .stop))
    }

    /// Its leaf was the same: no machine heard of such a version, nor of another owner's terms.
    @Test(
        "terms that changed alone are taken with a pass and without fetching the body again, and are obeyed",
        arguments: ["north", "south"])
    func termsAlone(of name: String) async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (PolicyServer(), FakeEnforcer())
        let (day, made): (UInt64, UInt64) = (86_400, 1_800_000_000_000)
        var owner = owner
        (owner.made, owner.maxAgeSeconds, owner.expiry) = (WallTime(milliseconds: made), 30 * day, .stop)
        let bytes = try policyBody(try Machine.facts(), layer: disruptive)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        (owner.name, owner.maxAgeSeconds) = (PartitionName(checked: name), 60 * day)
        let longer = try owner.grant(2, to: Machine.id, body: bytes)
        let now = Mutex(WallTime(milliseconds: made))
        var work = try Machine.work(enforcer)
        work.now = { now.withLock { $0 } }
        work.window = .zero
        let last = try await withAgent(
            scratch.state, server, policy: work, traits: { ["word": .string("a")] }
        ) { agent in
            _ = try await agent.runOnce()
            server.give(longer, body: bytes)
            _ = try await agent.runOnce()
            #expect(server.fetched == 1 && enforcer.calls.count == 2 && server.passes.map(\.sequence) == [1, 2])
            server.state.withLock { $0.isAway = true }
            for (days, calls) in [(31, 3), (61, 3)] as [(UInt64, Int)] {
                now.withLock { $0 = WallTime(milliseconds: made + days * day * 1_000) }
                await agent.makeDue()
                _ = try await agent.runOnce(recording: false)
                #expect(enforcer.calls.count == calls, "after \(days) days")
            }
            return await agent.lastPass
        }
        #expect(last?.trouble?.contains("policy_expired") == true)
    }
}
