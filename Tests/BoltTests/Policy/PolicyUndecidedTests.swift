import BoltAPI
import CRDT
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// What operators are answered, and shown after that, where what became of their change is not known at once: the
/// journal does not say in time, or what the service worked with was given up meanwhile.
struct PolicyUndecidedTests {
    /// What comes between a change and its answer.
    enum Trouble: CaseIterable {
        /// The journal has it, and says that it may yet come to be.
        case undecided
        /// The reign is read from the tables again.
        case forgotten
    }

    private struct NothingIsDue: Error {}

    /// What a change is answered that has this trouble while a flush of the journal holds it up; nil for a success.
    private func answer(
        _ bed: PolicyBed, _ trouble: Trouble, _ change: @escaping @Sendable () async throws -> Void
    ) async throws -> Problem? {
        let entry = entry("audit.note")
        let flush = await bed.partition.read { service in
            service.settleDisk()
            service.begin([.audit(entry)], level: .local) { _ in }
            defer { service.due = nil }
            return service.due
        }
        guard let flush else { throw NothingIsDue() }
        let told = Task { () -> Problem? in
            do {
                try await change()
                return nil
            } catch { return error as? Problem ?? Problem(.internalError, "\(error)") }
        }
        try await wait("it is being written") { await bed.partition.read { $0.writes.count } == 2 }
        if trouble == .forgotten { await bed.policy.read { $0.forgetReign() } }
        await bed.partition.read { service in
            if trouble == .undecided { service.endWaiting() }
            service.due = flush
            service.settleDisk()
        }
        return await told.value
    }

    private func entry(_ action: String) -> AuditEntry {
        AuditEntry(at: WallClock.now(), actor: "operator/ada", action: action, object: "north", reason: "a test")
    }

    /// A machine that has `r1`, and another that is given it when that one told.
    private func bed() async throws -> PolicyBed {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        try await bed.publish(PolicyBed.files(motd: "one", rollout: "rollout:\n  max_concurrent: 1\n"))
        return bed
    }

    private func run() throws -> PushRun {
        let facts = PushFacts(
            id: PrincipalID(high: 9, low: 1), actor: "operator/ada", reason: "", revision: "r1", kind: .applyNow,
            pauseSeconds: 0, beganAt: WallClock.now())
        return try #require(PushRun(facts, PushPlan(envoys: [PolicyBed.envoy(1)], batchSize: 1)))
    }

    @Test(
        "A freeze that may have come to be is shown as the journal has it, now and not with the next primary",
        .timeLimit(.minutes(1)), arguments: Trouble.allCases)
    func freeze(trouble: Trouble) async throws {
        let bed = try await bed()
        let (policy, entry) = (bed.policy, entry("stack.freeze"))
        let freeze = PolicyFreeze(isFrozen: true, reason: "the fair", who: "operator/ada", at: WallClock.now())
        let problem = try await answer(bed, trouble) { _ = try await policy.freeze(freeze, audit: entry) }
        #expect(problem?.changed == (trouble == .undecided ? true : nil))
        await bed.policy.look()
        #expect(await bed.policy.read { $0.reign?.freeze?.reason } == "the fair")
        await bed.close()
    }

    @Test(
        "A roll-out that may be held is shown as the journal has it, and is not said to be another version's",
        .timeLimit(.minutes(1)), arguments: Trouble.allCases)
    func pause(trouble: Trouble) async throws {
        let bed = try await bed()
        let (policy, entry) = (bed.policy, entry("rollout.pause"))
        let problem = try await answer(bed, trouble) {
            _ = try await policy.changeRollout(.pause, audit: entry, dryRun: false)
        }
        #expect(problem?.changed == true && problem?.code == .noPrimary)
        await bed.policy.look()
        #expect(await bed.policy.read { $0.rolloutView()?.state } == .paused)
        await bed.close()
    }

    @Test(
        "A push whose end may be written is over as the journal has it", .timeLimit(.minutes(1)),
        arguments: Trouble.allCases)
    func abort(trouble: Trouble) async throws {
        let bed = try await bed()
        let (policy, entry, run) = (bed.policy, entry("envoy.push-abort"), try run())
        _ = try await policy.begin(run, audit: self.entry("envoy.push"))
        let problem = try await answer(bed, trouble) {
            _ = try await policy.abort(push: run.facts.id, reason: "enough", audit: entry)
        }
        #expect(problem?.changed == (trouble == .undecided ? true : nil))
        await bed.policy.look()
        #expect(await bed.policy.read { $0.pushView(run.facts.id)?.state } == .aborted)
        await bed.close()
    }

    @Test(
        "A push that is written is never answered with 'nothing was changed'", .timeLimit(.minutes(1)),
        arguments: Trouble.allCases)
    func begin(trouble: Trouble) async throws {
        let bed = try await bed()
        let (policy, entry, run) = (bed.policy, entry("envoy.push"), try run())
        let problem = try await answer(bed, trouble) { _ = try await policy.begin(run, audit: entry) }
        #expect(problem?.changed == true && problem?.detail.contains("nothing was changed") == false)
        await bed.policy.look()
        #expect(await bed.policy.read { $0.pushView(run.facts.id)?.state } == .running)
        await bed.close()
    }

    @Test("A version that is written is never answered with 'nothing was changed'", .timeLimit(.minutes(1)))
    func publish() async throws {
        let bed = try await bed()
        let (policy, brought) = (bed.policy, try bed.policy.brought(PolicyBed.files(motd: "two")))
        let publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: brought.digest, revision: "r2", who: "operator/ada",
            note: "a test")
        let problem = try await answer(bed, .forgotten) {
            _ = try await policy.publish(brought, as: publication, dryRun: false)
        }
        #expect(problem?.changed == true && problem?.detail.contains("nothing was changed") == false)
        await bed.policy.look()
        #expect(await bed.policy.read { $0.reign?.version?.revision } == "r2")
        await bed.close()
    }
}
