import ArgumentParser
import Foundation
import SpannerTestKit

extension SpannerSim {
    // MARK: - Deliberate faults

    /// Whether a checker sees the fault within the seeds.
    func hunt(_ mutant: SimMutant) -> Bool {
        for number in start..<(start + seeds) {
            var options = options(number)
            options.mutant = mutant
            let report = SimSeed.run(options)
            guard let first = report.violations.first else { continue }
            print("mutant \(mutant.name): seen at seed \(number), \(first.guarantee): \(first.detail)")
            return true
        }
        print("mutant \(mutant.name): NOT seen within \(seeds) seeds")
        return false
    }

    func huntAll() throws {
        var missed = 0
        var hunted = 0
        if plane.hasRoster {
            for mutant in SimMutant.all where !hunt(mutant) { missed += 1 }
            hunted += SimMutant.all.count
        }
        if plane.hasPartition {
            for mutant in PartitionSimMutant.all where !hunt(mutant) { missed += 1 }
            hunted += PartitionSimMutant.all.count
        }
        if plane.hasHandoff {
            for mutant in HandoffSimMutant.all where !hunt(mutant) { missed += 1 }
            hunted += HandoffSimMutant.all.count
        }
        if plane.hasEnvoy {
            for mutant in EnvoySimMutant.all where !hunt(mutant) { missed += 1 }
            hunted += EnvoySimMutant.all.count
        }
        print("sim: \(hunted - missed) of \(hunted) mutants seen")
        if missed > 0 { throw ExitCode(1) }
    }

    // MARK: - Determinism

    /// How many seeds are compared.
    private static let sampleMax: UInt64 = 20

    private var sample: [UInt64] {
        let count = min(seeds, SpannerSim.sampleMax)
        let stride = max(1, seeds / count)
        return (0..<count).map { start + $0 * stride }
    }

    func printHashes(_ list: String) {
        for seed in list.split(separator: ",").compactMap({ UInt64($0) }) { print(traceHashes(seed)) }
    }

    private func traceHashes(_ seed: UInt64) -> String {
        var line = String(seed)
        if plane.hasRoster { line += " " + hex(Simulation(options(seed)).run().traceHash) }
        if plane.hasPartition { line += " " + hex(PartitionSimulation(partitionOptions(seed)).run().traceHash) }
        if plane.hasHandoff { line += " " + hex(HandoffSimulation(handoffOptions(seed)).run().traceHash) }
        if plane.hasEnvoy { line += " " + hex(EnvoySimulation(envoyOptions(seed)).run().traceHash) }
        return line
    }

    /// Runs a sample here and in a second process: hash tables are seeded anew there, so whatever depends on their
    /// order shows.
    func compareProcesses() throws {
        let here = sample.map { traceHashes($0) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        if !FileManager.default.isExecutableFile(atPath: CommandLine.arguments[0]) {
            process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        }
        let list = sample.map(String.init).joined(separator: ",")
        process.arguments = ["--hashes", list, "--seconds", String(seconds), "--plane", plane.rawValue]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let there = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        for (place, line) in here.enumerated() {
            let other = place < there.count ? there[place] : "nothing"
            guard line != other else { continue }
            print("seed \(sample[place]): trace hash here \(line), in another process \(other)")
            throw ExitCode(1)
        }
        print("sim: \(here.count) seeds, equal trace hashes in two processes")
    }
}
