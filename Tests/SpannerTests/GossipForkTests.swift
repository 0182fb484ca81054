import CRDT
import Spanner
import SpannerTestKit
import Testing

/// R6 at one machine: a peer holds another story of a replica than this one.
@Suite("Gossip: two stories of one replica")
struct GossipForkTests {
    /// The machine holds one story of bolt 2's replica, peer 1 the other; both agree on the first three events.
    private struct Scene {
        var stage = GossipStage()
        let mine: [SignedRun]
        let theirs: [SignedRun]
        let link: LinkID

        init() {
            var writer = GossipWriter(identity: GossipStage.bolt(2), incarnation: 7)
            let common = [writer.run(count: 1), writer.run(count: 1)]
            var twin = writer
            mine = common + [writer.run([.unknown(kind: 91, content: [1])]), writer.run(count: 1)]
            theirs = common + [twin.run([.unknown(kind: 92, content: [2])]), twin.run(count: 2), twin.run(count: 1)]
            let third = stage.link(2)
            stage.step(.received(.events(mine), on: third))
            stage.persistAll()
            link = stage.link(1)
        }

        var replica: ReplicaID { mine[0].replica }

        /// Plays peer 1 and the disk until the machine asks for neither; returns the proof that is to be kept.
        mutating func play() -> ForkProof? {
            for _ in 0..<20 {
                if let proof = stage.freezing { return proof }
                if let load = stage.loading, load.replica == replica {
                    stage.step(.loaded(load.id, mine.filter { $0.last > load.after }))
                    continue
                }
                let asked = stage.sent(to: link).compactMap { message -> UInt64? in
                    guard case .want(let ranges) = message else { return nil }
                    return ranges.first { $0.replica == replica }?.after
                }
                guard let after = asked.first else { return nil }
                let answer = theirs.filter { $0.last > after }.map { run -> SignedRun in
                    guard run.first <= after else { return run }
                    let rest = Array(run.bodies.dropFirst(Int(after - run.first + 1)))
                    return SignedRun(replica: replica, first: after + 1, bodies: rest, signature: run.signature)
                }
                stage.step(.received(.events(Array(answer.prefix(1))), on: link))
            }
            return nil
        }

        /// What the disk gives once the proof is on it.
        func roster(with proof: ForkProof) throws -> Roster {
            var roster = Roster(mesh: TestIdentity.mesh, witness: TestWitness(), forks: [proof])
            for entry in stage.machine.roster.vector.entries where entry.replica != replica {
                for run in stage.genesis where run.replica == entry.replica { try roster.restore(run) }
            }
            for run in mine { try roster.restore(run) }
            return roster
        }
    }

    @Test(
        "R6: a run that does not follow leads to the event where the stories part; it is frozen there and told to all")
    func found() throws {
        var scene = Scene()
        let agreed = scene.theirs[1].last
        scene.stage.step(.received(.events([scene.theirs[3]]), on: scene.link))
        #expect(scene.stage.sent(to: scene.link).contains { if case .reject = $0 { true } else { false } })
        let found = scene.play()
        let proof = try #require(found)
        #expect(proof.agreedThrough == agreed)
        #expect(scene.stage.machine.roster.vector[scene.replica] == scene.mine[3].last, "nothing before it is durable")
        scene.stage.step(.frozen(try scene.roster(with: proof)))
        #expect(scene.stage.machine.roster.vector[scene.replica] == agreed)
        #expect(scene.stage.notifications.contains(.forked(scene.replica, at: agreed + 1)))
        for link in [scene.link, LinkID(2)] { #expect(scene.stage.sent(to: link).contains(.fork(proof))) }
        // A peer that links later hears of it with the first words, and nothing more is taken of either story.
        scene.stage.step(.linkDown(scene.link))
        scene.stage.step(.linkUp(LinkID(9), scene.stage.identity(1), dialed: true))
        scene.stage.step(.received(.hello(scene.stage.hello(1)), on: LinkID(9)))
        #expect(scene.stage.sent(to: LinkID(9)).contains(.fork(proof)))
        scene.stage.step(.received(.events([scene.mine[3]]), on: LinkID(9)))
        #expect(scene.stage.persisting == nil)
    }

    @Test("R6: equal vectors with unequal digests lead there as well")
    func divergence() throws {
        var scene = Scene()
        var vector = scene.stage.machine.roster.vector
        #expect(vector[scene.replica] == scene.mine[3].last)
        vector[scene.replica] = scene.mine[3].last
        scene.stage.step(.received(.context(digest: TestWitness.digest([7]), vector: vector), on: scene.link))
        #expect(scene.play()?.agreedThrough == scene.theirs[1].last)
    }

    @Test("R6, R10: a peer's proof is believed for what it shows, once; a forged one is counted; a full disk delays it")
    func heard() throws {
        var scene = Scene()
        scene.stage.step(.received(.events([scene.theirs[3]]), on: scene.link))
        let found = scene.play()
        let proof = try #require(found)
        var other = Scene()
        let forged = ForkProof(
            replica: proof.replica, agreedThrough: proof.agreedThrough, base: TestWitness.digest([1]), proof.first,
            proof.second)
        other.stage.step(.received(.fork(forged), on: other.link))
        #expect(other.stage.freezing == nil)
        #expect(other.stage.machine.counters.runsRejected == 1)
        other.stage.step(.received(.fork(proof), on: other.link))
        #expect(other.stage.freezing == proof)
        other.stage.step(.received(.fork(proof), on: other.link))
        #expect(other.stage.freezing == nil, "once")
        other.stage.step(.freezeFailed)
        other.stage.round()
        #expect(other.stage.freezing == proof)
        // Commands wait for it, and are written after it.
        let command = other.stage.command()
        #expect(other.stage.persisting == nil)
        other.stage.step(.frozen(try other.roster(with: proof)))
        #expect(other.stage.persisting != nil)
        other.stage.persistAll()
        #expect(other.stage.outcomes[command] != nil)
        // A proof that comes before the history that it is about waits for it.
        var fresh = GossipStage()
        let link = fresh.link(1)
        fresh.step(.received(.fork(proof), on: link))
        #expect(fresh.freezing == nil)
        fresh.step(.received(.events(Array(other.mine.prefix(1))), on: link))
        fresh.persistAll()
        fresh.step(.received(.fork(proof), on: link))
        #expect(fresh.freezing == nil)
        fresh.step(.received(.events(Array(other.mine[1...2])), on: link))
        fresh.persistAll()
        #expect(fresh.freezing == proof)
    }
}
