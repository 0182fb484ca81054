import Spanner

/// A deliberate fault of the handoff's machines, by its name.
public struct HandoffSimMutant: Hashable, Sendable {
    /// What `--mutant` takes.
    public let name: String
    let mutation: HandoffMutation

    /// All of them.
    public static let all: [HandoffSimMutant] =
        HandoffMutation.allCases.map { HandoffSimMutant(name: $0.rawValue, mutation: $0) }

    private init(name: String, mutation: HandoffMutation) { (self.name, self.mutation) = (name, mutation) }

    /// The mutant of this name.
    public init?(name: String) {
        guard let found = HandoffSimMutant.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// How one seed of the handoff plane is run.
public struct HandoffSimOptions: Sendable {
    /// Decides everything: partitions, workload, faults, delays.
    public var seed: UInt64
    /// A deliberate fault.
    public var mutant: HandoffSimMutant?
    /// Whether the whole trace is kept.
    public var keepsTrace = false
    /// What a directed run does; nil where the seed decides.
    public var plan: HandoffSimPlan?
    /// Virtual seconds of faults and work, before everything heals.
    public var chaosSeconds: UInt64 = 20

    /// A run of `seed`.
    public init(seed: UInt64) { self.seed = seed }

    /// Whether messages are lost, doubled and late.
    var hasBadNetwork: Bool { plan == nil && seed % 4 != 0 }
    /// Whether partitions crash and are promoted.
    var hasCrashes: Bool { plan == nil && seed % 5 != 0 }
    /// Whether partitions are lost for seconds, with all their bolts, and operators take over what they own.
    var hasLosses: Bool { plan != nil || hasCrashes && seed % 3 == 2 }
    /// Whether all standbys of a partition are away for seconds, so that nothing becomes safe there.
    var hasOutages: Bool { plan == nil && seed % 3 == 1 }
    /// Whether the crashes are aimed: right after a step of a handoff was journaled, at either side.
    var aimsCrashes: Bool { seed % 2 == 1 }
}
