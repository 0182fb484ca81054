import BoltAPI
import ChaosKit
import Foundation

/// One scenario from an empty folder to a verdict: a mesh, writers, trouble, healing, the end, the check.
struct ScenarioRun: Sendable {
    let settings: ChaosSettings
    let scenario: NemesisPlan.Scenario
    let partitions: [Int]
    let seed: UInt64
    /// Seconds of trouble.
    let seconds: Double

    /// Time for all bolts to be in their roles again once everything is healed, and for writers to get rid of all.
    private static let (healthSeconds, drainSeconds) = (90.0, 60.0)
    /// Time for every agent to tell all that it holds: each opens its queue and connects.
    private static let agentSeconds = 240.0

    /// Whether slices move in it.
    private var hasMoves: Bool { scenario == .rebalance || scenario == .results }

    func run() async throws -> ScenarioReport {
        let directory = "\(settings.directory)/\(scenario.rawValue)-\(seed)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let network = try await ChaosNetwork.make(
            bolts: partitions.reduce(0, +), onLoopback: scenario == .etcd)
        var mesh: ChaosMesh?
        do {
            let made = try await ChaosMesh(
                settings.shape(scenario, partitions: partitions), in: directory, network: network,
                programs: settings.programs)
            mesh = made
            var report = try await carryOut(made)
            await tidy(made, network)
            report.evidence = directory
            if report.isClean, !settings.keeps { try? FileManager.default.removeItem(atPath: directory) }
            return report
        } catch {
            // What was started is ended also after ctrl-c.
            let (mesh, network) = (mesh, network)
            await Task.detached { await tidy(mesh, network) }.value
            throw error
        }
    }

    private func tidy(_ mesh: ChaosMesh?, _ network: ChaosNetwork) async {
        await mesh?.end()
        for disk in mesh?.disks ?? [] { await disk.unmount() }
        await network.tearDown()
    }

    private func carryOut(_ mesh: ChaosMesh) async throws -> ScenarioReport {
        try await mesh.up()
        // Before the first topology there are no slices; envoys that are there already would have to be placed.
        if hasMoves { try await mesh.applyTopology() }
        let writers = settings.writers(in: scenario)
        let fleet = try await Fleet(count: writers, of: mesh, seed: seed)
        let agents = scenario == .results ? try await AgentFleet(count: settings.agents, of: mesh) : nil
        let nemesis = Nemesis(mesh, fleet, agents, seed: seed)
        var tools = settings.tools
        tools.canSplit = mesh.network.canSplit
        let plan = NemesisPlan(
            scenario, seed: seed, partitions: partitions, writers: writers, seconds: seconds, tools: tools)
        var report = ScenarioReport()
        report.title =
            "\(scenario.rawValue), seed \(seed): partitions of \(partitions.map(String.init).joined(separator: "+")) "
            + "bolts, \(mesh.network.name), \(writers) writers, \(Int(seconds)) s"
        let history = try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in fleet.writers {
                group.addTask { await writer.run(pause: .milliseconds(settings.pauseMilliseconds)) }
            }
            group.addTask { await mesh.supervise() }
            if let agents { group.addTask { await agents.run() } }
            defer { group.cancelAll() }
            // Twenty switchovers take the time that they take; elsewhere what does not fit is left out.
            let bound = scenario == .switchover ? max(seconds, 120) : seconds
            try await nemesis.run(plan, until: .now + .seconds(bound))
            return try await settle(mesh, fleet, agents, nemesis, &report)
        }
        report.violations = HistoryChecker.check(history)
        report.count(history.writers, await nemesis.events)
        report.count(history.agents)
        (report.actions, report.skipped) = (await nemesis.counts, await nemesis.skipped)
        report.complaints += await nemesis.failures
        report.complaints += await mesh.complaints
        report.restarts = await mesh.restarts
        if scenario == .switchover { report.judgeSwitchovers() }
        try JSONEncoder().encode(history).write(to: URL(fileURLWithPath: mesh.directory + "/history.json"))
        try await nemesis.log.write(toFile: mesh.directory + "/nemesis.log", atomically: true, encoding: .utf8)
        return report
    }

    /// Heals everything, lets it converge, stops it and reads the disks.
    private func settle(
        _ mesh: ChaosMesh, _ fleet: Fleet, _ agents: AgentFleet?, _ nemesis: Nemesis, _ report: inout ScenarioReport
    ) async throws -> MeshHistory {
        await nemesis.note("heal")
        await mesh.heal()
        let gaps = try await mesh.waitForHealth(seconds: Self.healthSeconds)
        report.complaints += gaps.map { "not healed in time: \($0)" }
        await nemesis.note("healed: \(gaps.isEmpty ? "all" : gaps.joined(separator: "; "))")
        if hasMoves, gaps.isEmpty {
            report.complaints += try await nemesis.endMoves()
            await nemesis.note("moves ended")
        }
        await fleet.enter(.drain)
        let waiting = try await fleet.waitUntilEmpty(seconds: gaps.isEmpty ? Self.drainSeconds : 10)
        await nemesis.note("drained: \(waiting) wait")
        if let agents {
            report.complaints += try await agents.drain(seconds: gaps.isEmpty ? Self.agentSeconds : 10)
            await nemesis.note("agents drained")
        }
        if gaps.isEmpty {
            let missing = try await mesh.waitForRedundancy(seconds: Self.healthSeconds)
            report.complaints += missing.map { "not redundant in time: \($0)" }
            await nemesis.note("redundant: \(missing.isEmpty ? "all" : missing.joined(separator: "; "))")
        }
        let probes = try await probe(fleet, await nemesis.banned, mesh)
        await fleet.enter(.stop)
        var primaries: [String?] = []
        for partition in mesh.partitions.indices { primaries.append(await mesh.primary(partition)?.name) }
        await mesh.end()
        await nemesis.note("ended")
        let envoys = fleet.writers.map(\.principal) + (agents?.principals ?? [])
        let ends = DiskReader(mesh: mesh, envoys: envoys).read(primaries: primaries)
        return MeshHistory(
            writers: await fleet.histories(), partitions: ends, bans: await nemesis.bans, probes: probes,
            absences: await nemesis.absences, strikes: await nemesis.strikes, returns: await nemesis.returns,
            agents: try await agents?.histories() ?? [])
    }

    /// Banned envoys try again at every bolt, until none serves them or the time is over.
    private func probe(_ fleet: Fleet, _ banned: [Int], _ mesh: ChaosMesh) async throws -> [BanProbe] {
        var probes: [BanProbe] = []
        for number in banned {
            let writer = fleet.writers[number]
            for bolt in mesh.bolts {
                let refused: Bool? = try await Waiting.until(seconds: 20) {
                    await writer.isServed(at: bolt.address) ? nil : true
                }
                probes.append(
                    BanProbe(envoy: writer.principal.apiText, bolt: bolt.address, isAccepted: refused != true))
            }
        }
        return probes
    }
}

extension ScenarioReport {
    /// Acceptance 3: all of them done, and no write failed.
    mutating func judgeSwitchovers() {
        let done = actions["switchover"] ?? 0
        if done < NemesisPlan.switchovers {
            complaints.append("only \(done) switchovers of \(NemesisPlan.switchovers)")
        }
        let writes = failed.values.reduce(0, +)
        if writes > 0 { complaints.append("\(writes) writes failed under switchovers") }
    }
}
