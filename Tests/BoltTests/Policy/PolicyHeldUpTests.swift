import BoltAPI
import CRDT
import Foundation
import Identity
import Spanner
import SpannerTestKit
import Testing

@testable import Bolt

/// A machine whose policy cannot be made keeps what it has, and is told as held up wherever somebody asks: it holds the
/// leaf that it is to have by the head in force, and was told as up to date for that.
struct PolicyHeldUpTests {
    /// A machine that has the version before, and for which the one in force cannot be made; another that has it.
    private func heldUp() async throws -> (bed: PolicyBed, held: HeldPolicy) {
        let bed = try await PolicyBed()
        bed.admit([
            PolicyBed.member(1), PolicyBed.member(2, group: "db", key: SealingKey.generate().publicKey),
        ])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let held = PolicyBed.held(try #require(try bed.word(2).grant))
        _ = try bed.word(2, held)
        try await bed.publish(PolicyBed.files(motd: "two", secret: true), as: "r2")
        return (bed, held)
    }

    private func run(_ envoys: [UInt64], id: UInt64 = 9) throws -> PushRun {
        let facts = PushFacts(
            id: PrincipalID(high: 9, low: id), actor: "operator/ada", reason: "", revision: "r2", kind: .applyNow,
            pauseSeconds: 0, beganAt: WallClock.now())
        return try #require(PushRun(facts, PushPlan(envoys: envoys.map { PolicyBed.envoy($0) }, batchSize: 2)))
    }

    private var entry: AuditEntry {
        AuditEntry(at: WallClock.now(), actor: "operator/ada", action: "envoy.push", object: "envoys", reason: "")
    }

    @Test("A machine that is held up is told why when it checks in, whatever it holds", .timeLimit(.minutes(1)))
    func checkIn() async throws {
        let (bed, held) = try await heldUp()
        for holding in [held, HeldPolicy()] {
            let word = try bed.word(2, holding)
            guard holding == held else {
                #expect(word.state == .changed, "what could be made for it is better than nothing")
                continue
            }
            #expect(word.state == .withheld && word.grant == nil)
            #expect(word.reason?.contains("nothing was changed: secret db/password is missing") == true)
            let told = try APIJSON.decode(CheckInPolicy.self, from: Data(word.json(box: []).utf8))
            #expect(told.state == .withheld && told.reason == word.reason && told.beacon != nil)
        }
        // One that never had anything.
        bed.admit([PolicyBed.member(3, group: "db", key: SealingKey.generate().publicKey)])
        try await wait("it was looked at") {
            await bed.policy.look()
            return try bed.word(3).state == .withheld
        }
        #expect(try bed.word(3).reason?.contains("secret db/password is missing") == true)
        #expect(PolicyWord.withheld(String(repeating: "x", count: 9_000)).utf8.count < 600)
        await bed.close()
    }

    @Test("Operators see that it is held up, why, and which version it has", .timeLimit(.minutes(1)))
    func shown() async throws {
        let (bed, held) = try await heldUp()
        _ = try bed.word(2, held)
        let view = try #require(try await bed.policy.envoyView(of: PolicyBed.envoy(2)))
        #expect(!view.isGiven && !view.isCurrent && view.held == view.leaf)
        #expect(view.heldUp?.contains("secret db/password is missing") == true)
        #expect(view.heldSequence == 1 && view.heldRevision == "r1" && view.revision == "r2")
        #expect(view.isReported == true)
        let other = try #require(try await bed.policy.envoyView(of: PolicyBed.envoy(1)))
        #expect(other.isGiven && other.heldUp == nil)
        #expect(bed.policy.board.currentCount() == 0, "neither has what it is to have")
        // A number that was never given here was shown as the newest revision's.
        _ = try bed.word(2, HeldPolicy(leaf: held.leaf, sequence: 500))
        let foreign = try #require(try await bed.policy.envoyView(of: PolicyBed.envoy(2)))
        #expect(foreign.heldSequence == 500 && foreign.heldRevision == nil && foreign.revision == "r2")
        await bed.close()
    }

    @Test("A roll-out counts it, and is not done with it", .timeLimit(.minutes(1)))
    func rollout() async throws {
        let (bed, _) = try await heldUp()
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(1, of: 2)])
        let view = try #require(await bed.policy.read { $0.rolloutView() })
        #expect(view.state == .finished && view.envoys == 2 && view.succeeded == 1 && view.heldUp == 1)
        #expect(view.underway == 0)
        // Where another head has come meanwhile, a pass under it is still of the version before.
        await bed.policy.heard(PolicyBed.envoy(2), [PolicyBed.pass(1, of: 2)])
        #expect(await bed.policy.read { $0.rolloutView()?.succeeded } == 1)
        await bed.close()
    }

    @Test("A push is refused where all are held up, and counts one as failed, never as done", .timeLimit(.minutes(1)))
    func pushed() async throws {
        let (bed, held) = try await heldUp()
        let problem = await #expect(throws: Problem.self) {
            try await bed.policy.read { try $0.requireAble([PolicyBed.envoy(2)]) }
        }
        #expect(problem?.code == .pushRefused)
        #expect(problem?.detail.contains("web-2 is held up: secret db/password is missing") == true)
        try await bed.policy.read { try $0.requireAble([PolicyBed.envoy(1), PolicyBed.envoy(2)]) }
        let run = try run([1, 2])
        _ = try await bed.policy.begin(run, audit: entry)
        #expect(try bed.word(1).order != nil && bed.word(2, held).order == nil)
        let view = try #require(await bed.policy.read { $0.pushView(run.facts.id) })
        #expect(view.failed == 1 && view.failures.first?.reason.contains("held up: secret db/password") == true)
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(1, of: 2)])
        let over = try #require(await bed.policy.read { $0.pushView(run.facts.id) })
        #expect(over.state == .halted && over.succeeded == 1 && over.failed == 1)
        await bed.close()
    }

    /// It applies what it has, and tells that this succeeded.
    @Test(
        "Told to apply before the version came that cannot be made for it, it counts as failed too",
        .timeLimit(.minutes(1)))
    func overtaken() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(2, group: "db", key: SealingKey.generate().publicKey)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let run = try run([2])
        _ = try await bed.policy.begin(run, audit: entry)
        #expect(try bed.word(2).order != nil)
        try await bed.publish(PolicyBed.files(motd: "two", secret: true), as: "r2")
        await bed.policy.heard(PolicyBed.envoy(2), [PolicyBed.pass(1, of: 1)])
        let over = try #require(await bed.policy.read { $0.pushView(run.facts.id) })
        #expect(over.state == .halted && over.failures.first?.reason.contains("held up") == true)
        await bed.close()
    }

    /// A new machine, and all machines with `--at-once`, are given it before the roll-out knows of them.
    @Test("A roll-out is under way until those have told that were given it at once", .timeLimit(.minutes(1)))
    func atOnce() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        for (sequence, revision) in [(UInt64(1), "r1"), (2, "r2")] {
            try await bed.publish(PolicyBed.files(motd: revision), as: revision, immediately: sequence == 2)
            let view = try #require(await bed.policy.read { $0.rolloutView() })
            #expect(view.state == .running && view.underway == 1 && view.revision == revision)
            await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(sequence, of: sequence)])
            #expect(await bed.policy.read { $0.rolloutView()?.state } == .finished)
        }
        await bed.close()
    }
}
