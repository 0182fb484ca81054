import ChaosKit
import Testing

@Suite struct NemesisPlanTests {
    private static var everything: NemesisTools {
        var tools = NemesisTools()
        (tools.hasFaultPoints, tools.canSplit, tools.canMount) = (true, true, true)
        (tools.canInject, tools.canSetClock, tools.canLease) = (true, true, true)
        return tools
    }

    private func plan(
        _ scenario: NemesisPlan.Scenario, _ seed: UInt64, tools: NemesisTools = everything,
        partitions: [Int] = [2, 2, 2]
    ) -> NemesisPlan {
        NemesisPlan(scenario, seed: seed, partitions: partitions, writers: 64, seconds: 120, tools: tools)
    }

    @Test("a seed replays the nemesis' choices, another one makes others", arguments: NemesisPlan.Scenario.allCases)
    func replay(_ scenario: NemesisPlan.Scenario) {
        for seed in UInt64(1)...20 { #expect(plan(scenario, seed) == plan(scenario, seed), "seed \(seed)") }
        guard scenario != .switchover else { return }
        #expect(Set((UInt64(1)...20).map { plan(scenario, $0) }).count == 20)
    }

    @Test("steps ascend and lie within the time", arguments: NemesisPlan.Scenario.allCases)
    func times(_ scenario: NemesisPlan.Scenario) {
        for seed in UInt64(1)...50 {
            let times = plan(scenario, seed).steps.map(\.at)
            #expect(!times.isEmpty && times == times.sorted(), "seed \(seed)")
            #expect(scenario == .switchover || times.allSatisfy { $0 < 120 }, "seed \(seed)")
        }
    }

    @Test("acceptance 2, 3: half a minute of sleep while another is promoted; twenty switchovers and nothing else")
    func acceptance() {
        let sleeps = (UInt64(1)...20).filter { seed in
            plan(.pause, seed).steps.contains { step in
                if case .failOverPaused(_, 30) = step.action { true } else { false }
            }
        }
        #expect(sleeps.count == 20)
        let switchovers = plan(.switchover, 1).steps
        #expect(switchovers.count == 20 && switchovers.allSatisfy { $0.action.name == "switchover" })
    }

    @Test("acceptance 2, P9: by leases: half a minute of sleep, then each trouble of the engine before any comes again")
    func leases() {
        for seed in UInt64(1)...20 {
            let actions = NemesisPlan(
                .etcd, seed: seed, partitions: [2, 2, 2], writers: 0, seconds: 120, tools: Self.everything
            ).steps.map(\.action)
            guard case .takeOverPaused(_, 30) = actions.first else {
                Issue.record("seed \(seed): \(actions)")
                continue
            }
            let round = Set(actions.dropFirst().prefix(7).map(\.name))
            #expect(round.count == 7, "seed \(seed): \(round)")
            let short = NemesisPlan(
                .etcd, seed: seed, partitions: [2], writers: 0, seconds: 30, tools: Self.everything)
            guard case .takeOverPaused(0, let seconds)? = short.steps.first?.action else {
                Issue.record("seed \(seed): \(short.steps)")
                continue
            }
            #expect(seconds <= 10, "seed \(seed)")
        }
    }

    @Test("D4, P4: bits flip on primaries and standbys, down and running; databases and whole disks are emptied")
    func disks() {
        for seed in UInt64(1)...20 {
            var (rot, empty) = (Set<String>(), Set<Bool>())
            for step in plan(.rot, seed, partitions: [1, 2]).steps {
                guard case .rot(let target, let isRunning) = step.action else { continue }
                #expect([.primary(1), .standby(1)].contains(target), "seed \(seed)")
                rot.insert("\(target) \(isRunning)")
            }
            for step in plan(.empty, seed, partitions: [1, 2]).steps {
                guard case .emptyDisk(let partition, let isWhole) = step.action else { continue }
                #expect(partition == 1, "seed \(seed)")
                empty.insert(isWhole)
            }
            #expect(rot.count == 4 && empty.count == 2, "seed \(seed): \(rot), \(empty)")
        }
    }

    @Test("slices move all the time, and primaries die two at a time meanwhile")
    func moves() {
        for seed in UInt64(1)...20 {
            let actions = plan(.rebalance, seed).steps.map(\.action.name).filter { $0 != "ban" }
            let moves = actions.count { $0 == "move" }
            let deaths = actions.count { $0.hasPrefix("kill") }
            #expect(actions.first == "move" && moves > 3 && deaths >= 2 * (moves - 1), "seed \(seed): \(actions)")
        }
        #expect(plan(.rebalance, 1, partitions: [2]).steps.allSatisfy { $0.action.name == "ban" })
    }

    @Test("agents and bolts die, primaries are replaced and slices move, each before any of them comes again")
    func results() {
        for seed in UInt64(1)...20 {
            let actions = plan(.results, seed).steps.map(\.action.name).filter { $0 != "ban" }
            let agents = actions.count { $0 == "kill of agents" }
            #expect(actions.first == "move" && agents >= actions.count / 5, "seed \(seed): \(actions)")
            #expect(actions.contains { $0.hasPrefix("failover") || $0 == "switchover" }, "seed \(seed): \(actions)")
            #expect(actions.contains { $0 == "kill" || $0 == "power cut" }, "seed \(seed): \(actions)")
        }
        let alone = plan(.results, 1, partitions: [1]).steps.map(\.action.name).filter { $0 != "ban" }
        #expect(Set(alone).isSubset(of: ["kill of agents", "kill", "power cut"]))
    }

    @Test("nothing is planned that this machine can't do, or that a partition of one bolt can't")
    func tools() {
        #expect(plan(.split, 1, tools: NemesisTools()).steps.isEmpty)
        #expect(plan(.clock, 1, tools: NemesisTools()).steps.isEmpty)
        #expect(plan(.etcd, 1, tools: NemesisTools()).steps.allSatisfy { $0.action.name == "ban" })
        #expect(plan(.switchover, 1, partitions: [1, 1]).steps.isEmpty)
        let disk = plan(.disk, 1, tools: NemesisTools()).steps
        #expect(disk.allSatisfy { $0.action.name == "ban" })
        for seed in UInt64(1)...20 {
            for scenario in [NemesisPlan.Scenario.etcd, .rot, .empty] {
                #expect(plan(scenario, seed, partitions: [1, 1]).steps.allSatisfy { $0.action.name == "ban" })
            }
            for scenario in [NemesisPlan.Scenario.kill, .pause, .split] {
                let names = Set(plan(scenario, seed, partitions: [1, 1, 1]).steps.map(\.action.name))
                #expect(names.allSatisfy { !$0.hasPrefix("failover") && $0 != "switchover" }, "seed \(seed)")
            }
        }
    }

    @Test("what is armed is set off by a change of the same partition's primary that comes next")
    func armed() {
        var count = 0
        for seed in UInt64(1)...20 {
            let steps = plan(.kill, seed).steps
            for (step, next) in zip(steps, steps.dropFirst()) {
                guard case .arm(let target, _) = step.action else { continue }
                count += 1
                let partition =
                    switch target {
                    case .primary(let number), .standby(let number), .bolt(let number): number
                    }
                #expect([.failOver(partition), .switchOver(partition)].contains(next.action), "seed \(seed)")
            }
        }
        #expect(count > 10)
    }

    @Test("every action comes up in some seed")
    func all() {
        var names: Set<String> = []
        for scenario in NemesisPlan.Scenario.allCases {
            for seed in UInt64(1)...30 { names.formUnion(plan(scenario, seed).steps.map(\.action.name)) }
        }
        #expect(names.count == 29, "\(names.sorted())")
    }

    @Test("pauses: the longest time without an answer that touches a span")
    func pauses() {
        let calls = [1, 2, 3, 7, 8].map { Histories.call($0, stored: 0, released: 0, sent: nil) }
        var writer = Histories.writer
        writer.calls = calls
        let pauses = Pauses([writer])
        #expect(pauses.longest("north", from: 3_600, to: 4_000) == 4_000)
        #expect(pauses.longest("north", from: 1_600, to: 2_000) == 1_000)
        #expect(pauses.longest("north", from: 7_600, to: 9_000) == nil)
        #expect(pauses.longest("south", from: 0, to: 1) == nil)
        #expect(Pauses.quantile(0.5, of: [4, 1, 3, 2]) == 2 && Pauses.quantile(0.99, of: [4, 1, 3, 2]) == 4)
        #expect(Pauses.quantile(0.5, of: []) == nil)
    }
}
