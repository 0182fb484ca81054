import BoltAPI
import BoltClient
import CRDT
import Foundation
import Spanner

/// V7: machines under policy go on while every bolt is dead, follow what they are themselves, and tell all of it later.
@MainActor enum PolicyStep {
    private static let agents = 3
    /// Results that each agent is to have made while nobody was there.
    private static let offline: Int64 = 3

    static func run(_ demo: DemoRun) async throws {
        for partition in partitions(demo) { _ = try await demo.waitForRedundancy(partition) }
        guard try await publish(demo) else { return }
        let agents = try await start(demo)
        try await apply(demo, agents)
        let offline = try await loseAll(demo, agents)
        try await comeBack(demo, agents, offline)
    }

    private static func partitions(_ demo: DemoRun) -> [PartitionName] {
        Array(Set(demo.mesh.bolts.map(\.partition))).sorted()
    }

    /// The example stack, in force at every partition.
    private static func publish(_ demo: DemoRun) async throws -> Bool {
        let files = try DemoStack.make(at: "\(demo.mesh.directory)/stack", from: demo.stack)
        let desk = StackDesk(session: try demo.mesh.session())
        let (inForce, seconds) = try await demo.timed { () -> [String] in
            var lines: [String] = []
            for partition in partitions(demo) {
                let request = PublishStackRequest(partition: partition, files: files, reason: "demo: V7")
                let answer: StackChangeResponse = try await desk.change(
                    .publishStack, of: partition, body: request, dryRun: false)
                if let revision = answer.inForce { lines.append("\(partition) version \(revision.version)") }
            }
            return lines
        }
        let isDone = inForce.count == partitions(demo).count
        demo.record(
            "V7", "examples/stack is in force at every partition", isDone, seconds, inForce.joined(separator: ", "))
        return isDone
    }

    /// Machines with scratch roots, enrolled at as many bolts, whose agents run.
    private static func start(_ demo: DemoRun) async throws -> [DemoAgent] {
        let token = try await demo.token(uses: 10, from: demo.mesh.bolts[0])
        for number in 1...Self.agents {
            let bolt = demo.mesh.bolts[(number - 1) * 2 % demo.mesh.bolts.count]
            let name = "site-\(number)"
            guard try await demo.enrol(name, at: bolt, token: token) else { continue }
            let agent = try DemoAgent(
                demo.envoyProgram, name: name, state: "\(demo.mesh.directory)/envoys/\(name)",
                below: demo.mesh.directory)
            try agent.tell(DemoStack.trait, "calm")
            try agent.start()
            demo.agents.append(agent)
        }
        return demo.agents
    }

    private static func apply(_ demo: DemoRun, _ agents: [DemoAgent]) async throws {
        let (done, seconds) = try await demo.timed { try await waitForWeather("calm", at: agents) }
        let files = agents.reduce(0) { $0 + $1.files }
        demo.record(
            "V7", "real agents apply it below scratch roots", done && agents.count == Self.agents && files > 0,
            seconds, "\(agents.count) agents made \(Plural.text(files, "file"))")
    }

    /// kill −9 of every bolt; the machines change. Gives how many results wait at each.
    private static func loseAll(_ demo: DemoRun, _ agents: [DemoAgent]) async throws -> [Int64] {
        for bolt in demo.mesh.bolts { try await demo.kill9(bolt) }
        for agent in agents {
            try agent.tell(DemoStack.trait, "storm")
            agent.remove("/etc/example/motd")
        }
        let (done, seconds) = try await demo.timed {
            let follow = try await waitForWeather("storm", at: agents)
            let mend: Bool? = try await Waiting.until(seconds: 20) {
                agents.allSatisfy { $0.content("/etc/example/motd") != nil } ? true : nil
            }
            return follow && mend == true
        }
        let isAlone = demo.mesh.bolts.allSatisfy { $0.runningPID == nil }
        demo.record(
            "V7", "all bolts killed -9, a trait changes: agents re-converge offline, as their files show",
            done && isAlone && agents.allSatisfy(\.isRunning), seconds,
            "\(DemoStack.path) follows, a removed file is back, on \(Plural.text(agents.count, "machine"))")
        var waiting: [Int64] = []
        for agent in agents {
            let count: Int64? = try await Waiting.until(seconds: 20) {
                guard let count = try await agent.waiting(), count >= offline else { return nil }
                return count
            }
            waiting.append(count ?? 0)
        }
        return waiting
    }

    /// All bolts return; every result arrives.
    private static func comeBack(_ demo: DemoRun, _ agents: [DemoAgent], _ offline: [Int64]) async throws {
        for bolt in demo.mesh.bolts { try demo.start(bolt) }
        let (whole, back) = try await demo.timed { () -> Bool in
            for partition in partitions(demo) {
                guard try await demo.waitForRedundancy(partition, seconds: 60) != nil else { return false }
            }
            return true
        }
        demo.record(
            "V7", "all bolts come back by themselves", whole, back, "\(demo.mesh.bolts.count) bolts, all in sync")
        let (isEmpty, flush) = try await demo.timed { () -> Bool in
            for agent in agents {
                let empty: Bool? = try await Waiting.until(seconds: 60, every: .milliseconds(200)) {
                    try await agent.waiting() == 0 ? true : nil
                }
                guard empty == true else { return false }
            }
            return true
        }
        demo.record(
            "V7", "what they did offline is told", isEmpty, flush,
            "\(offline.map(String.init).joined(separator: ", ")) results had waited")
        for agent in agents { try await agent.stop() }
        let (found, seconds) = try await demo.timed { try await faults(demo, agents, offline) }
        demo.record(
            "V7", "every result is there once, in order", found.lines.isEmpty && found.count > 0, seconds,
            found.lines.first ?? "\(found.count) results of \(Plural.text(agents.count, "machine"))")
    }

    private static func faults(
        _ demo: DemoRun, _ agents: [DemoAgent], _ offline: [Int64]
    ) async throws -> (count: Int, lines: [String]) {
        let client = try demo.mesh.session().client
        defer { client.close() }
        var (count, lines) = (0, [String]())
        for (agent, waited) in zip(agents, offline) {
            let told = try await agent.told(by: client)
            count += told.count
            if let fault = told.fault { lines.append(fault) }
            if told.count < Int(waited) { lines.append("\(agent.name): \(told.count) results, \(waited) had waited") }
        }
        return (count, lines)
    }

    private static func waitForWeather(_ weather: String, at agents: [DemoAgent]) async throws -> Bool {
        let done: Bool? = try await Waiting.until(seconds: 40) {
            agents.allSatisfy { $0.content(DemoStack.path) == "\(weather)\n" } ? true : nil
        }
        return done ?? false
    }
}
