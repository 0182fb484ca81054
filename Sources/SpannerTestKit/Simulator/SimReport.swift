import Spanner

/// A promise that was broken in a simulated run.
public struct SimViolation: Hashable, Sendable {
    /// Which guarantee: R1, R2, ...
    public let guarantee: String
    /// What was seen.
    public let detail: String
    /// Virtual time, in milliseconds since the run began.
    public let milliseconds: UInt64
}

/// What one seed gave.
public struct SimReport: Sendable {
    /// The seed.
    public let seed: UInt64
    /// Broken promises in order; empty for a clean run. A run ends soon after the first.
    public internal(set) var violations: [SimViolation] = []
    /// Depends on every step of the run: equal in every process, or the run is not deterministic.
    public internal(set) var traceHash: UInt64 = 0
    /// What the bolts ended with, without clocks: equal for one seed whatever the clocks say (D8).
    public internal(set) var outcomeHash: UInt64 = 0
    /// How often each fault fired.
    public internal(set) var faults: [String: Int] = [:]
    /// What the workload did, by kind; `skipped` counts what was not possible.
    public internal(set) var work: [String: Int] = [:]
    /// Virtual time that passed.
    public internal(set) var virtualMilliseconds: UInt64 = 0
    /// Steps of machines.
    public internal(set) var steps = 0
    /// Rounds from the healing of the last fault to equal digests.
    public internal(set) var roundsToConverge: Double = 0
    /// Bytes that bolts sent.
    public internal(set) var bytesSent: UInt64 = 0
    /// The last lines of the trace; all of them where they were asked for.
    public internal(set) var trace: [String] = []
}

/// A deliberate fault of a core, by its name.
public struct SimMutant: Hashable, Sendable {
    /// What `--mutant` takes.
    public let name: String
    let roster: RosterMutation?
    let gossip: GossipMutation?
    /// Whether a restored copy keeps its old incarnation (breaks R7).
    let keepsIncarnation: Bool
    /// Whether proofs of forks are not written to the disk (breaks R6).
    let forgetsForks: Bool

    private init(
        _ name: String, roster: RosterMutation? = nil, gossip: GossipMutation? = nil, keepsIncarnation: Bool = false,
        forgetsForks: Bool = false
    ) {
        (self.name, self.roster, self.gossip) = (name, roster, gossip)
        (self.keepsIncarnation, self.forgetsForks) = (keepsIncarnation, forgetsForks)
    }

    /// All of them.
    public static let all: [SimMutant] =
        RosterMutation.allCases.map { SimMutant($0.rawValue, roster: $0) }
        + GossipMutation.allCases.map { SimMutant($0.rawValue, gossip: $0) }
        + [
            SimMutant("restored-disk-keeps-its-incarnation", keepsIncarnation: true),
            SimMutant("fork-proofs-are-not-kept", forgetsForks: true),
        ]

    /// The mutant of this name.
    public init?(name: String) {
        guard let found = SimMutant.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// How one seed is run.
public struct SimOptions: Sendable {
    /// Decides everything: cluster, workload, faults, delays.
    public var seed: UInt64
    /// A deliberate fault of the cores.
    public var mutant: SimMutant?
    /// Whether clocks are wrong by up to ten years and jump; all of them stand at one instant otherwise.
    public var wildClocks = true
    /// Whether the whole trace is kept.
    public var keepsTrace = false
    /// Virtual seconds of faults and work, before everything heals.
    public var chaosSeconds: UInt64 = 60

    /// A run of `seed`.
    public init(seed: UInt64) { self.seed = seed }
}
