import ArgumentParser
import ChaosKit
import Foundation
import LoopbackKit

/// Real bolts, real envoys, real trouble; then a check of all that was told.
@main struct SpannerChaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanner-chaos",
        abstract: "Kills, stops, splits and fills real bolts under load and checks what their writers were told.",
        discussion: """
            Examples:
              spanner-chaos 10                 all scenarios in turn, ten minutes
              spanner-chaos kill 2 --seed 7    one scenario, two minutes, the choices of a seed
              spanner-chaos results 10         a thousand agents, whose process is killed too, ten minutes
              spanner-chaos --check FILE       judges a history.json again

            Ends with 0 only where every history is clean.
            """)

    @Argument(
        help: """
            A scenario (kill, pause, split, disk, clock, switchover, etcd, rot, empty, rebalance, results; all \
            without one), \
            then minutes.
            """)
    var words: [String] = []
    @Option(help: "Where all choices come from; random without it.") var seed: UInt64?
    @Option(help: "Envoys that report all the time.") var writers = 64
    @Option(help: "Whole agents of the scenario results. Default: 1000, and 200 where all scenarios run in turn.")
    var agents: Int?
    @Option(name: .customLong("pause-ms"), help: "Between two reports of one of them, on average.") var pause = 100
    @Option(help: "Bolts of each partition, such as 2,2,2; by the scenario without it.") var partitions: String?
    @Flag(help: "Each partition has a keyring, and its bolts the key file.") var sealed = false
    @Option(help: "Directory of bolt, boltctl and bolt-envoy. Default: that of this program.") var programs: String?
    @Option(help: "Directory for evidence. Default: one below that for temporary files.") var directory: String?
    @Flag(help: "Keep the evidence of clean runs too.") var keep = false
    @Option(help: "Judge this history again, and nothing else.") var check: String?

    func run() async throws {
        if let check { return try judge(check) }
        let (scenarios, minutes) = try request()
        let settings = try await settings(agents: agents ?? (scenarios.count == 1 ? 1000 : 200))
        let task = Task { try await runAll(scenarios, minutes: minutes, settings) }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { @Sendable in task.cancel() }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        guard try await task.value else { throw ExitCode(1) }
    }

    /// At once, also into a file: a run takes minutes.
    private func tell(_ text: String) {
        print(text)
        fflush(nil)
    }

    private func judge(_ path: String) throws {
        let file = try Data(contentsOf: URL(fileURLWithPath: path))
        let violations = HistoryChecker.check(try JSONDecoder().decode(MeshHistory.self, from: file))
        for violation in violations { print(violation) }
        print(violations.isEmpty ? "clean" : "\(violations.count) violations")
        guard violations.isEmpty else { throw ExitCode(1) }
    }

    private func request() throws -> ([NemesisPlan.Scenario], Double) {
        var words = words[...]
        var scenarios = NemesisPlan.Scenario.allCases
        if let word = words.first, let named = NemesisPlan.Scenario(rawValue: word) {
            scenarios = [named]
            words.removeFirst()
        }
        guard words.count <= 1, let minutes = Double(words.first ?? "5"), minutes > 0, minutes <= 1440 else {
            let names = NemesisPlan.Scenario.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("a scenario (\(names)) and minutes are expected")
        }
        guard (1...1000).contains(writers), pause >= 0 else { throw ValidationError("--writers takes 1 to 1000") }
        guard (1...10_000).contains(agents ?? 1) else { throw ValidationError("--agents takes 1 to 10000") }
        return (scenarios, minutes)
    }

    private func settings(agents: Int) async throws -> ChaosSettings {
        let programs = programs ?? Program.beside
        for name in ["bolt", "boltctl", "bolt-envoy"]
        where !FileManager.default.isExecutableFile(atPath: "\(programs)/\(name)") {
            throw ValidationError("\(programs)/\(name) is not there: build it, or name another --programs")
        }
        let seed = seed ?? UInt64.random(in: 1...999_999)
        let bolt = try Data(contentsOf: URL(fileURLWithPath: "\(programs)/bolt"), options: .alwaysMapped)
        var tools = NemesisTools()
        tools.hasFaultPoints = bolt.range(of: Data("CHAOS_FAULT_FILE".utf8)) != nil
        tools.canMount = await SmallDisk.isPossible()
        tools.canInject = geteuid() == 0 && Program.find("strace") != nil
        tools.canLease = EtcdServer.program != nil
        let directory = directory ?? "\(NSTemporaryDirectory())/spanner-chaos-\(getpid())"
        let library = await clockLibrary(in: directory)
        tools.canSetClock = library != nil
        if !tools.hasFaultPoints { tell("note: these programs have no fault points; script/chaos builds some that do") }
        return ChaosSettings(
            seed: seed, writers: writers, agents: agents, pauseMilliseconds: pause, programs: programs,
            directory: directory, keeps: keep, isSealed: sealed, tools: tools,
            clockLibrary: library)
    }

    /// Where the library is made by which the clock is moved; nil where there is no compiler.
    private func clockLibrary(in directory: String) async -> String? {
        guard let compiler = Program.find("cc") else { return nil }
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try await Program.done(ClockLibrary.making(in: directory, with: compiler))
            return ClockLibrary.path(in: directory)
        } catch { return nil }
    }

    /// One scenario after the other until the time is over, each at least once. Gives whether all were clean.
    private func runAll(
        _ scenarios: [NemesisPlan.Scenario], minutes: Double, _ settings: ChaosSettings
    ) async throws -> Bool {
        tell("seed \(settings.seed)")
        var shares = TimeShares(scenarios, seconds: minutes * 60)
        var isClean = true
        var turn = 0
        repeat {
            let begun = ContinuousClock.now
            let scenario = scenarios[turn % scenarios.count]
            let run = ScenarioRun(
                settings: settings, scenario: scenario, partitions: try shape(scenario, turn),
                seed: settings.seed &+ UInt64(turn), seconds: shares.next(turn))
            let report = try await run.run()
            tell(report.text)
            let took = ContinuousClock.now - begun
            tell("  took \(took.components.seconds) s in all")
            isClean = isClean && report.isClean
            shares.took(Double(took.components.seconds))
            turn += 1
        } while turn < scenarios.count || shares.hasRoom
        return isClean
    }

    /// Three pairs, and every other time one partition of three.
    private func shape(_ scenario: NemesisPlan.Scenario, _ turn: Int) throws -> [Int] {
        if let partitions {
            let counts = partitions.split(separator: ",").compactMap { Int($0) }
            guard (1...4).contains(counts.count), counts.allSatisfy((1...4).contains) else {
                throw ValidationError("--partitions takes one to four numbers from 1 to 4, such as 2,2,2")
            }
            return counts
        }
        return turn % 2 == 0 || scenario == .rebalance || scenario == .results ? [2, 2, 2] : [3]
    }
}
