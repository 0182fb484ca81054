import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Which runs a roster takes")
struct RosterCheckTests {
    private func reason(_ roster: Roster, _ run: SignedRun) -> RunRejection? {
        if case .failure(let rejection) = roster.check(run) { return rejection }
        return nil
    }

    private func run(
        _ identity: TestIdentity, _ replica: ReplicaID, _ payloads: [RosterEvent.Payload], after head: ChainHead? = nil
    ) throws -> SignedRun {
        let builder = RunBuilder(
            replica: replica, mesh: TestIdentity.mesh, witness: RosterWorld.witness, signer: identity.signer)
        let fresh = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness).head(of: replica)
        return try builder.build(payloads, at: RosterWorld.time, after: head ?? fresh)
    }

    @Test("R5: a run with any one byte altered is refused and changes no digest")
    func alteredBytes() {
        var world = RosterWorld(bolts: 2)
        world.write(0, .admit(envoy(1)), .remove(targets: [Dot(world.bolts[0].replica, 2)]))
        world.act(.ban(keys: [key(1)], principal: nil, cut: .init()), by: world.operators[0], at: 0)
        var roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        for original in world.bolts[0].runs {
            for body in original.bodies.indices {
                for byte in original.bodies[body].indices {
                    var altered = original
                    altered.bodies[body][byte] ^= 0x41
                    #expect(reason(roster, altered)?.reason != nil, "body \(body), byte \(byte)")
                }
            }
            for byte in original.signature.indices {
                var altered = original
                altered.signature[byte] ^= 1
                #expect(reason(roster, altered)?.reason == .badSignature)
            }
            // Attributed to another bolt, or put elsewhere in the history.
            var stolen = original
            stolen.replica = world.bolts[1].replica
            #expect(reason(roster, stolen) != nil)
            var moved = original
            moved.first += 1
            #expect(reason(roster, moved) != nil)
            let before = roster.digest
            if case .success(let checked) = roster.check(original) { roster.apply(checked) }
            #expect(roster.digest != before)
        }
        #expect(
            roster.digest
                == {
                    var random = Seeded(1)
                    var alone = RosterWorld(bolts: 1)
                    alone.bolts = [world.bolts[0]]
                    return alone.merged(&random).digest
                }())
    }

    @Test("R5: a history begins with the certificate of its author, whose key names it")
    func openings() throws {
        let roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        let (one, two, ada) = (RosterWorld.bolt(1), RosterWorld.bolt(2), RosterWorld.named("ada", seed: 1))
        let open = RosterEvent.Payload.open(chain: one.chain)
        #expect(reason(roster, try run(one, one.replica(5), [open])) == nil)
        #expect(reason(roster, try run(one, one.replica(5), [.admit(envoy(1))]))?.reason == .badOpening)
        #expect(reason(roster, try run(one, one.replica(5), [open, open]))?.reason == .badOpening)
        #expect(reason(roster, try run(one, two.replica(5), [open]))?.reason == .badAuthor)
        #expect(reason(roster, try run(two, one.replica(5), [open]))?.reason == .badSignature)
        #expect(reason(roster, try run(ada, ada.replica(5), [.open(chain: ada.chain)]))?.reason == .badAuthor)
        let forged = [one.chain[0].dropLast() + [0]].map { Array($0) }
        #expect(reason(roster, try run(one, one.replica(5), [.open(chain: forged)]))?.reason == .badAuthor)
        let root = TestIdentity.root
        let genesis = RosterEvent.Payload.open(chain: root.chain)
        #expect(reason(roster, try run(root, root.replica(0), [genesis])) == nil)
        #expect(reason(roster, try run(root, root.replica(1), [genesis]))?.reason == .badOpening)
        #expect(reason(roster, try run(root, root.replica(0), [genesis, .admit(envoy(1))]))?.reason == .badAuthor)
    }

    @Test("R5: acts are an operator's or the root's, for this mesh; bolts and operators are admitted by acts only")
    func acts() throws {
        let roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        let (one, ada) = (RosterWorld.bolt(1), RosterWorld.named("ada", seed: 1))
        func judged(_ payload: RosterEvent.Payload) throws -> RejectReason? {
            reason(roster, try run(one, one.replica(5), [.open(chain: one.chain), payload]))?.reason
        }
        let good = ada.act(.revokeToken(TokenID(id(1))), nonce: 1)
        #expect(try judged(.act(good)) == nil)
        var (forged, unsigned) = (good, good)
        forged.chain = TestIdentity.root.chain
        unsigned.signature[0] ^= 1
        #expect(try judged(.act(forged)) == .badAct)
        #expect(try judged(.act(unsigned)) == .badAct)
        #expect(try judged(.act(one.act(.revokeToken(TokenID(id(1))), nonce: 1))) == .badAct)
        let foreign = OperatorAct(
            mesh: MeshID(.zero), nonce: id(1), at: RosterWorld.time, reason: "", operation: .revokeToken(TokenID(id(1)))
        )
        #expect(try judged(.act(ada.sign(foreign))) == .badAct)
        #expect(try judged(.admit(member(one, 1))) == .malformed)
        #expect(try judged(.unknown(kind: 99, content: [1])) == nil)
    }

    @Test(
        "R5, R10, S5: a lying bolt's hand-on, made up, of another mesh or of one key only, is refused; no ban spreads")
    func madeUpHandOns() throws {
        var world = RosterWorld(bolts: 3)
        let dot = world.write(0, .admit(envoy(1)), .admit(envoy(2)))
        world.hearAll()
        let liar = world.bolts[1]
        let foreign = MeshID(TestWitness.digest([9]))
        let honest = TestWitness.rekey(id(1), from: key(1), to: key(3), sealingKey: key(53).bytes)
        var forgeries = [
            Rekey(principal: id(1), from: key(1), to: key(2), sealingKey: nil, proof: []),
            Rekey(principal: id(1), from: key(1), to: key(2), sealingKey: nil, proof: honest.proof),
            TestWitness.rekey(id(1), from: key(1), to: key(2), mesh: foreign),
        ]
        for change in 0..<4 {
            var altered = honest
            switch change {
            case 0: altered.principal = id(2)
            case 1: altered.to = key(2)
            case 2: altered.from = key(2)
            default: altered.sealingKey = nil
            }
            forgeries.append(altered)
        }
        for forgery in forgeries {
            var amendment = Amendment(base: Dot(dot.replica, dot.counter - 1))
            amendment.rekey = forgery
            let head = liar.roster.head(of: liar.replica)
            let run = try run(liar.identity, liar.replica, [.amend(amendment)], after: head)
            let before = world.bolts[2].roster.digest
            #expect(reason(world.bolts[2].roster, run)?.reason == .badProof)
            #expect(world.bolts[2].roster.digest == before)
        }
        world.act(.ban(keys: [key(1)], principal: nil, cut: .init()), by: world.operators[0], at: 0)
        world.hear(2, from: 0)
        #expect(world.bolts[2].roster.ban(covering: key(1)) != nil)
        #expect(world.bolts[2].roster.ban(covering: key(2)) == nil)
        var amendment = Amendment(base: Dot(dot.replica, dot.counter - 1))
        amendment.rekey = honest
        world.write(1, .amend(amendment))
        world.hear(2, from: 1)
        #expect(world.bolts[2].roster.ban(covering: key(3)) != nil)
    }

    @Test("S5: a bolt carries no act that gives a key in force a second id; a peer's shows as it is")
    func oneKeyOneID() throws {
        var world = RosterWorld(bolts: 2)
        let (ada, bolt) = (world.operators[0], RosterWorld.bolt(5))
        world.act(.admit(member(bolt, 5)), by: ada, at: 0)
        let roster = world.bolts[0].roster
        func refusal(_ act: SignedAct, beside pending: [RosterEvent.Payload] = []) -> RosterDraftError? {
            do throws(RosterDraftError) { _ = try roster.carriable(act, beside: pending) } catch { return error }
            return nil
        }
        let second = ada.act(.admit(member(bolt, 6)), nonce: 70)
        #expect(refusal(second)?.code == .keyInUse)
        #expect(refusal(second)?.detail.contains("second") == false)
        #expect(refusal(ada.act(.admit(member(bolt, 5)), nonce: 71)) == nil)
        // Another TLS key beside the same signing key is the same bolt.
        var beside = member(bolt, 6)
        beside.tlsKey = key(60)
        #expect(refusal(ada.act(.admit(beside), nonce: 72))?.code == .keyInUse)
        // So is one that only waits to be written.
        let (fresh, again) = (member(RosterWorld.bolt(7), 7), member(RosterWorld.bolt(7), 8))
        let waiting = RosterEvent.Payload.act(ada.act(.admit(fresh), nonce: 73))
        #expect(refusal(ada.act(.admit(again), nonce: 74)) == nil)
        #expect(refusal(ada.act(.admit(again), nonce: 74), beside: [waiting])?.code == .keyInUse)
        var forged = second
        forged.signature[0] ^= 1
        #expect(refusal(forged)?.code == .actInvalid)
        world.write(1, .act(second))
        world.hearAll()
        #expect(world.bolts[0].roster.bolts.count == 1)
    }

    @Test("R10: duplicates are told from gaps, overlaps are trimmed, runs can be checked before the last is durable")
    func order() throws {
        var world = RosterWorld(bolts: 1)
        for number in 1...3 { world.write(0, .admit(envoy(number))) }
        let runs = world.bolts[0].runs
        var roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        #expect(reason(roster, runs[1]) == .gap(after: 0))
        RosterWorld.take(runs[0], into: &roster)
        RosterWorld.take(runs[1], into: &roster)
        #expect(reason(roster, runs[1]) == .duplicate)
        #expect(reason(roster, runs[3]) == .gap(after: 2))
        let whole = try #require(runs[0].joined(with: runs[1])?.joined(with: runs[2]))
        let checked = try roster.check(whole).get()
        #expect(checked.run.first == 3)
        #expect(checked.run.bodies.count == 1)
        let next = try roster.check(runs[3], after: checked.head).get()
        roster.apply(checked)
        roster.apply(next)
        let joined = try #require(
            runs[3].joined(
                with: try run(
                    world.bolts[0].identity, world.bolts[0].replica, [.admit(envoy(9))],
                    after: roster.head(of: runs[0].replica))))
        #expect(try roster.check(joined).get().run.first == 5)
        #expect(runs[0].joined(with: runs[2]) == nil)
        #expect(roster.digest == world.bolts[0].roster.digest)
        var stored = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        for run in runs { stored.apply(try stored.check(run, trust: .stored).get()) }
        #expect(stored.digest == roster.digest)
    }

    @Test("R6: two histories of one replica are told from forgeries, and both signed heads are kept")
    func forks() throws {
        var world = RosterWorld(bolts: 1)
        world.write(0, .admit(envoy(1)))
        var twin = world
        world.write(0, .admit(envoy(2)))
        twin.write(0, .admit(envoy(3)))
        twin.write(0, .admit(envoy(4)))
        let roster = world.bolts[0].roster
        let before = roster.digest
        for run in [twin.bolts[0].runs[2], try #require(twin.bolts[0].runs[2].joined(with: twin.bolts[0].runs[3]))] {
            guard case .forked(let evidence) = reason(roster, run) else {
                Issue.record("not seen")
                return
            }
            #expect(evidence.agreedThrough == 2)
            #expect(evidence.held.counter == 3)
            #expect(evidence.other.hash == twin.bolts[0].roster.head(of: run.replica).hash || run.bodies.count == 1)
        }
        #expect(roster.digest == before)
        // A continuation of a history that is not ours can't be told from a forgery until its beginning is seen.
        #expect(reason(roster, twin.bolts[0].runs[3])?.reason == .badSignature)
    }
}
