import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity
import Logging

/// `bolt-envoy run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks in, again and again; results wait on disk until their owner has them safe.",
        discussion: """
            Goes on when no bolt answers, with exponential backoff and full jitter. SIGTERM ends it cleanly.

              bolt-envoy run
              bolt-envoy run --once -o json

            Exit codes with --once: 0 all is stored, or kept by another bolt while the owner is away, 1 some still \
            waits, 69 no bolt took it, 77 the mesh refuses this machine. What was not stored is kept.
            """)

    @Flag(help: "One pass: deliver what waits, then end.")
    var once = false
    @Option(help: "Seconds between check-ins; default: what the owner asks for.")
    var interval: Double?
    @Option(help: "With --once: seconds after which no further report is begun.")
    var timeout: Int = 300
    @Option(name: .customLong("bolt"), help: "A bolt to ask, host:port, instead of those known.")
    var bolts: [String] = []
    @Flag(help: "Log more.")
    var verbose = false
    @OptionGroup var state: StateOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let interval, !(interval >= 0.1 && interval <= 86_400) {
            throw ValidationError("--interval is 0.1 to 86400 seconds")
        }
        guard (1...86_400).contains(timeout) else { throw ValidationError("--timeout is 1 to 86400 seconds") }
    }

    mutating func run() async throws {
        try TokenInput.check(bolts, of: "--bolt")
        let agent: EnvoyAgent
        do {
            agent = try await makeAgent()
        } catch {
            throw CommandFailure(error, doing: "start the agent")
        }
        if once {
            try await single(agent)
        } else {
            try await forever(agent)
        }
    }

    private func makeAgent() async throws -> EnvoyAgent {
        let directory = EnvoyDirectory(state.state)
        try directory.requireEnrolled()
        let identity = try EnvoyIdentity.load(directory: directory.identityPath)
        let known = try directory.profile().bolts.map(\.address)
        return try EnvoyAgent(
            port: try BoltPort(identity.credential), trust: try OwnerTrust(identity.credential),
            queue: try await directory.openQueue(for: identity.principal, waiting: .seconds(2)),
            seeds: bolts.isEmpty ? known : bolts, pinned: !bolts.isEmpty,
            interval: interval.map { .milliseconds(Int64($0 * 1000)) }, seed: UInt64.random(in: .min ... .max),
            logger: once ? .singlePass(verbose: verbose) : .agent(verbose: verbose), directory: directory)
    }

    private func single(_ agent: EnvoyAgent) async throws {
        var limits = EnvoyAgent.PassLimits()
        limits.duration = .seconds(timeout)
        let pass: EnvoyAgent.Pass
        do {
            let output = output
            pass = try await agent.runOnce(limits: limits) { progress in
                output.progress("\(progress.waiting) records wait after \(progress.reports) reports")
            }
            try await agent.close()
        } catch {
            throw CommandFailure(error, doing: "check in")
        }
        switch pass {
        case .delivered(let response):
            try output.emit(response, lines: [StoredText.pass(response)])
        case .partly(let waiting):
            throw CommandFailure(
                "not_drained", "check in: not everything was taken",
                reason: "\(waiting) records still wait in the queue",
                next: "run it again; if the number stays, look at: bolt-envoy status --state \(state.state)")
        case .failed(let failure, let attempts):
            let what =
                failure.kind == .refused
                ? "check in: the mesh refuses this envoy; everything is kept"
                : "check in: no bolt took the report; everything is kept"
            throw CommandFailure(report: failure, doing: what, attempts: attempts)
        }
    }

    private func forever(_ agent: EnvoyAgent) async throws {
        let signals = SignalWait()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await agent.run() }
                group.addTask { await signals.wait() }
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
            try await agent.close()
        } catch {
            throw CommandFailure(error, doing: "run the agent")
        }
    }
}
