import ArgumentParser

/// Measures figures and prints them as ratios to a control of the same run: absolute numbers of a shared machine say
/// little.
@main struct SpannerBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spanner-bench",
        abstract: "Measures the mesh's parts, each beside a control in the same run.",
        discussion:
            "Names: \(Benchmark.allCases.map(\.rawValue).joined(separator: ", ")). All but those that need built "
            + "programs where none is given.")

    @Argument(help: "What to measure.")
    var names: [Benchmark] = []

    @Option(help: "Entries of the large states.")
    var entries = 1_000_000

    @Option(help: "Samples of each figure.")
    var samples = 50

    @Option(help: "Directory for files that are written; on the disk that is to be measured.")
    var directory = "/tmp"

    @Option(name: .customLong("snapshot-mib"), help: "Size of the database that a standby is brought in sync with.")
    var snapshotMiB = 512

    @Option(help: "Seconds of one round of writing.")
    var seconds = 4.0

    @Option(help: "Directory of the built programs, for figures of real processes; default: beside this one.")
    var programs: String?

    mutating func validate() throws {
        guard (1000...100_000_000).contains(entries) else { throw ValidationError("--entries: 1000...100000000") }
        guard (1...100_000).contains(samples) else { throw ValidationError("--samples: 1...100000") }
        guard (0.5...600).contains(seconds) else { throw ValidationError("--seconds: 0.5...600") }
        guard (1...65_536).contains(snapshotMiB) else { throw ValidationError("--snapshot-mib: 1...65536") }
    }

    func run() throws {
        let programs = programs ?? Program.beside
        let settings = BenchSettings(
            entries: entries, samples: samples, directory: directory, seconds: seconds, snapshotMiB: snapshotMiB,
            programs: programs)
        var report = Report()
        report.begin()
        for benchmark in names.isEmpty ? Benchmark.allCases.filter({ programs != nil || !$0.needsPrograms }) : names {
            report.section(benchmark.rawValue)
            try benchmark.measure(settings, &report)
        }
        if names.isEmpty, programs == nil {
            report.section(Benchmark.allCases.filter(\.needsPrograms).map(\.rawValue).joined(separator: ", "))
            report.note("SKIPPED: bolt, boltctl and bolt-envoy are not beside this program; build them for release too")
        }
        report.end()
    }
}

/// What can be measured.
enum Benchmark: String, CaseIterable, ExpressibleByArgument {
    case crdt
    case roster
    case sizes
    case sign
    case store
    case journal
    case queue
    case propagation
    case checkin
    case replication
    case switchover
    case failover
    case snapshot
    case plan
    case rebalance
    case handoff
    case herd
    case policy

    /// Whether bolts of one's own have to be started for it.
    var needsPrograms: Bool {
        switch self {
        case .crdt, .roster, .sizes, .sign, .store, .journal, .queue, .plan: false
        case .propagation, .checkin, .replication, .switchover, .failover, .snapshot, .rebalance, .handoff, .herd,
            .policy:
            true
        }
    }

    func measure(_ settings: BenchSettings, _ report: inout Report) throws {
        switch self {
        case .crdt: try CRDTFigures(settings: settings).measure(&report)
        case .roster: try RosterFigures(settings: settings).measure(&report)
        case .sizes: try SizeFigures().measure(&report)
        case .sign: try SigningFigures(settings: settings).measure(&report)
        case .store: try StoreFigures(settings: settings).measure(&report)
        case .journal: try JournalFigures(settings: settings).measure(&report)
        case .queue: try QueueFigures(settings: settings).measure(&report)
        case .propagation: try PropagationFigures(settings: settings).measure(&report)
        case .checkin: try CheckInFigures(settings: settings).measure(&report)
        case .replication: try ReplicationFigures(settings: settings).measure(&report)
        case .switchover: try SwitchoverFigures(settings: settings).measure(&report)
        case .failover: try FailoverFigures(settings: settings).measure(&report)
        case .snapshot: try SnapshotFigures(settings: settings).measure(&report)
        case .plan: try PlanFigures().measure(&report)
        case .rebalance: try RebalanceFigures(settings: settings).measure(&report)
        case .handoff: try HandoffFigures(settings: settings).measure(&report)
        case .herd: try HerdFigures(settings: settings).measure(&report)
        case .policy: try PolicyFigures(settings: settings).measure(&report)
        }
    }
}

/// How large and how often.
struct BenchSettings {
    var entries: Int
    var samples: Int
    var directory: String
    var seconds: Double
    var snapshotMiB: Int
    var programs: String?
}
