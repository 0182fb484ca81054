import BoltAPI
import CRDT
import Identity
import Policy
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// What comes between two turns of a partition's policy: a newer version, another operator, a machine that is gone.
struct PolicyTurnsTests {
    private static let oneByOne = "rollout:\n  max_concurrent: 1\n"

    private func entry(_ action: String) -> AuditEntry {
        AuditEntry(at: WallClock.now(), actor: "operator/ada", action: action, object: "north", reason: "a test")
    }

    /// Machines that are at `r1`, of which `r2` is given to the first.
    private func rollingOut(_ count: UInt64) async throws -> PolicyBed {
        let bed = try await PolicyBed()
        bed.admit((1...count).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one", rollout: PolicyTurnsTests.oneByOne))
        for number in 1...count { await bed.policy.heard(PolicyBed.envoy(number), [PolicyBed.pass(1, of: 1)]) }
        try await bed.publish(PolicyBed.files(motd: "two", rollout: PolicyTurnsTests.oneByOne), as: "r2")
        return bed
    }

    @Test("S8: turns left over from an earlier roll-out give nothing of the next version", .timeLimit(.minutes(1)))
    func leftOver() async throws {
        let bed = try await rollingOut(4)
        // A large roll-out gives in several writes: a version that came between them was given to all the rest.
        let given = await bed.policy.give((2...4).map { PolicyBed.envoy($0) })
        #expect(given == [])
        for number: UInt64 in 2...4 { #expect(try bed.word(number).state == .withheld) }
        let status = await bed.policy.read { $0.reign?.rollout?.machine.status }
        #expect(status?.given == 1 && status?.waiting == 3)
        #expect(await bed.policy.give([PolicyBed.envoy(1)]) == [PolicyBed.envoy(1)])
        await bed.close()
    }

    @Test("A machine that had its first version at once and died holds up no roll-out", .timeLimit(.minutes(1)))
    func newcomer() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        try await bed.publish(PolicyBed.files(motd: "one", rollout: PolicyTurnsTests.oneByOne))
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(1, of: 1)])
        await bed.policy.read { service in
            let long = ContinuousClock.now - PolicyServiceLimits.silence - .seconds(1)
            let waited = service.reign?.rollout?.givenAt.keys.sorted() ?? []
            #expect(waited == [PolicyBed.envoy(2)], "its clock runs from when it was given the version")
            for envoy in waited { service.reign?.rollout?.givenAt[envoy] = long }
        }
        await bed.policy.lookAfterRollout()
        let status = await bed.policy.read { $0.reign?.rollout?.machine.status }
        #expect(status?.silent == 1 && status?.given == 0 && status?.state == .finished)
        let view = await bed.policy.read { $0.rolloutView() }
        #expect(view?.silent == 1 && view?.failed == 0 && view?.underway == 0, "it did not fail: nobody heard of it")
        await bed.close()
    }

    @Test("What a waiting machine fails at is not the next version's failure", .timeLimit(.minutes(1)))
    func earlierFailure() async throws {
        let bed = try await rollingOut(3)
        await bed.policy.heard(PolicyBed.envoy(3), [PolicyBed.pass(2, of: 1, succeeded: false)])
        let view = await bed.policy.read { $0.reign?.rollout?.view(names: [:]) }
        #expect(view?.failed == 0 && view?.failures.isEmpty == true)
        await bed.close()
    }

    @Test("Of two operators who expect the same revision one is told that it moved", .timeLimit(.minutes(1)))
    func expected() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        @Sendable func change(_ motd: String) async -> Problem.Code? {
            do {
                let brought = try bed.policy.brought(PolicyBed.files(motd: motd))
                var publication = PolicyPublication(
                    files: brought.files, stack: brought.stack, digest: brought.digest, revision: motd,
                    who: "operator/\(motd)", note: "")
                publication.expected = "r1"
                _ = try await bed.policy.publish(brought, as: publication, dryRun: false)
                return nil
            } catch { return (error as? Problem)?.code ?? .internalError }
        }
        async let first = change("ada")
        async let second = change("bob")
        let codes = await [first, second]
        #expect(codes.count { $0 == nil } == 1 && codes.count { $0 == .stackMoved } == 1)
        #expect(await bed.policy.read { $0.reign?.version?.sequence } == 2)
        await bed.close()
    }

    @Test("A freeze holds back what was on its way when it came", .timeLimit(.minutes(1)))
    func frozen() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let brought = try bed.policy.brought(PolicyBed.files(motd: "two"))
        var publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: brought.digest, revision: "r2", who: "source/git",
            note: "")
        publication.yieldsToFreeze = true
        _ = try await bed.policy.freeze(
            PolicyFreeze(isFrozen: true, reason: "the fair", who: "operator/ada", at: WallClock.now()),
            audit: entry("stack.freeze"))
        let problem = await #expect(throws: Problem.self) {
            try await bed.policy.publish(brought, as: publication, dryRun: false)
        }
        #expect(problem?.code == .stackFrozen && problem?.changed == false)
        publication.yieldsToFreeze = false
        #expect(try await bed.policy.publish(brought, as: publication, dryRun: false).isChanged, "a rollback, say")
        await bed.close()
    }

    @Test("What nobody has any more goes when a roll-out is through", .timeLimit(.minutes(1)))
    func retired() async throws {
        let bed = try await rollingOut(2)
        let body = try await bed.partition.read { service in
            try service.store.tables.policy.hasRetirable(below: 1)
        }
        #expect(body, "the body of the first version")
        for number: UInt64 in 1...2 { await bed.policy.heard(PolicyBed.envoy(number), [PolicyBed.pass(2, of: 2)]) }
        for _ in 0..<3 { await bed.policy.look() }
        #expect(try await !bed.partition.read { try $0.store.tables.policy.hasRetirable(below: 1) })
        #expect(await bed.policy.read { $0.reign?.isRetireDue } == false)
        await bed.close()
    }

    @Test("S8: whoever holds more than a copy that was put back gets a head of its epoch", .timeLimit(.minutes(1)))
    func putBack() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let signed = try #require(await bed.policy.read { $0.reign?.head })
        // The same version as an earlier epoch signed it: what a restored partition begins with.
        let head = PolicyHead(
            partition: signed.head.partition, epoch: .none, sequence: signed.head.sequence, root: signed.head.root,
            count: signed.head.count, revision: signed.head.revision, made: signed.head.made)
        let earlier = SignedPolicyHead(
            head, warrant: signed.warrant, signature: bed.bolt.signer.sign(head.signedBytes(in: TestIdentity.mesh)))
        _ = try await bed.policy.journal([.policy(.head(sequence: head.sequence, earlier.canonicalBytes))])
        let next = bed.reborn()
        await next.look()
        #expect(await next.read { $0.reign?.head } == earlier, "nothing is signed anew without need")
        func word(_ held: HeldPolicy) -> PolicyWord? {
            next.board.word(for: PolicyBed.envoy(1), holding: held, isContested: false, now: WallClock.now())
        }
        _ = word(HeldPolicy(leaf: TestWitness().hash([9]), sequence: 7))
        await next.look()
        let grant = try #require(word(HeldPolicy(leaf: TestWitness().hash([9]), sequence: 7))?.grant)
        #expect(grant.signed.head.epoch == signed.head.epoch && grant.signed.head.sequence == 2)
        await next.look()
        #expect(await next.read { $0.reign?.sequence } == 2, "once in an epoch")
        await next.close()
        await bed.close()
    }

    @Test("A stack in force that cannot be read is said to hold up versions", .timeLimit(.minutes(1)))
    func unreadable() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let hadStack = await bed.policy.read { service in
            defer { service.reign?.stack = nil }
            return service.reign?.stack != nil
        }
        #expect(hadStack)
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        await bed.policy.look()
        #expect(await bed.policy.read { $0.alarms().map(\.code) } == ["policy_held"])
        await bed.close()
    }

    // MARK: - Pushes

    private func run(_ number: UInt64) throws -> PushRun {
        let facts = PushFacts(
            id: PrincipalID(high: 9, low: number), actor: "operator/ada", reason: "", revision: "r1", kind: .applyNow,
            pauseSeconds: 0, beganAt: WallClock.now())
        return try #require(PushRun(facts, PushPlan(envoys: [PolicyBed.envoy(1)], batchSize: 1)))
    }

    @Test("Of two pushes that come together one begins", .timeLimit(.minutes(1)))
    func pushes() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let (one, two) = (try run(1), try run(2))
        @Sendable func begin(_ run: PushRun) async -> Problem.Code? {
            do {
                _ = try await bed.policy.begin(
                    run,
                    audit: AuditEntry(
                        at: WallClock.now(), actor: "operator/ada", action: "envoy.push", object: "1", reason: ""))
                return nil
            } catch { return (error as? Problem)?.code ?? .internalError }
        }
        async let first = begin(one)
        async let second = begin(two)
        let codes = await [first, second]
        #expect(codes.count { $0 == nil } == 1 && codes.count { $0 == .pushRuns } == 1)
        let id = try #require(await bed.policy.read { $0.reign?.pushes.keys.first })
        let before = await bed.partition.read { $0.standing().tip.position }
        let audit = entry("envoy.push-abort")
        _ = try await bed.policy.abort(push: id, reason: "enough", audit: audit)
        // The line of the audit log and how far it was are one record, and the only one.
        #expect(await bed.partition.read { $0.standing().tip.position } == before + 1)
        #expect(await bed.policy.read { $0.pushView(id)?.endedAt } == audit.at)
        let next = bed.reborn()
        await next.look()
        let view = await next.read { $0.pushView(id) }
        #expect(view?.state == .aborted && view?.stopped == "enough", "a new primary does not go on with it")
        await next.close()
        await bed.close()
    }
}
