import ArgumentParser
import BoltAPI
import Envoy
import Identity
import Foundation
import Logging

/// `bolt-envoy run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks in, again and again; results wait on disk until their owner has them safe.",
        discussion: """
            Goes on when no bolt answers, with exponential backoff and full jitter. SIGTERM ends it cleanly.

              bolt-envoy run
              bolt-envoy run --once -o json
            """)

    @Flag(help: "One pass: deliver what waits, then end. Exit 69 where no bolt took it, 77 where the mesh refuses.")
    var once = false
    @Option(help: "Seconds between check-ins; default: what the owner asks for.")
    var interval: Double?
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
    }

    mutating func run() async throws {
        let agent: EnvoyAgent
        do {
            agent = try makeAgent()
        } catch {
            throw Report.failure(error, doing: "start the agent", output.format)
        }
        if once {
            try await single(agent)
        } else {
            try await forever(agent)
        }
    }

    private func makeAgent() throws -> EnvoyAgent {
        let directory = EnvoyDirectory(state.state)
        let identity = try EnvoyIdentity.load(directory: directory.identityPath)
        let profile = try directory.profile()
        var seeds = profile.bolts
        if !bolts.isEmpty, let any = seeds.first {
            seeds = bolts.map { BoltAddress(name: any.name, partition: any.partition, address: $0) }
        }
        return try EnvoyAgent(
            port: try BoltPort(identity.credential), queue: try directory.openQueue(), seeds: seeds,
            pinned: !bolts.isEmpty, interval: interval.map { .milliseconds(Int64($0 * 1000)) },
            seed: UInt64.random(in: .min ... .max), logger: .agent(verbose: verbose))
    }

    private func single(_ agent: EnvoyAgent) async throws {
        let pass: EnvoyAgent.Pass
        do {
            pass = try await agent.runOnce()
            try await agent.close()
        } catch {
            throw Report.failure(error, doing: "check in", output.format)
        }
        switch pass {
        case .delivered(let response):
            try Report.data(
                response, output.format,
                lines: [
                    "checked in with \(response.owner.partition): stored through \(response.storedThrough), "
                        + "released through \(response.releaseThrough) (\(response.level))"
                ])
        case .unavailable(let reason):
            Report.note("error: check in: no bolt took the report; everything is kept\n  why: \(reason)")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        case .refused(let reason):
            Report.note("error: check in: the mesh refuses this envoy; everything is kept\n  why: \(reason)")
            Report.note("  next: ask an operator: boltctl envoy explain NAME")
            throw ExitCode(ExitStatus.notPermitted.rawValue)
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
            throw Report.failure(error, doing: "run the agent", output.format)
        }
    }
}

/// Waits for SIGTERM or SIGINT.
struct SignalWait: Sendable {
    private let stream: AsyncStream<Void>

    init() {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        self.stream = stream
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which is to live as long as the process.
            source.setEventHandler {
                withExtendedLifetime(source) { _ = continuation.yield() }
            }
            source.resume()
        }
    }

    /// Returns at the first signal, or when the task is cancelled.
    func wait() async {
        for await _ in stream { return }
    }
}
