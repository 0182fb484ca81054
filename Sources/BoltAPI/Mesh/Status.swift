public import CRDT
public import Spanner

/// The mesh at a glance, as one bolt sees it: `GET /v1/status`.
public struct StatusResponse: Hashable, Sendable, Codable {
    /// One word for the whole.
    public enum Verdict: String, Sendable, Codable, CaseIterable {
        /// All bolts reachable, at one digest, nothing to do.
        case healthy
        /// Works, with less redundancy or with something to decide.
        case degraded
        /// Parts of the fleet are not served.
        case broken
    }

    /// Which mesh.
    public var mesh: MeshSummary
    /// The bolt that answers, `name.partition`.
    public var bolt: String
    /// One word for the whole.
    public var verdict: Verdict
    /// How many more bolts may die before part of the fleet is not served.
    public var faultTolerance: Int
    /// The roster's convergence.
    public var roster: RosterSummary
    /// Every bolt of the roster.
    public var bolts: [BoltView]
    /// Every partition.
    public var partitions: [PartitionView]
    /// Tasks that move slices and are not over.
    public var tasks: [TaskView]
    /// What an operator should look at, each with the next command.
    public var alarms: [Alarm]
    /// Age and completeness.
    public var freshness: Freshness

    /// The mesh at a glance.
    public init(
        mesh: MeshSummary, bolt: String, verdict: Verdict, faultTolerance: Int, roster: RosterSummary,
        bolts: [BoltView], partitions: [PartitionView], tasks: [TaskView] = [], alarms: [Alarm], freshness: Freshness
    ) {
        (self.mesh, self.bolt, self.verdict, self.faultTolerance) = (mesh, bolt, verdict, faultTolerance)
        (self.roster, self.bolts, self.partitions) = (roster, bolts, partitions)
        (self.tasks, self.alarms, self.freshness) = (tasks, alarms, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case mesh, bolt, verdict, roster, bolts, partitions, tasks, alarms, freshness
        case faultTolerance = "fault_tolerance"
    }
}

/// Which mesh it is.
public struct MeshSummary: Hashable, Sendable, Codable {
    /// The name, which is also the trust domain.
    public var name: String
    /// Fingerprint of the root key.
    public var id: MeshID

    /// A mesh.
    public init(name: String, id: MeshID) { (self.name, self.id) = (name, id) }
}

/// The roster in numbers.
public struct RosterSummary: Hashable, Sendable, Codable {
    /// Digest of the answering bolt's event set.
    public var digest: Bytes32
    /// Bolts known to be at that digest, the answering one included.
    public var boltsAtDigest: Int
    /// Bolts of the roster.
    public var boltsTotal: Int
    /// Events held.
    public var events: UInt64
    /// Envoys in force.
    public var envoys: Int
    /// Keys banned.
    public var bans: Int
    /// Contested names.
    public var conflicts: Int

    /// The roster in numbers.
    public init(
        digest: Bytes32, boltsAtDigest: Int, boltsTotal: Int, events: UInt64, envoys: Int, bans: Int, conflicts: Int
    ) {
        (self.digest, self.boltsAtDigest, self.boltsTotal) = (digest, boltsAtDigest, boltsTotal)
        (self.events, self.envoys, self.bans, self.conflicts) = (events, envoys, bans, conflicts)
    }

    enum CodingKeys: String, CodingKey {
        case digest, events, envoys, bans, conflicts
        case boltsAtDigest = "bolts_at_digest"
        case boltsTotal = "bolts_total"
    }
}

/// Something that an operator should look at.
public struct Alarm: Hashable, Sendable, Codable {
    /// How much it matters.
    public enum Severity: String, Sendable, Codable, CaseIterable {
        /// Redundancy or convergence is less than it should be.
        case warning
        /// Part of the fleet is not served, or a decision is due.
        case critical
    }

    /// Stable kind: lower case, words joined by underscores.
    public var code: String
    /// How much it matters.
    public var severity: Severity
    /// What is the matter.
    public var text: String
    /// The next command to type.
    public var next: String

    /// An alarm.
    public init(code: String, severity: Severity, text: String, next: String) {
        (self.code, self.severity, self.text, self.next) = (code, severity, text, next)
    }
}
