import BoltAPI
import CRDT
import Spanner
import SpannerStore
import Testing

@testable import Bolt

/// Passes that say nothing of a version or a push: they were cut short, or began before the order was taken.
struct UntellingPassTests {
    private let facts = PushFacts(
        id: PrincipalID(high: 9, low: 9), actor: "operator/ada", reason: "", revision: "r1", kind: .applyNow,
        pauseSeconds: 0, beganAt: WallClock.now())

    /// A pass as an agent tells it.
    private func told(
        _ place: UInt64, of sequence: UInt64, failed: Int = 0, isCut: Bool?, push: PrincipalID? = nil
    ) throws -> [HeardPass] {
        var record = PassRecord(
            at: WallTime(milliseconds: 1), head: nil, sequence: sequence, body: nil, push: push, isOffline: false,
            report: PassReport(
                isDryRun: false, isConverged: failed == 0, microseconds: 1,
                counts: PassCounts(skipped: 1, failed: failed), resources: []))
        record.isCut = isCut
        return HeardPass.passes(in: [SequencedResult(sequence: place, body: try record.resultBody())])
    }

    /// Begins a push to machine 1. Returns the number of its order.
    private func push(_ bed: PolicyBed, through place: UInt64) async throws -> UInt64 {
        let run = try #require(PushRun(facts, PushPlan(envoys: [PolicyBed.envoy(1)], batchSize: 1)))
        let entry = AuditEntry(
            at: WallClock.now(), actor: "operator/ada", action: "envoy.push", object: "1 envoy", reason: "")
        _ = try await bed.policy.begin(run, audit: entry)
        return try SignedPolicyOrder(try #require(try bed.word(1, through: place).order)).order.sequence
    }

    /// A machine that went down within a pass was counted as one where the version is in force, or as one where it
    /// failed: a reboot could stop a roll-out.
    @Test(
        "A pass that was cut short is neither a success nor a failure of a version; the next one tells",
        .timeLimit(.minutes(1)))
    func rollout() async throws {
        let bed = try await PolicyBed()
        let rollout = "rollout:\n  max_concurrent: 1\n  max_fail: 0\n"
        bed.admit((1...2).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one", rollout: rollout))
        for number: UInt64 in 1...2 {
            await bed.policy.heard(PolicyBed.envoy(number), [PolicyBed.pass(1, of: 1)])
        }
        try await bed.publish(PolicyBed.files(motd: "two", rollout: rollout), as: "r2")
        for (place, failed) in [(UInt64(2), 0), (3, 1)] {
            await bed.policy.heard(PolicyBed.envoy(1), try told(place, of: 2, failed: failed, isCut: true))
            #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: PolicyBed.envoy(1)) } == .given)
        }
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.status.state } != .halted)
        await bed.policy.heard(PolicyBed.envoy(1), try told(4, of: 2, isCut: nil))
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: PolicyBed.envoy(1)) } == .succeeded)
        await bed.close()
    }

    @Test(
        "A push waits for the pass after one that was cut short, though that one named it", .timeLimit(.minutes(1)))
    func pushed() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let order = try await push(bed, through: 7)
        for (place, failed) in [(UInt64(8), 0), (9, 1)] {
            await bed.policy.heard(
                PolicyBed.envoy(1), try told(place, of: 1, failed: failed, isCut: true, push: facts.id))
        }
        let view = await bed.policy.read { $0.pushView(facts.id) }
        #expect(view?.succeeded == 0 && view?.failed == 0 && view?.isOver == false)
        // After the restart nothing but the order's number is known of it.
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(10, of: 1, order: order)])
        #expect(await bed.policy.read { $0.pushView(facts.id)?.succeeded } == 1)
        await bed.close()
    }

    /// Its place is after what had been told when the order was handed out: a report beside it took the order.
    @Test(
        "A pass that was under way when the order was taken is not the push's: the one after it is",
        .timeLimit(.minutes(1)), arguments: [true, false])
    func beside(isFailed: Bool) async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let order = try await push(bed, through: 7)
        await bed.policy.heard(
            PolicyBed.envoy(1), [PolicyBed.pass(8, of: 1, succeeded: !isFailed, order: order - 1)])
        let view = await bed.policy.read { $0.pushView(facts.id) }
        #expect(view?.succeeded == 0 && view?.failed == 0 && view?.isOver == false)
        #expect(try bed.word(1).order != nil, "the order stays")
        await bed.policy.heard(
            PolicyBed.envoy(1), [PolicyBed.pass(9, of: 1, succeeded: isFailed, push: facts.id, order: order)])
        let after = await bed.policy.read { $0.pushView(facts.id) }
        #expect(after?.succeeded == (isFailed ? 1 : 0) && after?.failed == (isFailed ? 0 : 1))
        await bed.close()
    }
}
