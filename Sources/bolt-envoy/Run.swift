import ArgumentParser
import BoltAPI
import BoltClient
import Convergence
import Envoy
import Foundation
import Identity
import Logging
import Policy
import Spanner
import SpannerStore

/// `bolt-envoy run`
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Puts the policy that this machine is given in force and tells what came of it, again and again.",
        discussion: """
            Goes on when no bolt answers: the last policy is put in force from this machine's disk, with its traits as \
            they are now, and results wait until their owner has them safe. Bolts are asked again with exponential \
            backoff and full jitter. SIGTERM ends it cleanly.

              bolt-envoy run
              bolt-envoy run --once --dry-run
              bolt-envoy run --once --root /tmp/scratch -o json
              bolt-envoy run --report-only

            Exit codes with --once: 0 all is stored (or kept by another bolt while the owner is away) and nothing \
            failed, 1 a resource failed, a policy was refused, or some results still wait, 2 with --dry-run: something \
            would be changed, 69 no bolt took the report (what is kept of the policy was applied all the same), 77 the \
            mesh refuses this machine. What was not stored is kept.
            """)

    @Flag(help: "One round: report, apply, deliver what waits, then end.")
    var once = false
    @Flag(help: "Change nothing on this machine; say what would be.")
    var dryRun = false
    @Flag(help: "Report only: no policy is taken.")
    var reportOnly = false
    @OptionGroup var work: WorkOptions
    @Option(help: "Seconds between rounds; default: what the owner asks for.")
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
        guard !(reportOnly && dryRun) else { throw ValidationError("--report-only leaves nothing for --dry-run") }
        try work.check()
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
        let profile = try directory.profile()
        let port = try BoltPort(identity.credential)
        let policy = reportOnly ? nil : try work.policy(of: identity, profile, in: directory, isDryRun: dryRun)
        let traits = TraitsDocument(directory: work.traitsDirectory)
        return try EnvoyAgent(
            port: port, trust: try OwnerTrust(identity.credential),
            queue: try await directory.openQueue(for: identity.principal, waiting: .seconds(2)),
            seeds: bolts.isEmpty ? profile.bolts.map(\.address) : bolts, pinned: !bolts.isEmpty,
            interval: interval.map { .milliseconds(Int64($0 * 1000)) }, seed: UInt64.random(in: .min ... .max),
            logger: once ? .singlePass(verbose: verbose) : .agent(verbose: verbose), directory: directory,
            policy: policy,
            renewal: IdentityRenewal(directory: directory, credential: identity.credential, port: port),
            traits: { await traits.gather() })
    }

    private func single(_ agent: EnvoyAgent) async throws {
        var limits = EnvoyAgent.PassLimits()
        limits.duration = .seconds(timeout)
        let (report, pass, trouble): (EnvoyAgent.Pass, PassRecord?, PolicyTrouble?)
        do {
            let (output, limits) = (output, limits)
            let ended = try await Self.untilSignalled {
                try await agent.runOnce(limits: limits) { progress in
                    output.progress("\(progress.waiting) records wait after \(progress.reports) reports")
                }
            }
            (pass, trouble) = (await agent.lastPass, await agent.policyTrouble)
            try await agent.close()
            guard let ended else { throw CancellationError() }
            report = ended
        } catch {
            throw failure(error, doing: "check in")
        }
        let lines = pass.map { PassText.lines($0, isWhole: dryRun) } ?? []
        switch report {
        case .delivered(let response):
            let note = reportOnly ? nil : PassText.note(response.policy)
            try output.emit(
                OnceOutput(response: response, pass: pass),
                lines: [StoredText.pass(response)] + lines + (note.map { [$0] } ?? []))
            try judge(pass, trouble)
        case .partly(let waiting):
            for line in lines { output.progress(line) }
            throw CommandFailure(
                "not_drained", "check in: not everything was taken",
                reason: "\(waiting) records still wait in the queue",
                next: "run it again; if the number stays, look at: bolt-envoy status --state \(state.state)")
        case .failed(let failure, let attempts):
            for line in lines { output.progress(line) }
            let what =
                failure.kind == .refused
                ? "check in: the mesh refuses this envoy; everything is kept"
                : "check in: no bolt took the report; everything is kept"
            throw CommandFailure(report: failure, doing: what, attempts: attempts)
        }
    }

    /// What it comes to; nil where a signal ended it: then with all that it began, and what came of that is kept.
    private static func untilSignalled<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        let signals = SignalWait()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                await signals.wait()
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            // The round's own end, whatever it says after a signal.
            _ = try await group.next()
            return first
        }
    }

    /// How the command ends, by what came of the pass.
    private func judge(_ pass: PassRecord?, _ trouble: PolicyTrouble?) throws {
        guard let pass else { return }
        if pass.outcome == .failed {
            throw CommandFailure(
                "pass_failed", "apply the policy", reason: pass.failure ?? "it could not be applied",
                next: "look at: bolt-envoy results --state \(state.state)", changed: pass.report?.isDryRun == false)
        }
        // The one before was applied in its place.
        if let trouble {
            throw CommandFailure(
                trouble.code.rawValue, "take what is new of the policy; the one before was applied",
                reason: trouble.reason, next: trouble.next, changed: pass.report?.isDryRun == false)
        }
        if let counts = pass.report?.counts, counts.wouldChange > 0 { throw ExitCode(ExitStatus.changes.rawValue) }
    }

    private func forever(_ agent: EnvoyAgent) async throws {
        let (signals, manager) = (SignalWait(), ServiceNotifier())
        manager.ready(reportOnly ? "reporting" : "applying its policy and reporting")
        defer { manager.stopping() }
        do {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                group.addTask {
                    try await agent.run()
                    return true
                }
                group.addTask {
                    await signals.wait()
                    return true
                }
                group.addTask {
                    await manager.watch(agent)
                    return false
                }
                while let isEnd = try await group.next(), !isEnd {}
                group.cancelAll()
                try await group.waitForAll()
            }
            try await agent.close()
        } catch {
            throw failure(error, doing: "run the agent")
        }
    }

    /// Why the agent ended; of a queue that was found to be damaged on the way, with what to do about it.
    private func failure(_ error: any Error, doing what: String) -> CommandFailure {
        guard let error = error as? StoreError else { return CommandFailure(error, doing: what) }
        return CommandFailure(EnvoyDirectory(state.state).explained(error), doing: what)
    }
}

/// What `run --once` prints as JSON: the answer, and what came of the policy.
struct OnceOutput: Encodable {
    let response: CheckInResponse
    let pass: PassRecord?

    enum CodingKeys: String, CodingKey {
        case pass = "policy_pass"
    }

    func encode(to encoder: any Encoder) throws {
        try response.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(pass, forKey: .pass)
    }
}
