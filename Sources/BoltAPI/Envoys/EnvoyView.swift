public import CRDT
public import Spanner

/// One envoy, as the roster has it, with what its owner knows of it where the owner answers.
public struct EnvoyView: Hashable, Sendable, Codable {
    /// Its id for ever.
    public var id: PrincipalID
    /// What people call it.
    public var name: PrincipalName
    /// Its place in the roster.
    public var standing: StandingWord
    /// Partition whose intermediate issued its certificate.
    public var issuer: PartitionName?
    /// Partition that owns its slice.
    public var owner: PartitionName?
    /// Its part of the fleet.
    public var group: GroupName?
    /// Its labels.
    public var labels: [String: String]
    /// Fingerprint of the key in force.
    public var fingerprint: KeyFingerprint
    /// The event that admitted it.
    public var admission: Dot
    /// When that was, by the admitting bolt's clock.
    public var admittedAt: WallTime
    /// Last report, where the answering bolt is the owner.
    public var lastSeenAt: WallTime?
    /// Last traits, where the answering bolt is the owner and one envoy was asked for.
    public var traits: [String: JSONValue]?
    /// Stored results of its present queue, where the answering bolt is the owner.
    public var storedThrough: UInt64?
    /// Places of all its queues that hold nothing and have a reason, where the answering bolt is the owner and one
    /// envoy was asked for.
    public var holes: UInt64?
    /// Its policy, where the answering bolt is the owner and one envoy was asked for.
    public var policy: EnvoyPolicyView?

    /// An envoy.
    public init(
        id: PrincipalID, name: PrincipalName, standing: StandingWord, issuer: PartitionName?, owner: PartitionName?,
        group: GroupName?, labels: [String: String], fingerprint: KeyFingerprint, admission: Dot,
        admittedAt: WallTime, lastSeenAt: WallTime? = nil, traits: [String: JSONValue]? = nil,
        storedThrough: UInt64? = nil, holes: UInt64? = nil, policy: EnvoyPolicyView? = nil
    ) {
        (self.id, self.name, self.standing, self.issuer, self.owner) = (id, name, standing, issuer, owner)
        (self.group, self.labels, self.fingerprint) = (group, labels, fingerprint)
        (self.admission, self.admittedAt, self.lastSeenAt) = (admission, admittedAt, lastSeenAt)
        (self.traits, self.storedThrough, self.holes) = (traits, storedThrough, holes)
    }

    enum CodingKeys: String, CodingKey {
        case id, name, standing, issuer, owner, group, labels, fingerprint, admission, traits, holes, policy
        case admittedAt = "admitted_at_ms"
        case lastSeenAt = "last_seen_at_ms"
        case storedThrough = "stored_through"
    }
}

/// `GET /v1/envoys?name=&after=&limit=`.
public struct EnvoysResponse: Hashable, Sendable, Codable {
    /// By id.
    public var envoys: [EnvoyView]
    /// Id after which the next page begins; nil on the last.
    public var nextAfter: PrincipalID?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of envoys.
    public init(envoys: [EnvoyView], nextAfter: PrincipalID?, freshness: Freshness) {
        (self.envoys, self.nextAfter, self.freshness) = (envoys, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case envoys, freshness
        case nextAfter = "next_after"
    }
}

/// `GET /v1/envoys/{envoy}`, by id, name or fingerprint. A name held by several is `ambiguous`.
public struct EnvoyResponse: Hashable, Sendable, Codable {
    /// The envoy.
    public var envoy: EnvoyView
    /// Age and completeness.
    public var freshness: Freshness

    /// One envoy.
    public init(envoy: EnvoyView, freshness: Freshness) { (self.envoy, self.freshness) = (envoy, freshness) }
}

/// `GET /v1/envoys/{envoy}/explain`: why it stands as it does.
public struct ExplainResponse: Hashable, Sendable, Codable {
    /// What was asked for.
    public var subject: String
    /// Its place in the roster.
    public var standing: StandingWord
    /// The events that decide it, in causal order where there is one.
    public var facts: [RosterFactView]
    /// How the owner was found: one line a step.
    public var ownership: [String]
    /// Age and completeness.
    public var freshness: Freshness

    /// An explanation.
    public init(
        subject: String, standing: StandingWord, facts: [RosterFactView], ownership: [String], freshness: Freshness
    ) {
        (self.subject, self.standing, self.facts) = (subject, standing, facts)
        (self.ownership, self.freshness) = (ownership, freshness)
    }
}

/// `POST /v1/envoys/{envoy}/remove`: its admissions end; it may enrol again with a new key.
public struct RemoveEnvoyRequest: Hashable, Sendable, Codable {
    /// Why, for the audit log.
    public var reason: String

    /// A removal.
    public init(reason: String) { self.reason = reason }
}

/// A change of the roster was made, or on a dry run would be.
public struct ChangeResponse: Hashable, Sendable, Codable {
    /// The event that carries it; nil on a dry run.
    public var dot: Dot?
    /// How safe it is.
    public var level: AckLevel
    /// Bolts that hold it durably, `name.partition`, the answering one included.
    public var spread: [String]
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A change.
    public init(dot: Dot?, level: AckLevel, spread: [String], dryRun: Bool, effects: [String]) {
        (self.dot, self.level, self.spread, self.dryRun, self.effects) = (dot, level, spread, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case dot, level, spread, effects
        case dryRun = "dry_run"
    }
}
