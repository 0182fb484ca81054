import BoltAPI
import ChaosKit
import Foundation

/// Carries out a plan on a mesh, and notes what it did.
actor Nemesis {
    /// A time in which writers may have waited, for the figures.
    struct Event: Sendable {
        let kind: String
        let partition: String
        let from: UInt64
        let to: UInt64
    }

    let mesh: ChaosMesh
    let fleet: Fleet
    let agents: AgentFleet?
    private(set) var counts: [String: Int] = [:]
    private(set) var skipped: [String: Int] = [:]
    private(set) var events: [Event] = []
    private(set) var bans: [BanRecord] = []
    private(set) var banned: [Int] = []
    private(set) var failures: [String] = []
    var absences: [EngineAbsence] = []
    var strikes: [RotStrike] = []
    var returns: [EmptyReturn] = []
    /// Where bits flip.
    var numbers: SeededNumbers
    private var lines: [String] = []
    private let began = RunClock.now

    init(_ mesh: ChaosMesh, _ fleet: Fleet, _ agents: AgentFleet? = nil, seed: UInt64) {
        (self.mesh, self.fleet, self.agents) = (mesh, fleet, agents)
        numbers = SeededNumbers(seed &+ 0x0D15_EA5E)
    }

    /// What was done when, a line each.
    var log: String { lines.joined(separator: "\n") + "\n" }

    /// Carries out a plan, or as much of it as fits before the deadline.
    func run(_ plan: NemesisPlan, until deadline: ContinuousClock.Instant) async throws {
        let start = ContinuousClock.now
        for step in plan.steps {
            let time = start + .seconds(step.at)
            guard max(time, ContinuousClock.now) < deadline else { break }
            try await Task.sleep(until: time)
            note("\(step.action)")
            if let why = try await perform(step.action) {
                note("  skipped: \(why)")
                skipped[step.action.name, default: 0] += 1
            } else {
                counts[step.action.name, default: 0] += 1
            }
        }
    }

    func note(_ line: String) {
        let seconds = Double(RunClock.now - began) / 1e9
        lines.append("\(String(format: "%8.3f", seconds)) \(line)")
    }

    /// Something that a command should have done and did not.
    func fail(_ what: String) {
        note("  FAILED: \(what)")
        failures.append(what)
    }

    func record(_ kind: String, _ partition: Int, from: UInt64) {
        events.append(Event(kind: kind, partition: mesh.partitions[partition], from: from, to: RunClock.now))
    }

    /// Does one thing, to its end; gives why it could not be done.
    private func perform(_ action: NemesisAction) async throws -> String? {
        switch action {
        case .kill(let target, let down): try await killed(target, down)
        case .cutPower(let down): try await powerCut(down)
        case .killAt(let target, let point, let count): try await killedAt(target, point, count)
        case .arm(let target, let point): try await arm(target, point)
        case .pause(let target, let seconds): try await paused(target, seconds)
        case .isolate(let target, let seconds): try await isolated(target, seconds)
        case .fillDisk(let target, let seconds): try await filled(target, seconds)
        case .failFlush(let target, let nth): try await flushFailed(target, nth)
        case .setClock(let hours): try clock(hours)
        case .failOver(let partition): try await failOver(partition)
        case .failOverPaused(let partition, let seconds): try await failOverPaused(partition, seconds)
        case .failOverSplit(let partition, let seconds): try await failOverSplit(partition, seconds)
        case .switchOver(let partition): try await switchOver(partition)
        case .ban(let writer): try await ban(writer)
        case .takeOver(let partition, let down): try await takeOver(partition, down)
        case .takeOverPaused(let partition, let seconds): try await takeOverPaused(partition, seconds)
        case .loseEngine(let trouble, let seconds): try await loseEngine(trouble, seconds)
        case .killWithoutEngine(let partition, let seconds): try await killWithoutEngine(partition, seconds)
        case .rot(let target, let isRunning): try await rot(target, isRunning: isRunning)
        case .emptyDisk(let partition, let isWhole): try await empty(partition, isWhole: isWhole)
        case .move(let partition, let weight): try await move(partition, weight)
        case .putBack: try await putBack()
        case .holdMoves(let seconds): try await holdMoves(seconds)
        case .killAgents(let down): try await agentsKilled(down)
        }
    }

    /// The bolt that a target names now; any of the partition's where no one has the role.
    func bolt(_ target: NemesisTarget) async -> ChaosBolt {
        switch target {
        case .bolt(let number): return mesh.bolts[number % mesh.bolts.count]
        case .primary(let partition): return await mesh.primary(partition) ?? mesh.members(partition)[0]
        case .standby(let partition):
            let members = mesh.members(partition)
            for bolt in members where await bolt.role() != 200 { return bolt }
            return members[members.count - 1]
        }
    }

    private func ban(_ number: Int) async throws -> String? {
        guard fleet.writers.indices.contains(number), !banned.contains(number) else { return "nobody to ban" }
        let writer = fleet.writers[number]
        await writer.expectBan()
        banned.append(number)
        // Asked of each in turn until one acknowledges: bans are every bolt's to take.
        for bolt in mesh.bolts {
            let output = try await mesh.control(
                ["envoy", "ban", writer.name, "--yes", "--bolt", bolt.address, "--request-timeout", "3"], seconds: 15)
            guard output.code == 0 || output.code == 5 else { continue }
            bans.append(BanRecord(envoy: writer.principal.apiText, bolt: bolt.address, end: RunClock.now))
            note("  by \(bolt.name)")
            return nil
        }
        return "no bolt took the ban"
    }
}
