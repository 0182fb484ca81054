import CRDT
import Spanner
import SpannerTestKit
import Testing

@Suite("Roster laws on generated histories")
struct RosterLawTests {
    /// Everything that the roster answers, as lines.
    static func view(_ roster: Roster, _ histories: RosterHistories) -> [String] {
        var lines = histories.allKeys.flatMap { key in
            PrincipalRole.allCases.map { "\(key.bytes.shortHex) \($0) \(roster.standingText(key, $0))" }
        }
        lines += histories.tokens.map { "\($0) \(roster.tokenText($0))" }
        lines += histories.world.bolts.map { "\($0.replica) cut \(roster.cut(of: $0.replica).map(String.init) ?? "-")" }
        return lines
    }

    static func view(_ oracle: RosterOracle, _ histories: RosterHistories) -> [String] {
        var lines = histories.allKeys.flatMap { key in
            PrincipalRole.allCases.map { "\(key.bytes.shortHex) \($0) \(oracle.standing(key, $0))" }
        }
        lines += histories.tokens.map { "\($0) \(oracle.token($0))" }
        lines += histories.world.bolts.map { "\($0.replica) cut \(oracle.cuts[$0.replica].map(String.init) ?? "-")" }
        return lines
    }

    @Test("R3: any order of arrival gives the same digest and the same answers, those of the naive oracle")
    func orderDoesNotMatter() {
        var words: [String: Int] = [:]
        defer {
            // Histories that never get into a state prove nothing about it.
            for word in ["active", "contested", "superseded", "removed", "banned", "unknown", "cut"] {
                #expect(words[word, default: 0] >= 20, "\(word) was seen \(words[word, default: 0]) times")
            }
        }
        for seed in UInt64(1)...260 {
            var histories = RosterHistories(seed: seed)
            histories.run(12 + Int(seed % 30))
            let oracle = RosterOracle(histories.world.events, witness: RosterWorld.witness)
            let expected = RosterLawTests.view(oracle, histories)
            for line in expected {
                let parts = line.split(separator: " ")
                guard parts.count >= 3 else { continue }
                words[parts[1] == "cut" && parts[2] != "-" ? "cut" : String(parts[2]), default: 0] += 1
            }
            var digests: Set<Bytes32> = []
            for _ in 0..<3 {
                let roster = histories.world.merged(&histories.random)
                digests.insert(roster.digest)
                let view = RosterLawTests.view(roster, histories)
                for (line, wanted) in zip(view, expected) where line != wanted {
                    Issue.record("seed \(seed):\n got  \(line)\n want \(wanted)")
                    return
                }
                #expect(roster.conflicts == histories.world.merged(&histories.random).conflicts, "seed \(seed)")
            }
            #expect(digests.count == 1, "seed \(seed)")
        }
    }

    @Test("R2: once a bolt has recorded a ban, it accepts no key of that lineage in any later state")
    func bansAreForEver() {
        for seed in UInt64(1000)...1150 {
            var histories = RosterHistories(seed: seed)
            var banned = histories.world.bolts.map { _ in Set<KeyFingerprint>() }
            for _ in 0..<40 {
                histories.run(1)
                for (place, bolt) in histories.world.bolts.enumerated() {
                    for key in histories.allKeys {
                        if case .banned = bolt.roster.standing(of: key) {
                            banned[place].insert(key)
                        } else if banned[place].contains(key) {
                            Issue.record("seed \(seed): ban of \(key) lifted at bolt \(place)")
                            return
                        }
                    }
                }
            }
            let merged = histories.world.merged(&histories.random)
            for key in banned.reduce(Set(), { $0.union($1) }) {
                #expect(merged.ban(covering: key) != nil, "seed \(seed)")
            }
        }
    }

    @Test("R2: a ban stands after every order of six operations of three bolts, cuts and re-keying among them")
    func bansStandInAllPermutations() throws {
        var world = RosterWorld(bolts: 3)
        let (ada, bob) = (world.operators[0], world.operators[1])
        let victim = world.write(0, .admit(envoy(1)))
        world.hearAll()
        let opened = world.bolts.map(\.runs.count)
        var amendment = Amendment(base: victim)
        amendment.rekey = TestWitness.rekey(id(1), from: key(1), to: key(2))
        // On all sides of splits: a ban, its carrier banned with nothing seen, re-keying, re-admission, removal.
        world.act(.ban(keys: [key(1)], principal: nil, cut: .init()), by: ada, at: 1)
        world.act(.admit(member(RosterWorld.bolt(1), 1)), by: ada, at: 1)
        world.act(.ban(keys: [RosterWorld.bolt(1).author.tlsKey], principal: nil, cut: .init()), by: bob, at: 2)
        world.act(.ban(keys: [ada.author.tlsKey], principal: nil, cut: .init()), by: bob, at: 2)
        world.write(0, .amend(amendment))
        world.write(0, .admit(envoy(3, name: "envoy-1", key: key(2))))
        let late = world.bolts.enumerated().flatMap { place, bolt in
            bolt.runs.dropFirst(opened[place]).map { (place, $0) }
        }
        var orders = 0
        var digests: Set<Bytes32> = []
        func permute(_ roster: Roster, _ rest: [(Int, SignedRun)], banned: Bool) {
            var seen = Set<Int>()
            for (place, (owner, run)) in rest.enumerated() where seen.insert(owner).inserted {
                var next = roster
                RosterWorld.take(run, into: &next)
                let now = next.ban(covering: key(1)) != nil
                #expect(now || !banned, "lifted")
                if now { #expect(next.standing(of: key(1)).principal == nil) }
                var others = rest
                others.remove(at: place)
                permute(next, others, banned: now)
            }
            if rest.isEmpty {
                orders += 1
                digests.insert(roster.digest)
                #expect(roster.ban(covering: key(1)) != nil)
                #expect(roster.ban(covering: key(2)) != nil)
                #expect(roster.principals(role: .envoy).isEmpty)
            }
        }
        var start = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness)
        for (place, bolt) in world.bolts.enumerated() {
            for run in bolt.runs.prefix(opened[place]) { RosterWorld.take(run, into: &start) }
        }
        permute(start, late, banned: false)
        #expect(orders == 90)
        #expect(digests.count == 1)
    }

    @Test("Each deliberate fault of the merge is seen by these laws", arguments: RosterMutation.allCases)
    func mutantsAreCaught(_ mutation: RosterMutation) {
        if mutation == .gapsAreApplied {
            let world = gapWorld(mutation)
            #expect(world.digest != gapWorld(nil).digest || world.vector != gapWorld(nil).vector)
            return
        }
        let caught = (UInt64(1)...300).contains { seed in
            var histories = RosterHistories(seed: seed)
            histories.run(12 + Int(seed % 30))
            let oracle = RosterOracle(histories.world.events, witness: RosterWorld.witness)
            let roster = histories.world.merged(&histories.random, mutation: mutation)
            return RosterLawTests.view(roster, histories) != RosterLawTests.view(oracle, histories)
        }
        #expect(caught, "\(mutation) passed 300 histories")
    }

    private func gapWorld(_ mutation: RosterMutation?) -> Roster {
        var world = RosterWorld(bolts: 2)
        world.write(0, .admit(envoy(1)))
        world.write(0, .admit(envoy(2)))
        var roster = Roster(mesh: TestIdentity.mesh, witness: RosterWorld.witness, mutation: mutation)
        RosterWorld.take(world.bolts[0].runs[0], into: &roster)
        if case .success(let checked) = roster.check(world.bolts[0].runs[2]) { roster.apply(checked) }
        return roster
    }
}
