import BoltAPI
import CRDT
import Identity
import Policy
import Spanner
import SpannerStore
import SpannerTestKit
import Testing

@testable import Bolt

/// How old a policy may become is part of what each machine is to have: a change of it is a change like any other.
///
/// It stood in the head alone. A version that changed nothing else left every leaf as it was, so that no machine ever
/// heard of it.
struct PolicyTermsTests {
    private static func files(_ after: String, _ policy: String = "stop", motd: String = "one") -> [PolicyFile] {
        PolicyBed.files(
            motd: motd,
            rollout: "expiry:\n  policy: \(policy)\n  after: \(after)\nrollout:\n  max_concurrent: 1\n")
    }

    private static let (hour, day): (UInt64, UInt64) = (3600, 86_400)

    /// Machines that hold a version of one hour, and a version of two hours, of which the first machine has its turn.
    private func changed(_ count: UInt64) async throws -> (bed: PolicyBed, grants: [UInt64: PolicyGrant]) {
        let bed = try await PolicyBed()
        bed.admit((1...count).map { PolicyBed.member($0) })
        try await bed.publish(PolicyTermsTests.files("1h"))
        var grants: [UInt64: PolicyGrant] = [:]
        for number in 1...count {
            grants[number] = try bed.word(number).grant
            await bed.policy.heard(PolicyBed.envoy(number), [PolicyBed.pass(1, of: 1)])
        }
        try await bed.publish(PolicyTermsTests.files("2h"), as: "r2")
        return (bed, grants)
    }

    private func held(_ grant: PolicyGrant?) throws -> HeldPolicy { PolicyBed.held(try #require(grant)) }

    @Test(
        "A version that changes the terms alone gives each machine another leaf, in its turn", .timeLimit(.minutes(1)))
    func rolledOut() async throws {
        let (bed, grants) = try await changed(3)
        let old = try #require(grants[1]?.leaf)
        #expect(old.terms == PolicyTerms(maxAgeSeconds: PolicyTermsTests.hour, expiry: .stop))
        for turn: UInt64 in 1...3 {
            let words = try (1...3).map { try bed.word($0, try held(grants[$0])) }
            #expect(words.count { $0.state == .changed } == Int(turn))
            #expect(words.count { $0.state == .withheld } == Int(3 - turn), "the others keep the terms that they have")
            let leaf = try #require(try bed.word(turn, try held(grants[turn])).grant?.leaf)
            #expect(leaf.body == old.body && leaf.box == old.box)
            #expect(leaf.terms == PolicyTerms(maxAgeSeconds: 2 * PolicyTermsTests.hour, expiry: .stop))
            await bed.policy.heard(PolicyBed.envoy(turn), [PolicyBed.pass(2, of: 2)])
        }
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.status.state } == .finished)
        await bed.close()
    }

    @Test("It is told before it is published, and when", .timeLimit(.minutes(1)))
    func told() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...3).map { PolicyBed.member($0) })
        try await bed.publish(PolicyTermsTests.files("36h"))
        let trial = try await bed.publish(PolicyTermsTests.files("2d", "enforce-safe"), as: "r2", dryRun: true)
        let lines = ["expiry.after 36h → 2d", "expiry.policy stop → enforce-safe"]
        #expect(trial.isChanged && trial.effects.contains("3 of 3 envoys would get another policy"))
        #expect(trial.effects.suffix(2) == lines)
        let (old, new) = (
            try bed.policy.brought(PolicyTermsTests.files("36h")).stack,
            try bed.policy.brought(PolicyTermsTests.files("2d", "enforce-safe")).stack
        )
        let compared = try await bed.policy.compare(old, new)
        #expect(compared.changed == 3 && compared.all == 3)
        #expect(compared.layers.map(\.changed) == [0], "no machine gets another body")
        #expect(try await bed.policy.compare(old, old).changed == 0)
        let change = try await bed.publish(PolicyTermsTests.files("2d", "enforce-safe"), as: "r2")
        #expect(change.isChanged && change.effects.contains("3 of 3 envoys get another policy"))
        #expect(change.effects.suffix(2) == lines)
        #expect(new.settings.terms.changes(from: PolicyTerms(expiry: .enforceSafe)) == ["expiry.after never → 2d"])
        #expect(new.settings.terms.changes(from: new.settings.terms).isEmpty)
        await bed.close()
    }

    @Test("N4: a new primary has the very leaves, terms and all, and gives nothing anew", .timeLimit(.minutes(1)))
    func failover() async throws {
        let (bed, grants) = try await changed(3)
        let fresh = try #require(try bed.word(1, try held(grants[1])).grant)
        let (before, head) = await bed.policy.read { ($0.reign?.tree.all ?? [], $0.reign?.head) }
        #expect(before.count == 3)
        let next = bed.reborn()
        await next.look()
        let after = await next.read { $0.reign?.tree.all ?? [] }
        #expect(after.map { $0.hash(by: TestWitness()) } == before.map { $0.hash(by: TestWitness()) })
        #expect(await next.read { $0.reign?.head } == head && head == fresh.signed)
        #expect(await next.read { $0.signatures } == 1, "the beacon")
        func word(_ number: UInt64, _ held: HeldPolicy) -> PolicyWord? {
            next.board.word(for: PolicyBed.envoy(number), holding: held, isContested: false, now: WallClock.now())
        }
        #expect(word(1, PolicyBed.held(fresh))?.state == .current)
        #expect(word(2, try held(grants[2]))?.state == .withheld)
        // Who comes now is given the terms in force, by a version that compiles nothing of the others.
        bed.admit((1...4).map { PolicyBed.member($0) })
        await next.look()
        let newcomer = try #require(word(4, HeldPolicy())?.grant?.leaf)
        #expect(newcomer.terms == fresh.leaf.terms && newcomer.body == fresh.leaf.body)
        #expect(word(1, PolicyBed.held(fresh))?.state == .current)
        await next.close()
        await bed.close()
    }

    @Test(
        "A rollback brings the terms back: who never took the later ones holds what it is to have",
        .timeLimit(.minutes(1)))
    func rolledBack() async throws {
        let (bed, grants) = try await changed(2)
        let target = try await bed.policy.rollbackTarget(nil)
        let brought = try await bed.policy.brought(of: target)
        let publication = PolicyPublication(
            files: brought.files, stack: brought.stack, digest: target.stack, revision: target.revision,
            who: "operator/ada", note: "")
        _ = try await bed.policy.publish(brought, as: publication, dryRun: false)
        let leaves = await bed.policy.read { $0.reign?.tree.all ?? [] }
        #expect(leaves == [grants[1]?.leaf, grants[2]?.leaf].compactMap { $0 })
        #expect(try bed.word(2, try held(grants[2])).state == .current)
        await bed.close()
    }

    @Test("Body and terms that change together are one change, and are kept as they are given", .timeLimit(.minutes(1)))
    func withBody() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1)])
        try await bed.publish(PolicyTermsTests.files("1h"))
        try await bed.publish(PolicyTermsTests.files("1d", motd: "two"), as: "r2", immediately: true)
        let leaf = try #require(try bed.word(1).grant?.leaf)
        #expect(leaf.terms.maxAgeSeconds == PolicyTermsTests.day)
        let row = try await bed.partition.read { try $0.store.tables.policy.leaf(of: PolicyBed.envoy(1)) }
        #expect(row?.terms == leaf.terms && row?.body == leaf.body && row?.box == leaf.box)
        await bed.close()
    }

    /// A build before this one kept a head with the terms in it, and leaves without.
    @Test("A head in another build's form is made anew, under the next number", .timeLimit(.minutes(1)))
    func otherForm() async throws {
        let bed = try await PolicyBed()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2)])
        try await bed.publish(PolicyTermsTests.files("1h"))
        let grant = try #require(try bed.word(1).grant)
        var encoder = CanonicalEncoder()
        grant.signed.head.encode(to: &encoder)
        grant.leaf.terms.encode(to: &encoder)
        grant.signed.warrant.encode(to: &encoder)
        encoder.raw(grant.signed.signature)
        #expect(throws: DecodingFailure.self) { try SignedPolicyHead(encoder.bytes) }
        _ = try await bed.policy.journal([.policy(.head(sequence: 1, encoder.bytes))])
        let next = bed.reborn()
        await next.look()
        let (head, root) = await next.read { ($0.reign?.head?.head, $0.reign?.tree.root) }
        #expect(head?.sequence == 2 && head?.root == root && root == grant.signed.head.root)
        let word = next.board.word(
            for: PolicyBed.envoy(1), holding: PolicyBed.held(grant), isContested: false, now: WallClock.now())
        #expect(word?.state == .current)
        await next.close()
        await bed.close()
    }
}
