import ChaosKit

/// What a run is to do.
struct ChaosSettings: Sendable {
    /// All choices come from it.
    var seed: UInt64
    var writers: Int
    /// Whole agents of the scenario that kills them.
    var agents: Int
    /// Between two reports of a writer, on average.
    var pauseMilliseconds: Int
    /// Where `bolt`, `boltctl` and `bolt-envoy` are.
    var programs: String
    /// Where evidence goes.
    var directory: String
    /// Keeps the directory of a clean run too.
    var keeps: Bool
    /// Gives each partition a keyring.
    var isSealed: Bool
    var tools: NemesisTools
    /// A library that sets the wall clock of programs, where there is one.
    var clockLibrary: String?

    /// Writers of a scenario: beside many agents a few, who remember every byte.
    func writers(in scenario: NemesisPlan.Scenario) -> Int { scenario == .results ? min(writers, 16) : writers }

    /// What of the mesh a scenario needs.
    func shape(_ scenario: NemesisPlan.Scenario, partitions: [Int]) -> ChaosMesh.Shape {
        ChaosMesh.Shape(
            partitions: partitions, hasSmallDisks: scenario == .disk && tools.canMount,
            clockLibrary: scenario == .clock ? clockLibrary : nil,
            hasEtcd: scenario == .etcd && tools.canLease, isSealed: isSealed,
            // Rot is to be found in the time of a run.
            settings: scenario == .rot ? ["partition.scrub_percent=25"] : [])
    }
}
