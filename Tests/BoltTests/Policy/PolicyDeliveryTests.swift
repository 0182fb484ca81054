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

/// Who is given what when: roll-outs, pushes, secrets, and what other partitions keep.
struct PolicyDeliveryTests {
    private let witness = BoltSliceWitness(TestWitness())

    private func rollingOut(_ count: UInt64, maxFail: Int = 0) async throws -> (PolicyBed, [UInt64: HeldPolicy]) {
        let bed = try await PolicyBed()
        let rollout = "rollout:\n  max_concurrent: 1\n  max_fail: \(maxFail)\n"
        bed.admit((1...count).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one", rollout: rollout))
        var held: [UInt64: HeldPolicy] = [:]
        for number in 1...count {
            held[number] = PolicyBed.held(try #require(try bed.word(number).grant))
            await bed.policy.heard(PolicyBed.envoy(number), [PolicyBed.pass(1, of: 1)])
        }
        try await bed.publish(PolicyBed.files(motd: "two", rollout: rollout), as: "r2")
        return (bed, held)
    }

    @Test("A roll-out gives one machine at a time; the others keep what they hold", .timeLimit(.minutes(1)))
    func oneAtATime() async throws {
        let (bed, held) = try await rollingOut(4)
        for turn: UInt64 in 1...4 {
            let states = try (1...4).map { try bed.word($0, held[$0] ?? HeldPolicy()).state }
            #expect(states.count { $0 == .changed } == Int(turn), "who was given it stays so")
            #expect(states.count { $0 == .withheld } == Int(4 - turn))
            await bed.policy.heard(PolicyBed.envoy(turn), [PolicyBed.pass(2, of: 2)])
        }
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.status.state } == .finished)
        await bed.close()
    }

    @Test("A roll-out stops itself, survives a change of primary, and goes on when told to", .timeLimit(.minutes(1)))
    func halted() async throws {
        let (bed, held) = try await rollingOut(3)
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(2, of: 2, succeeded: false)])
        #expect(await bed.policy.read { $0.alarms().map(\.code) } == ["rollout_halted"])
        #expect(try bed.word(2, held[2] ?? HeldPolicy()).state == .withheld)
        await bed.policy.writeOutcomes()
        let next = bed.reborn()
        await next.look()
        let status = await next.read { $0.reign?.rollout?.machine.status }
        #expect(status?.state == .halted && status?.failed == 1 && status?.waiting == 2)
        let entry = AuditEntry(
            at: WallClock.now(), actor: "operator/ada", action: "rollout.resume", object: "north", reason: "")
        _ = try await next.changeRollout(.resume, audit: entry, dryRun: false)
        let word = next.board.word(
            for: PolicyBed.envoy(2), holding: held[2] ?? HeldPolicy(), isContested: false, now: WallClock.now())
        #expect(word?.state == .changed)
        await next.close()
        await bed.close()
    }

    @Test("What a machine told before it was given a version says nothing of it", .timeLimit(.minutes(1)))
    func earlier() async throws {
        let (bed, _) = try await rollingOut(2)
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(2, of: 1), PolicyBed.pass(3, of: 1)])
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: PolicyBed.envoy(1)) } == .given)
        #expect(HeardPass.passes(in: [SequencedResult(sequence: 1, body: Array("{\"pass\":".utf8))]).isEmpty)
        #expect(HeardPass.passes(in: [SequencedResult(sequence: 1, body: [0xFF])]).isEmpty)
        await bed.close()
    }

    private func entry(_ action: String) -> AuditEntry {
        AuditEntry(at: WallClock.now(), actor: "operator/ada", action: action, object: "north", reason: "")
    }

    /// One that lost its copy would have waited for its turn without any policy, after an end of the roll-out for ever.
    @Test(
        "N4: a machine that lost its copy is given the version before its turn; who holds one waits",
        .timeLimit(.minutes(1)))
    func bare() async throws {
        let (bed, held) = try await rollingOut(4)
        #expect(try bed.word(4, held[4] ?? HeldPolicy()).state == .withheld)
        #expect(try bed.word(3).state == .withheld)
        try await wait("it is given the version") {
            await bed.policy.look()
            return try bed.word(3).grant?.leaf.envoy == PolicyBed.envoy(3)
        }
        for number: UInt64 in [2, 4] { #expect(try bed.word(number, held[number] ?? HeldPolicy()).state == .withheld) }
        let status = await bed.policy.read { $0.reign?.rollout?.machine.status }
        #expect(status?.given == 2 && status?.waiting == 2, "it counts, and nobody else comes before that")
        // An end of the roll-out is about machines that have something to keep.
        _ = try await bed.policy.changeRollout(.abort, audit: entry("rollout.abort"), dryRun: false)
        #expect(try bed.word(4).state == .withheld)
        try await wait("it is given the version") {
            await bed.policy.look()
            return try bed.word(4).state == .changed
        }
        #expect(try bed.word(2, held[2] ?? HeldPolicy()).state == .withheld)
        // It is durable that they were given it.
        let next = bed.reborn()
        await next.look()
        #expect(next.board.isGiven(PolicyBed.envoy(3)) && !next.board.isGiven(PolicyBed.envoy(2)))
        // What it said to hold, which was nothing, is not known after a start: that is told apart from nothing.
        #expect(bed.policy.board.isReported(by: PolicyBed.envoy(3)))
        #expect(!next.board.isReported(by: PolicyBed.envoy(3)))
        await next.close()
        await bed.close()
    }

    @Test("A machine whose name is contested is given nothing new, whatever it holds", .timeLimit(.minutes(1)))
    func bareAndContested() async throws {
        let (bed, _) = try await rollingOut(3)
        let board = bed.policy.board
        _ = board.word(for: PolicyBed.envoy(3), holding: HeldPolicy(), isContested: true, now: WallClock.now())
        #expect(board.takeBare().isEmpty)
        await bed.close()
    }

    /// What it tells has the number of the version that it took then: the roll-out of the rollback waited for it until
    /// it counted as silent, a quarter of an hour for each such machine.
    @Test(
        "A rollback ends though machines that never took what is rolled back have nothing to take",
        .timeLimit(.minutes(1)))
    func rollbackOfARollout() async throws {
        let (bed, held) = try await rollingOut(2)
        #expect(try bed.word(1, held[1] ?? HeldPolicy()).state == .changed)
        _ = try await bed.policy.changeRollout(.abort, audit: entry("rollout.abort"), dryRun: false)
        let rollout = "rollout:\n  max_concurrent: 1\n  max_fail: 0\n"
        try await bed.publish(PolicyBed.files(motd: "one", rollout: rollout), as: "r1")
        #expect(try bed.word(1, HeldPolicy(leaf: .zero, sequence: 2)).state == .changed)
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(2, of: 3)])
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: PolicyBed.envoy(2)) } == .given)
        let word = try bed.word(2, held[2] ?? HeldPolicy())
        #expect(word.state == .current && word.grant == nil)
        // What it did under anything else says nothing of what it holds now.
        let told = [PolicyBed.pass(2, of: 2, succeeded: false), PolicyBed.pass(3, of: 1)].map { pass in
            bed.policy.board.counted([pass], of: PolicyBed.envoy(2))
        }
        await bed.policy.heard(PolicyBed.envoy(2), told[0])
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: PolicyBed.envoy(2)) } == .given)
        await bed.policy.heard(PolicyBed.envoy(2), told[1])
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.status.state } == .finished)
        await bed.close()
    }

    /// Numbers of another partition are mostly higher than those here, and counted as under what is in force: a failure
    /// under the former owner halted this roll-out, a success made room in it for the next.
    @Test(
        "What a machine did under its former owner's numbers, or lost ones, is no outcome here",
        .timeLimit(.minutes(1)), arguments: [false, true])
    func foreignNumbers(succeeded: Bool) async throws {
        let (bed, held) = try await rollingOut(2)
        let board = bed.policy.board
        let (first, second) = (PolicyBed.envoy(1), PolicyBed.envoy(2))
        // One that holds another leaf, one that holds the same as here.
        for leaf in [TestWitness().hash([9]), try #require(board.picture?.leaf(of: first)).hash] {
            #expect(try bed.word(1, HeldPolicy(leaf: leaf, sequence: 500)).state == .changed)
            let told = board.counted(
                [PolicyBed.pass(7, of: 500, succeeded: succeeded), PolicyBed.pass(8, of: 499, succeeded: succeeded)],
                of: first)
            #expect(told.map(\.sequence) == [nil, nil])
            await bed.policy.heard(first, told)
            let (machine, failures) = await bed.policy.read { service in
                (service.reign?.rollout?.machine, service.reign?.rollout?.failures)
            }
            #expect(machine?.place(of: first) == .given && machine?.status.state == .running)
            #expect(failures?.isEmpty == true && machine?.place(of: second) == .waiting)
        }
        #expect(try bed.word(2, held[2] ?? HeldPolicy()).state == .withheld)
        // What it does when it has taken what is given here counts.
        let now = board.counted([PolicyBed.pass(9, of: 2)], of: first)
        #expect(now.map(\.sequence) == [2])
        await bed.policy.heard(first, now)
        #expect(await bed.policy.read { $0.reign?.rollout?.machine.place(of: first) } == .succeeded)
        await bed.close()
    }

    // MARK: - Pushes

    @Test("A push orders batch by batch; only passes after the order count", .timeLimit(.minutes(1)))
    func push() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...3).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one"))
        let facts = PushFacts(
            id: PrincipalID(high: 9, low: 9), actor: "operator/ada", reason: "", revision: "r1", kind: .applyNow,
            pauseSeconds: 0, beganAt: WallClock.now())
        let plan = PushPlan(envoys: (1...3).map { PolicyBed.envoy($0) }, batchSize: 2)
        let run = try #require(PushRun(facts, plan))
        let entry = AuditEntry(
            at: WallClock.now(), actor: "operator/ada", action: "envoy.push", object: "3 envoys", reason: "")
        _ = try await bed.policy.begin(run, audit: entry)
        let order = try SignedPolicyOrder(try #require(try bed.word(1, through: 7).order))
        #expect(order.isAuthentic(in: TestIdentity.mesh, witness: witness) && order.order.envoy == PolicyBed.envoy(1))
        #expect(try bed.word(2, through: 3).order != nil && bed.word(3).order == nil)
        #expect(try bed.word(1).push == facts.id && bed.word(3).push == nil)
        #expect(bed.policy.board.isDue(PolicyBed.envoy(1), holding: nil, order: 0))
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(7, of: 1)])
        #expect(await bed.policy.read { $0.pushView(facts.id)?.succeeded } == 0, "it was made before")
        let other = PrincipalID(high: 9, low: 8)
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(8, of: 1, succeeded: false, push: other)])
        #expect(await bed.policy.read { $0.pushView(facts.id)?.failed } == 0, "another push called for it")
        await bed.policy.heard(PolicyBed.envoy(1), [PolicyBed.pass(9, of: 1, push: facts.id)])
        await bed.policy.heard(PolicyBed.envoy(2), [PolicyBed.pass(4, of: 1)])
        #expect(await bed.policy.read { $0.pushView(facts.id)?.state } == .pausing)
        // A new primary goes on with the next batch.
        let next = bed.reborn()
        await next.look()
        await next.look()
        let view = await next.read { $0.pushView(facts.id) }
        #expect(view?.state == .running && view?.batch == 2 && view?.succeeded == 2)
        let later = next.board.word(
            for: PolicyBed.envoy(3), holding: HeldPolicy(), isContested: false, now: WallClock.now())
        let number = try SignedPolicyOrder(try #require(later?.order)).order.sequence
        #expect(number > order.order.sequence, "no number is given twice")
        await next.close()
        await bed.close()
    }

    // MARK: - Secrets

    @Test("Who needs a secret that is not there keeps what it has, by name; others go on", .timeLimit(.minutes(1)))
    func secrets() async throws {
        let bed = try await PolicyBed()
        let key = SealingKey.generate()
        bed.admit([PolicyBed.member(1), PolicyBed.member(2, group: "db", key: key.publicKey)])
        try await bed.publish(PolicyBed.files(motd: "one", secret: true))
        #expect(try bed.word(1).state == .changed && bed.word(2).state == .withheld)
        let troubles = await bed.policy.read { $0.troubleWords() }
        #expect(troubles.count == 1 && troubles.first?.contains("web-2 keeps what it has: secret db/password") == true)
        #expect(await bed.policy.read { $0.alarms().map(\.code) } == ["policy_withheld"])
        // `secret remove` said of one in use that it is no longer kept, and nothing of who is held up then.
        let need = try #require(await bed.policy.need(of: "db/password"))
        #expect(need == SecretNeed(revision: "r1", envoys: 1, some: ["web-2"]))
        #expect(await bed.policy.need(of: "db/other") == nil)
        // The secret comes: a version follows by itself, sealed to the envoy alone.
        let sealing = bed.partition.sealing
        let (keyring, unseal) = Keyring.initialise(sealing.owner)
        _ = try await sealing.expecting(keyring, unseal) {
            try await bed.policy.journal([.keyring(keyring.bytes)])
        }
        try await wait("it is unsealed") { sealing.vault.state.isUnsealed }
        let name = try SecretName("db/password")
        let sealed = try sealing.vault.seal(secret: name, version: 1, SecretBytes(Array("hunter2".utf8)))
        _ = try await bed.policy.journal([.secret(name: name.text, sealed: sealed.bytes)])
        bed.policy.secretsChanged()
        // A disk that is slow to answer ends a look early; the next one begins anew.
        try await wait("it is given one") {
            await bed.policy.look()
            return try bed.policy.board.picture != nil && bed.word(2).grant != nil
        }
        let grant = try #require(try bed.word(2).grant)
        let box = try await bed.partition.read { try $0.store.tables.policy.box(of: PolicyBed.envoy(2)) } ?? []
        #expect(TestWitness().hash(box) == grant.leaf.box)
        let opened = try SealedSecrets.open(box, with: key)
        #expect(opened["db/password"]?.withBytes { Array($0) } == Array("hunter2".utf8))
        // Nothing changed: neither another look nor another primary seals anew.
        bed.policy.secretsChanged()
        await bed.policy.look()
        let next = bed.reborn()
        await next.look()
        let leaf = await next.read { $0.reign?.tree.leaf(of: PolicyBed.envoy(2)) }
        #expect(leaf == grant.leaf && next.board.picture?.sequence == grant.signed.head.sequence)
        await next.close()
        await bed.close()
    }

    // MARK: - Covering

    /// Another partition's bolt, which keeps what that of the bed tells it.
    private func covering(of bed: PolicyBed) throws -> PolicyCovering {
        PolicyCovering(
            try CoverStore(in: StateDirectory(path: bed.root + "/cover"), witness: TestWitness()),
            mesh: TestIdentity.mesh, witness: witness, logger: bed.policy.logger, metrics: MetricsRegistry())
    }

    /// How it asks the partition of the bed, which tells so many envoys a page.
    private func ways(to bed: PolicyBed, limit: Int) -> PolicyCovering.Ways {
        let (policy, partition) = (bed.policy, bed.partition)
        return PolicyCovering.Ways(
            primaries: { [(PolicyBed.north, "127.0.0.1:1")] },
            get: { path, _ in
                guard path.hasPrefix(Endpoint.peerPolicy.path + "?") else {
                    let digest = try #require(path.split(separator: "/").last.flatMap { Bytes32(apiText: String($0)) })
                    let body = try await partition.read { try $0.store.tables.policy.body(digest) }
                    return PeerForwarder.Answer(status: 200, body: Data(try #require(body)))
                }
                func value(_ name: String) -> String? {
                    path.split(whereSeparator: { "?&".contains($0) }).first { $0.hasPrefix(name + "=") }
                        .map { String($0.dropFirst(name.count + 1)) }
                }
                let page = try await policy.coveredPage(
                    after: UInt64(value("after") ?? "0") ?? 0, from: value("from").flatMap { PrincipalID(apiText: $0) },
                    limit: limit)
                return PeerForwarder.Answer(status: 200, body: try APIJSON.encode(page))
            })
    }

    @Test("P6: another partition keeps what proves itself, and serves it as covered", .timeLimit(.minutes(1)))
    func covered() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...3).map { PolicyBed.member($0) })
        let expiry = "expiry:\n  policy: stop\n  after: 1h\n"
        try await bed.publish(PolicyBed.files(motd: "one", rollout: expiry))
        let (covering, ways) = (try covering(of: bed), ways(to: bed, limit: 100))
        await covering.pull(ways)
        let grant = try #require(try bed.word(2).grant)
        #expect(grant.leaf.terms == PolicyTerms(maxAgeSeconds: 3600, expiry: .stop))
        let word = try #require(
            await covering.word(for: PolicyBed.envoy(2), of: PolicyBed.north, holding: HeldPolicy()))
        let shown = try APIJSON.decode(CheckInPolicy.self, from: Data(word.utf8))
        #expect(shown.state == .covered && shown.grant?.bytes == grant.canonicalBytes && shown.beacon == nil)
        let body = await covering.body(grant.leaf.body, for: PolicyBed.envoy(2), of: PolicyBed.north)
        #expect(body.map { TestWitness().hash($0) } == grant.leaf.body)
        #expect(await covering.body(grant.leaf.body, for: PolicyBed.envoy(9), of: PolicyBed.north) == nil)
        let held = await covering.word(for: PolicyBed.envoy(2), of: PolicyBed.north, holding: PolicyBed.held(grant))
        #expect(held.map { !$0.contains("grant") && $0.contains("covered") } == true)
        // Nothing has changed: the next page is empty.
        let mark = try await bed.policy.coveredPage(after: 0, from: nil, limit: 100).mark
        #expect(try await bed.policy.coveredPage(after: mark, from: nil, limit: 100).envoys.isEmpty)
        await covering.close()
        await bed.close()
    }

    /// They stayed until the budget was full, and took the room of those that are there.
    @Test("What is kept of a machine that left its partition goes, once that is found twice", .timeLimit(.minutes(1)))
    func coveredThatLeft() async throws {
        let bed = try await PolicyBed()
        bed.admit((1...2).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one"))
        let store = try CoverStore(in: StateDirectory(path: bed.root + "/cover"), witness: TestWitness())
        let covering = PolicyCovering(
            store, mesh: TestIdentity.mesh, witness: witness, logger: bed.policy.logger, metrics: MetricsRegistry())
        let policy = bed.policy
        let get: @Sendable (String, String) async throws -> PeerForwarder.Answer = { path, _ in
            guard path.hasPrefix(Endpoint.peerPolicy.path + "?") else { throw Problem(.notFound, "no body") }
            let page = try await policy.coveredPage(after: 0, from: nil, limit: 100)
            return PeerForwarder.Answer(status: 200, body: try APIJSON.encode(page))
        }
        func ways(_ gone: [UInt64], isAway: Bool = true) -> PolicyCovering.Ways {
            PolicyCovering.Ways(
                primaries: { isAway ? [] : [(PolicyBed.north, "127.0.0.1:1")] }, get: get,
                left: { envoys, _ in envoys.filter { gone.map { PolicyBed.envoy($0) }.contains($0) } })
        }
        func kept() async -> [Bool] {
            var kept: [Bool] = []
            for number in 1...2 as ClosedRange<UInt64> {
                let word = await covering.word(
                    for: PolicyBed.envoy(number), of: PolicyBed.north, holding: HeldPolicy())
                kept.append(word != nil)
            }
            return kept
        }
        await covering.pull(ways([2], isAway: false))
        #expect(await kept() == [true, true], "the word that it left may be older than what was pulled")
        await covering.pull(ways([]))
        await covering.pull(ways([2]))
        #expect(await kept() == [true, true], "it was back in between")
        await covering.pull(ways([2]))
        #expect(await kept() == [true, false])
        await covering.close()
        await bed.close()
    }

    @Test("P6: what is too much for one round of covering is had in the next", .timeLimit(.minutes(1)))
    func coveredInRounds() async throws {
        let bed = try await PolicyBed()
        let count = UInt64(PolicyCovering.pagesPerRound) + 6
        bed.admit((1...count).map { PolicyBed.member($0) })
        try await bed.publish(PolicyBed.files(motd: "one"))
        let (covering, ways) = (try covering(of: bed), ways(to: bed, limit: 1))
        await covering.pull(ways)
        #expect(await covering.word(for: PolicyBed.envoy(count), of: PolicyBed.north, holding: HeldPolicy()) == nil)
        // Another version while it is half through.
        bed.admit((1...count + 1).map { PolicyBed.member($0) })
        await bed.policy.look()
        await covering.pull(ways)
        for number in 1...count {
            let word = await covering.word(for: PolicyBed.envoy(number), of: PolicyBed.north, holding: HeldPolicy())
            #expect(word?.contains("grant") == true, "\(number)")
        }
        await covering.close()
        await bed.close()
    }
}
