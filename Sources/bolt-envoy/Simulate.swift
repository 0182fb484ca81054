import ArgumentParser
import BoltAPI
import Envoy
import Foundation
import Identity

/// `bolt-envoy simulate`
struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs many envoys in one process over the real protocol, for load tests and demonstrations.",
        discussion: """
            Needs a token made with --uses, unless all of them are enrolled in --dir already. What was acknowledged is \
            written to the journal, a JSON object a line. SIGTERM ends it after the passes under way, with the report. \
            A policy that they are given is verified and resolved as on a machine; no file of this one is touched.

              bolt-envoy simulate --count 100 --token "$TOKEN" --dir /tmp/fleet --passes 3
            """)

    @Option(help: "How many envoys.")
    var count: Int
    @Option(help: "A multi-use join token; default: the environment variable BOLT_TOKEN.")
    var token: String?
    @Option(name: .customLong("mesh"), help: "A bolt to ask, host:port; may be given several times.")
    var addresses: [String] = []
    @Option(name: .customLong("dir"), help: "Folder of all their state.")
    var directory: String
    @Option(help: "Names are PREFIX-N.")
    var prefix = "sim"
    @Option(help: "Passes of each after enrolment; 0 enrols only.")
    var passes = 1
    @Option(help: "How many at a time.")
    var concurrency = 16
    @Option(help: "Append what was acknowledged, and which policy is held, to this file.")
    var journal: String?
    @Flag(help: "Report only: no policy is taken.")
    var reportOnly = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (1...20_000).contains(count) else { throw ValidationError("--count is 1 to 20000") }
        guard (0...1_000_000).contains(passes) else { throw ValidationError("--passes is 0 to 1000000") }
        guard (1...256).contains(concurrency) else { throw ValidationError("--concurrency is 1 to 256") }
    }

    mutating func run() async throws {
        try TokenInput.check(addresses, of: "--mesh")
        var plan = FleetSimulator.Plan(
            directory: directory, token: nil, addresses: addresses, count: count, prefix: prefix,
            concurrency: concurrency, passes: passes, journal: journal, takesPolicy: !reportOnly)
        if plan.needsToken { plan.token = try TokenInput.read(token, takesFile: false) }
        let report: FleetSimulator.Report
        do {
            let (step, output, stop) = (max(1, count / 10), output, StopFlag())
            let signals = SignalWait()
            let watch = Task {
                await signals.wait()
                stop.raise()
            }
            defer { watch.cancel() }
            report = try await FleetSimulator(plan).run(until: stop) { done, total in
                if done.isMultiple(of: step) || done == total { output.progress("\(done) of \(total) envoys") }
            }
        } catch {
            throw CommandFailure(error, doing: "simulate a fleet")
        }
        try output.emit(
            report,
            lines: [
                "enrolled   \(report.enrolled) (\(report.failedEnrolments) failed)",
                "delivered  \(report.delivered) passes (\(report.failedPasses) failed)",
            ] + report.reasons.map { "  \($0)" })
        guard report.failedEnrolments == 0, report.failedPasses == 0 else {
            throw ExitCode(ExitStatus.error.rawValue)
        }
    }
}
