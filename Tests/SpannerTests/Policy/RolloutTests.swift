import CRDT
import Spanner
import Testing

@Suite("Roll-outs: who is given a version now")
struct RolloutTests {
    private func ids(_ range: Range<UInt64>) -> [PrincipalID] { range.map { PrincipalID(high: 1, low: $0) } }
    private func id(_ number: UInt64) -> PrincipalID { PrincipalID(high: 1, low: number) }

    private func given(_ effects: [Rollout.Effect]) -> [PrincipalID] {
        effects.flatMap { effect -> [PrincipalID] in
            if case .give(let envoys) = effect { return envoys }
            return []
        }
    }

    @Test("A policy that would let nobody through is refused, with the number that would do")
    func blocks() throws {
        #expect(RolloutPolicy().blocks(of: 0) == nil && RolloutPolicy().blocks(of: 9) == nil)
        #expect(RolloutPolicy(maxConcurrent: 1, minStanding: 8).blocks(of: 9) == nil)
        let standing = try #require(RolloutPolicy(minStanding: 9).blocks(of: 9))
        #expect(standing.contains("min_standing is 9") && standing.contains("at most 8"))
        let none = try #require(RolloutPolicy(maxConcurrent: 0).blocks(of: 9))
        #expect(none.contains("max_concurrent is 0") && none.contains("at least 1"))
        #expect(RolloutPolicy(minStanding: 3).blocks(of: 0) == nil)
    }

    @Test("Exactly the policies that are not refused let everybody through", arguments: 1...6 as ClosedRange<UInt64>)
    func blocksExactly(machines: UInt64) {
        for concurrent in [nil, 0, 1, 2, 7] as [UInt64?] {
            for standing in 0...8 as ClosedRange<UInt64> {
                let policy = RolloutPolicy(maxConcurrent: concurrent, minStanding: standing, maxFail: 0)
                var rollout = Rollout(policy: policy, machines: machines)
                var waiting = given(rollout.step(.offered(ids(0..<machines))))
                while let next = waiting.popLast() { waiting += given(rollout.step(.succeeded(next))) }
                let isDone = rollout.status.state == .finished
                #expect(isDone == (policy.blocks(of: machines) == nil), "\(policy) of \(machines)")
            }
        }
    }

    @Test("It gives so many at a time, in order, and goes on as they succeed")
    func concurrent() {
        var rollout = Rollout(policy: RolloutPolicy(maxConcurrent: 2), machines: 5)
        #expect(given(rollout.step(.offered(ids(0..<5).reversed()))) == ids(0..<2))
        #expect(rollout.step(.given(ids(0..<2))).isEmpty)
        #expect(rollout.status.reason?.contains("max_concurrent") == true)
        #expect(given(rollout.step(.succeeded(id(1)))) == [id(2)])
        #expect(rollout.step(.succeeded(id(1))).isEmpty, "told twice")
        #expect(rollout.step(.succeeded(id(4))).isEmpty, "it was not given the version")
        #expect(given(rollout.step(.gone(id(0)))) == [id(3)])
        #expect(given(rollout.step(.succeeded(id(2)))) == [id(4)])
        _ = rollout.step(.succeeded(id(3)))
        #expect(rollout.step(.succeeded(id(4))).contains(.finished))
        let status = rollout.status
        #expect(status.state == .finished && status.succeeded == 4 && status.waiting == 0 && status.given == 0)
    }

    @Test("It stops at one failure more than may be; an operator lets it go on, with the count begun anew")
    func failures() {
        var rollout = Rollout(policy: RolloutPolicy(maxConcurrent: 1, maxFail: 1), machines: 9)
        _ = rollout.step(.offered(ids(0..<9)))
        #expect(given(rollout.step(.failed(id(0)))) == [id(1)])
        let effects = rollout.step(.failed(id(1)))
        #expect(effects == [.halted(failed: 2), .notify(.changed(.halted))])
        #expect(rollout.step(.fleet(10)).isEmpty)
        #expect(given(rollout.step(.resume)) == [id(2)])
        #expect(given(rollout.step(.failed(id(2)))) == [id(3)])
        #expect(rollout.step(.failed(id(3))).contains(.halted(failed: 4)))
        // One that failed and then did it is no failure any more.
        #expect(rollout.step(.succeeded(id(0))).isEmpty)
        #expect(rollout.status.failed == 3 && rollout.status.succeeded == 1)
    }

    @Test("It never leaves fewer standing than it has to: failed and silent ones do not stand")
    func standing() {
        var rollout = Rollout(policy: RolloutPolicy(minStanding: 3), machines: 5)
        #expect(given(rollout.step(.offered(ids(0..<5)))) == ids(0..<2))
        #expect(rollout.status.reason?.contains("min_standing") == true)
        #expect(rollout.step(.failed(id(0))).isEmpty)
        let held = rollout.step(.silent(id(1)))
        #expect(held == [.notify(.held(standing: 3, needed: 3))])
        #expect(rollout.step(.fleet(5)).isEmpty, "said once")
        #expect(given(rollout.step(.fleet(6))) == [id(2)])
        #expect(given(rollout.step(.succeeded(id(1)))) == [id(3)], "heard of again")
    }

    @Test("Paused it gives nobody; aborted it ends; what does not fit changes nothing")
    func control() {
        var rollout = Rollout(policy: RolloutPolicy(maxConcurrent: 1), machines: 3)
        _ = rollout.step(.offered(ids(0..<3)))
        #expect(rollout.step(.pause) == [.notify(.changed(.paused))])
        #expect(rollout.step(.pause) == [.notify(.unfit(.paused))])
        #expect(rollout.step(.succeeded(id(0))).isEmpty)
        #expect(given(rollout.step(.resume)) == [id(1)])
        #expect(rollout.step(.abort) == [.notify(.changed(.aborted))])
        #expect(rollout.step(.resume) == [.notify(.unfit(.aborted))])
        #expect(rollout.step(.succeeded(id(1))).isEmpty)
        #expect(rollout.status.waiting == 1 && rollout.status.succeeded == 2)
    }

    @Test("Large ones come in pieces, and later offers open a finished one again")
    func pieces() {
        var rollout = Rollout(policy: RolloutPolicy(), machines: 3000)
        let effects = rollout.step(.offered(ids(0..<3000)))
        let sizes = effects.compactMap { effect -> Int? in
            if case .give(let envoys) = effect { return envoys.count }
            return nil
        }
        #expect(sizes == [1024, 1024, 952])
        for number in 0..<3000 as Range<UInt64> { _ = rollout.step(.succeeded(id(number))) }
        #expect(rollout.status.state == .finished)
        #expect(given(rollout.step(.offered([id(1), id(5000)]))) == [id(5000)])
        #expect(rollout.status.state == .running)
    }

    /// Who is given a version at once was not offered it: the roll-out was done before they had told anything.
    @Test("It is not done while somebody who was given it at once has told nothing")
    func atOnce() {
        var rollout = Rollout(policy: RolloutPolicy(), machines: 1)
        _ = rollout.step(.fleet(1))
        #expect(rollout.step(.given([id(0)])) == [.notify(.changed(.running))])
        #expect(rollout.status.state == .running && rollout.status.given == 1)
        #expect(rollout.step(.given([id(0)])).isEmpty, "told twice")
        #expect(rollout.step(.succeeded(id(0))).contains(.finished))
        // Who told already is not waited for again.
        #expect(rollout.step(.given([id(0)])).isEmpty && rollout.status.state == .finished)
    }

    @Test("Bounds hold at each step, and one put back from its record goes on", arguments: 0..<60 as Range<UInt64>)
    func law(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let policy = RolloutPolicy(
            maxConcurrent: 1 + generator.below(4), minStanding: generator.below(6), maxFail: generator.below(5))
        var rollout = Rollout(policy: policy, machines: 20)
        _ = rollout.step(.offered(ids(0..<20)))
        for _ in 0..<200 {
            let envoy = id(generator.below(20))
            let before = rollout.status
            let effects: [Rollout.Effect]
            switch generator.below(10) {
            case 0: effects = rollout.step(.failed(envoy))
            case 1: effects = rollout.step(.silent(envoy))
            case 2: effects = rollout.step(.pause)
            case 3: effects = rollout.step(.resume)
            case 4: effects = rollout.step(.offered([envoy]))
            default: effects = rollout.step(.succeeded(envoy))
            }
            let status = rollout.status
            #expect(status.waiting + status.given + status.succeeded + status.failed + status.silent == 20)
            if !given(effects).isEmpty {
                #expect(status.given <= policy.maxConcurrent ?? 0)
                #expect(20 - status.given - status.failed - status.silent >= policy.minStanding)
                #expect(before.state == .running || before.state == .paused || before.state == .halted)
            }
            let record = ids(0..<20).compactMap { envoy in rollout.place(of: envoy).map { (envoy, $0) } }
            var again = Rollout(
                policy: policy, machines: 20, state: status.state, forgiven: rollout.forgivenFailures)
            again.restore(record)
            #expect(again.status == status)
            var rest = rollout
            #expect(given(again.step(.fleet(40))) == given(rest.step(.fleet(40))))
        }
    }

    @Test("A policy has one encoding")
    func encoding() throws {
        for policy in [RolloutPolicy(), RolloutPolicy(maxConcurrent: 5, minStanding: 2, maxFail: 1)] {
            var decoder = CanonicalDecoder(policy.canonicalBytes)
            #expect(try RolloutPolicy(from: &decoder) == policy)
            try decoder.finish()
        }
    }
}
