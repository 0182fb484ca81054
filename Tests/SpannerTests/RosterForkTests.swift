import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("A replica that told two stories")
struct RosterForkTests {
    /// Two worlds whose first bolt is one replica and parts after `agreed` events; in each the second bolt hears it.
    struct Twins {
        var one: RosterWorld
        var other: RosterWorld
        let agreed: UInt64

        init(ban: Bool = false) {
            one = RosterWorld(bolts: 2)
            one.write(0, .admit(envoy(1)))
            one.hearAll()
            agreed = one.bolts[0].roster.vector[one.bolts[0].replica]
            other = one
            one.write(0, .admit(envoy(2)))
            if ban { one.act(.ban(keys: [key(1)], principal: nil, cut: .init()), by: one.operators[0], at: 0) }
            other.write(0, .admit(envoy(3)))
            other.write(0, .admit(envoy(4)))
            one.hearAll()
            other.hearAll()
        }

        var replica: ReplicaID { one.bolts[0].replica }

        var proof: ForkProof { proof(agreed) }

        func proof(_ agreed: UInt64) -> ForkProof {
            func story(_ world: RosterWorld) -> ForkProof.Story {
                let run = world.bolts[0].runs[Int(agreed)]
                return ForkProof.Story(bodies: run.bodies, signature: run.signature)
            }
            var base = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
            for run in one.bolts[0].runs.prefix(Int(agreed)) { RosterWorld.take(run, into: &base) }
            return ForkProof(
                replica: replica, agreedThrough: agreed, base: base.head(of: replica).hash, story(one), story(other))
        }

        /// What a start makes of the disk of the second bolt of a world.
        func restored(_ world: RosterWorld, forks: [ForkProof]) throws -> Roster {
            var roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness, forks: forks)
            for bolt in world.bolts { for run in bolt.runs { try roster.restore(run) } }
            return roster
        }
    }

    @Test("R6: a proof is checked by itself: both stories, both signatures, the place; nothing altered is believed")
    func proofs() throws {
        let twins = Twins()
        let (proof, roster) = (twins.proof, twins.one.bolts[1].roster)
        let author = twins.one.bolts[0].identity.author
        #expect(roster.isValid(proof, by: author))
        #expect(!roster.isValid(proof, by: twins.one.bolts[1].identity.author))
        var decoder = CanonicalDecoder(proof.canonicalBytes)
        #expect(try ForkProof(from: &decoder) == proof)
        let bytes = proof.canonicalBytes
        for place in bytes.indices {
            var altered = bytes
            altered[place] ^= 0x11
            var decoder = CanonicalDecoder(altered)
            guard let forged = try? ForkProof(from: &decoder), decoder.remaining == 0 else { continue }
            #expect(!roster.isValid(forged, by: author), "byte \(place)")
        }
        // One story twice is no fork; nor is a place before the fork, where both go on alike.
        let same = ForkProof(
            replica: proof.replica, agreedThrough: proof.agreedThrough, base: proof.base, proof.first, proof.first)
        #expect(!roster.isValid(same, by: author))
        let moved = ForkProof(
            replica: proof.replica, agreedThrough: proof.agreedThrough - 1, base: proof.base, proof.first, proof.second)
        #expect(!roster.isValid(moved, by: author))
        let heads = proof.heads(EventChain(mesh: TestIdentity.mesh, witness: RosterWorld.witness))
        let hashes = [twins.one, twins.other].map { world in world.bolts[0].runs[Int(twins.agreed)] }
            .map { $0.signature }
        #expect(Set([heads.first.signature, heads.second.signature]) == Set(hashes))
    }

    @Test(
        "R6, R3: whoever holds either story freezes it where they part: equal digests, equal rosters, both heads kept")
    func frozenAlike() throws {
        let twins = Twins()
        #expect(twins.one.bolts[1].roster.digest != twins.other.bolts[1].roster.digest)
        let left = try twins.restored(twins.one, forks: [twins.proof])
        let right = try twins.restored(twins.other, forks: [twins.proof])
        #expect(left.digest == right.digest)
        #expect(left.vector == right.vector)
        #expect(left.vector[twins.replica] == twins.agreed)
        #expect(left.fork(of: twins.replica) == twins.proof)
        for number in 1...4 {
            let expected: Standing = number == 1 ? left.standing(of: key(1)) : .unknown
            #expect(left.standing(of: key(number)) == expected)
            #expect(right.standing(of: key(number)) == expected)
        }
        // Nothing goes on from there, of neither story.
        for world in [twins.one, twins.other] {
            for run in world.bolts[0].runs.dropFirst(Int(twins.agreed)) {
                guard case .failure(let rejection) = left.check(run) else {
                    Issue.record("taken: \(run.first)")
                    continue
                }
                #expect(rejection == .beyondFork(twins.proof))
            }
        }
        // One who does not know yet has another digest, though it holds no more.
        var before = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        for run in twins.one.bolts[0].runs.prefix(Int(twins.agreed)) { RosterWorld.take(run, into: &before) }
        for run in twins.one.bolts[1].runs { RosterWorld.take(run, into: &before) }
        #expect(before.vector == left.vector)
        #expect(before.digest != left.digest)
    }

    @Test("R6: of several proofs the lowest wins, in whatever order they are known")
    func lowestWins() throws {
        let twins = Twins()
        let first = twins.one.bolts[0].runs[0]
        let earlier = ForkProof(
            replica: twins.replica, agreedThrough: 0, base: twins.proof.base,
            ForkProof.Story(bodies: first.bodies, signature: first.signature), twins.proof.first)
        for forks in [[twins.proof, earlier], [earlier, twins.proof]] {
            let roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness, forks: forks)
            #expect(roster.forks == [earlier])
        }
    }

    @Test("R2, R6: a ban beyond a fork stays in force, and is there to be carried anew; then it is no stray any more")
    func bansOutliveForks() throws {
        let twins = Twins(ban: true)
        var roster = try twins.restored(twins.one, forks: [twins.proof])
        #expect(roster.vector[twins.replica] == twins.agreed)
        #expect(roster.ban(covering: key(1)) != nil)
        let act = try #require(roster.uncarriedActs.first)
        #expect(roster.uncarriedActs.count == 1)
        let bolt = twins.one.bolts[1]
        let builder = RunBuilder(
            replica: bolt.replica, mesh: TestIdentity.mesh, witness: RosterWorld.witness, signer: bolt.identity.signer)
        let run = try builder.build([.act(act)], at: RosterWorld.time, after: roster.head(of: bolt.replica))
        RosterWorld.take(run, into: &roster)
        #expect(roster.uncarriedActs.isEmpty)
        #expect(roster.bans.map(\.carriers.count) == [1])
        var other = try twins.restored(twins.other, forks: [twins.proof])
        #expect(other.ban(covering: key(1)) == nil)
        RosterWorld.take(run, into: &other)
        #expect(other.ban(covering: key(1)) != nil)
        #expect(other.digest == roster.digest)
    }
}
