import ArgumentParser
import SpannerTestKit

/// Runs a mesh of the daemon's own cores on a virtual clock, network and disk, seed after seed.
@main
struct SpannerSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanner-sim",
        abstract: "Simulates a mesh of bolts and its partitions under faults and checks what they promise.",
        discussion: """
            Examples:
              spanner-sim --seeds 500              500 seeds from 1; ends with 1 at the first broken promise
              spanner-sim --plane partition        partitions only; also: roster, handoff, envoy
              spanner-sim --seeds 500 --keep-going goes on after a broken promise, and ends with 1
              spanner-sim --seed 17 --trace        one seed, every step printed
              spanner-sim --mutant NAME            how many seeds a deliberate fault of a core survives
              spanner-sim --mutants                the same for every deliberate fault
              spanner-sim --determinism            some seeds again in another process: equal trace hashes
            """)

    @Option(help: "What is simulated: roster, partition, handoff, envoy or all.") var plane: Plane = .all
    @Option(help: "How many seeds.") var seeds: UInt64 = 500
    @Option(help: "First seed.") var start: UInt64 = 1
    @Option(help: "Replay this one seed.") var seed: UInt64?
    @Option(help: "Run with this deliberate fault; ends with 0 when a checker sees it.") var mutant: String?
    @Flag(help: "Run with every deliberate fault in turn.") var mutants = false
    @Flag(help: "Print every step.") var trace = false
    @Flag(help: "Go on after a broken promise: one line for each seed that broke one.") var keepGoing = false
    @Flag(help: "Run some seeds again in another process and compare.") var determinism = false
    @Option(help: "Virtual seconds of faults for each seed.") var seconds: UInt64 = 60
    @Option(help: ArgumentHelp("Print trace hashes only.", visibility: .hidden)) var hashes: String?

    func validate() throws {
        if seeds < 1 { throw ValidationError("--seeds must be at least 1") }
        if seconds < 1 || seconds > 3600 { throw ValidationError("--seconds must be 1 to 3600") }
        if let mutant, SimMutant(name: mutant) == nil, PartitionSimMutant(name: mutant) == nil,
            HandoffSimMutant(name: mutant) == nil, EnvoySimMutant(name: mutant) == nil
        {
            let all = SimMutant.all.map(\.name) + PartitionSimMutant.all.map(\.name) + HandoffSimMutant.all.map(\.name)
            let names = (all + EnvoySimMutant.all.map(\.name)).joined(separator: ", ")
            throw ValidationError("unknown mutant \(mutant); one of: \(names)")
        }
    }

    func run() throws {
        if let hashes { return printHashes(hashes) }
        if mutants { return try huntAll() }
        if let mutant, let chosen = SimMutant(name: mutant) {
            guard hunt(chosen) else { throw ExitCode(1) }
            return
        }
        if let mutant, let chosen = PartitionSimMutant(name: mutant) {
            guard hunt(chosen) else { throw ExitCode(1) }
            return
        }
        if let mutant, let chosen = HandoffSimMutant(name: mutant) {
            guard hunt(chosen) else { throw ExitCode(1) }
            return
        }
        if let mutant, let chosen = EnvoySimMutant(name: mutant) {
            guard hunt(chosen) else { throw ExitCode(1) }
            return
        }
        if determinism { return try compareProcesses() }
        var broken = 0
        if plane.hasRoster { broken += try runSeeds() }
        if plane.hasPartition { broken += try runPartitionSeeds() }
        if plane.hasHandoff { broken += try runHandoffSeeds() }
        if plane.hasEnvoy { broken += try runEnvoySeeds() }
        if broken > 0 { throw ExitCode(1) }
    }

    var seedRange: Range<UInt64> { seed.map { $0..<($0 + 1) } ?? start..<(start + seeds) }

    func options(_ seed: UInt64) -> SimOptions {
        var options = SimOptions(seed: seed)
        options.keepsTrace = trace
        options.chaosSeconds = seconds
        return options
    }

    private func runSeeds() throws -> Int {
        var broken = 0
        var totals = SimTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for number in seedRange {
            let report = SimSeed.run(options(number))
            totals.add(report)
            if try show(report, plane: .roster) { broken += 1 }
            if seed != nil { print("seed \(number): trace hash \(hex(report.traceHash))") }
        }
        print("roster plane:")
        totals.print(elapsed: clock.now - began, rest: "rounds to converge after healing", broken: broken)
        return broken
    }
}

/// 16 digits.
func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
