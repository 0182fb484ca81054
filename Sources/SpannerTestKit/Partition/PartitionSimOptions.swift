import Spanner

/// A deliberate fault of the partition core, or of the disk under it, by its name.
public struct PartitionSimMutant: Hashable, Sendable {
    /// What `--mutant` takes.
    public let name: String
    let machine: PartitionMutation?
    /// Whether tables are written apart from the journal.
    let appliesApart: Bool

    /// All of them.
    public static let all: [PartitionSimMutant] =
        PartitionMutation.allCases.filter { $0 != .appliedApartFromLog }
        .map { PartitionSimMutant(name: $0.rawValue, machine: $0, appliesApart: false) }
        + [PartitionSimMutant(name: "applied-apart-from-log", machine: nil, appliesApart: true)]

    private init(name: String, machine: PartitionMutation?, appliesApart: Bool) {
        (self.name, self.machine, self.appliesApart) = (name, machine, appliesApart)
    }

    /// The mutant of this name.
    public init?(name: String) {
        guard let found = PartitionSimMutant.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// How one seed of the partition plane is run.
public struct PartitionSimOptions: Sendable {
    /// Decides everything: partitions, workload, faults, delays.
    public var seed: UInt64
    /// A deliberate fault.
    public var mutant: PartitionSimMutant?
    /// Whether the whole trace is kept.
    public var keepsTrace = false
    /// Virtual seconds of faults and work, before everything heals.
    public var chaosSeconds: UInt64 = 60

    /// A run of `seed`.
    public init(seed: UInt64) { self.seed = seed }

    /// Whether operators accept data loss, call living disks dead, and lose more disks than a promise survives: then
    /// only what is promised regardless is checked.
    var isWild: Bool { seed % 4 == 3 }
    /// Whether disks are taken out, cut off alive and replaced while everything else goes wrong. The other seeds are
    /// left as they were when some of them broke a promise.
    var movesDisks: Bool { [0, 1, 2, 5].contains(seed % 7) }
    /// Whether three partitions share one network and hear of each other.
    var hasSiblings: Bool { seed % 8 == 5 }
}
