import BoltAPI
import CRDT
import Foundation
import Identity
import Policy
import Spanner
import SpannerStore
import SpannerTestKit
import Testing
import Vault

@testable import Bolt

/// From a published directory to what a check-in is told, over a real journal.
struct PolicyServiceTests {
    private let witness = BoltSliceWitness(TestWitness())

    @Test("S8: what is published comes as grants that prove themselves, signed once", .timeLimit(.minutes(1)))
    func thread() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...40).map { PolicyBed.member($0) })
        await bed.policy.look()
        let unpublished = bed.policy.board.word(
            for: PolicyBed.envoy(1), holding: HeldPolicy(), isContested: false, now: WallClock.now())
        #expect(unpublished == nil, "nothing was published yet")
        let change = try await bed.publish(PolicyBed.files(motd: "one"))
        #expect(change.isChanged && change.effects.contains("40 of 40 envoys get another policy"))
        let before = await bed.policy.read { $0.signatures }
        #expect(before == 2, "a head and a beacon, whatever the number of envoys")
        var bodies: Set<Bytes32> = []
        for number: UInt64 in 1...40 {
            let word = try bed.word(number)
            let grant = try #require(word.grant)
            #expect(word.state == .changed && word.beacon != nil && !word.needsBox)
            var sight = PolicySight()
            try sight.accept(
                grant, of: PolicyBed.envoy(number), owner: PolicyBed.north, register: nil, mesh: TestIdentity.mesh,
                witness: witness)
            bodies.insert(grant.leaf.body)
            #expect(try bed.word(number, PolicyBed.held(grant)).state == .current)
        }
        #expect(bodies.count == 1 && bed.policy.board.currentCount() == 40)
        let digest = try #require(bodies.first)
        let body = try await bed.partition.read { try $0.store.tables.policy.body(digest) }
        #expect(try PolicyBody(bytes: try #require(body)).secretNames.isEmpty)
        #expect(await bed.policy.read { $0.signatures } == before)
        await bed.close()
    }

    @Test("Envoys that come and go cost no compiling, and change nobody else's leaf", .timeLimit(.minutes(1)))
    func fleet() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let grant = try #require(try bed.word(1).grant)
        bed.admit([PolicyBed.member(1), PolicyBed.member(3)])
        await bed.policy.look()
        #expect(try bed.word(1, PolicyBed.held(grant)).state == .current)
        #expect(try bed.word(2).state == .none && bed.word(3).grant?.signed.head.sequence == 2)
        let text = await bed.policy.read { $0.metrics.text() }
        #expect(text.contains("bolt_policy_compiled_total 1\n") && text.contains("bolt_policy_versions_total 2\n"))
        var contested = PolicyBed.member(4)
        contested.isContested = true
        bed.admit([PolicyBed.member(1), PolicyBed.member(3), contested])
        await bed.policy.look()
        #expect(try bed.word(4).state == .none, "a contested name is given nothing new")
        await bed.close()
    }

    @Test("N4: a new primary goes on under the same head, and signs nothing anew", .timeLimit(.minutes(1)))
    func failover() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...5).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one"))
        let grant = try #require(try bed.word(3).grant)
        let next = bed.reborn()
        await next.look()
        let head = await next.read { $0.reign?.head }
        #expect(head == grant.signed)
        #expect(await next.read { $0.signatures } == 1, "the beacon")
        let word = next.board.word(
            for: PolicyBed.envoy(3), holding: PolicyBed.held(grant), isContested: false, now: WallClock.now())
        #expect(word?.state == .current)
        await next.close()
        await bed.close()
    }

    @Test("A version that was cut off half-way is brought to an end by the next reign", .timeLimit(.minutes(1)))
    func torn() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        try await bed.publish(PolicyBed.files(motd: "one"))
        let body = try #require(try bed.word(1).grant?.leaf.body)
        // Leaves of a version whose head was never written.
        let stray = PolicyLeafChange(
            envoy: PolicyBed.envoy(9), content: PolicyLeafChange.Content(body: body, box: [], terms: PolicyTerms()))
        _ = try await bed.policy.journal([.policy(.leaves(sequence: 2, [stray]))])
        let next = bed.reborn()
        await next.look()
        let (head, root, rows) = await next.read { ($0.reign?.head?.head, $0.reign?.tree.root, $0.reign?.rows.count) }
        #expect(head?.sequence == 3 && head?.root == root && rows == 2)
        #expect(next.board.picture?.leaf(of: PolicyBed.envoy(9)) == nil)
        await next.close()
        await bed.close()
    }

    @Test("A stack with faults changes nothing, nor does a dry run", .timeLimit(.minutes(1)))
    func refused() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        var files = PolicyBed.files(motd: "one")
        files[1].bytes += Array("    nonsense: 1\n".utf8)
        await #expect(throws: Problem.self) { try await bed.publish(files) }
        let change = try await bed.publish(PolicyBed.files(motd: "one"), dryRun: true)
        #expect(change.isChanged && change.effects.contains("1 of 1 envoy would get another policy"))
        let blocked = PolicyBed.files(motd: "one", rollout: "rollout:\n  min_standing: 1\n")
        do {
            try await bed.publish(blocked)
            Issue.record("a roll-out that would block itself was taken")
        } catch let problem as Problem { #expect(problem.code == .rolloutBlocked) }
        #expect(await bed.policy.read { $0.reign?.version } == nil && bed.policy.board.picture == nil)
        try await bed.publish(PolicyBed.files(motd: "one"))
        #expect(try await !bed.publish(PolicyBed.files(motd: "one")).isChanged)
        // Another commit of the same files is a version too: people ask for it by its name.
        #expect(try await bed.publish(PolicyBed.files(motd: "one"), as: "again").isChanged)
        await bed.close()
    }

    @Test("Q1: a source's broken revision leaves what is in force; a freeze holds it back", .timeLimit(.minutes(1)))
    func source() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        await bed.policy.look()
        #expect(try await bed.offer("c1", PolicyBed.files(motd: "one")) == .accepted)
        var broken = PolicyBed.files(motd: "two")
        broken[1].bytes = Array("layer: [".utf8)
        guard case .refused = try await bed.offer("c2", broken) else {
            Issue.record("a broken stack was taken")
            return
        }
        #expect(await bed.policy.read { $0.reign?.version?.revision } == "c1")
        #expect(await bed.policy.read { $0.alarms().map(\.code) } == ["policy_rejected"])
        let freeze = PolicyFreeze(isFrozen: true, reason: "sale", who: "operator/ada", at: WallClock.now())
        let entry = AuditEntry(
            at: freeze.at, actor: freeze.who, action: "stack.freeze", object: "north", reason: freeze.reason)
        _ = try await bed.policy.freeze(freeze, audit: entry)
        guard case .later = try await bed.offer("c3", PolicyBed.files(motd: "three")) else {
            Issue.record("a frozen stack was changed")
            return
        }
        #expect(await bed.policy.read { $0.reign?.version?.revision } == "c1")
        await bed.close()
    }

    @Test("A rollback is a new version with the old files", .timeLimit(.minutes(1)))
    func rollback() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyBed.files(motd: "one"), as: "r1")
        let first = try #require(try bed.word(1).grant)
        try await bed.publish(PolicyBed.files(motd: "two"), as: "r2")
        #expect(try bed.word(1, PolicyBed.held(first)).state == .changed)
        let target = try await bed.policy.rollbackTarget(nil)
        #expect(target.revision == "r1")
        let brought = try await bed.policy.brought(of: target)
        let publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: target.stack, revision: target.revision,
            who: "operator/ada", note: "")
        _ = try await bed.policy.publish(brought, as: publication, dryRun: false)
        let again = try #require(try bed.word(1).grant)
        #expect(again.leaf == first.leaf && again.signed.head.sequence > first.signed.head.sequence)
        #expect(try bed.word(1, PolicyBed.held(first)).state == .current)
        await bed.close()
    }
}
