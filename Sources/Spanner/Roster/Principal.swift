public import CRDT

/// One bolt, envoy or operator as the roster has it now: its admission with all amendments laid over it.
public struct Principal: Hashable, Sendable {
    /// What it may be.
    public let role: PrincipalRole
    /// Who it is, for ever.
    public let id: PrincipalID
    /// What people call it.
    public let name: PrincipalName
    /// The TLS key that it uses now; the lowest of several where it was given two new ones at once.
    public let tlsKey: KeyFingerprint
    /// Its signing key: bolts and operators.
    public let signingKey: VerificationKey?
    /// Its X25519 key: envoys.
    public let sealingKey: Bytes32?
    /// A bolt's partition; the partition whose intermediate issued an envoy's certificate.
    public let partition: PartitionName?
    /// The envoy's part of the fleet.
    public let group: GroupName?
    /// Where a bolt listens, `host:port`.
    public let address: String?
    /// Sorted by key.
    public let labels: [Label]
    /// The token that admitted it.
    public let token: TokenID?
    /// Events that carry its live admissions, ascending: what a removal of it targets.
    public let admissions: [Dot]
    /// Amendments in force, in the order in which they are laid over each other.
    public let amendments: [Dot]
}

/// What a key is good for now. Ask for each request.
public enum Standing: Hashable, Sendable {
    /// It is this principal's key, and in force.
    case active(Principal)
    /// It is this principal's key, but its name or id is claimed by another key, or it has two new keys: results are
    /// taken, nothing new is given, until an operator resolves it.
    case contested(Principal, others: [Principal])
    /// It was this principal's key and was handed on: good for repeating the hand-on, for nothing else.
    case superseded(Principal)
    /// Admitted once, and ended since. A bolt or operator returns with a new key only.
    case removed(PrincipalID)
    /// Banned for ever, or of the lineage of a key that is.
    case banned(BanFact)
    /// Never admitted, as far as is known here.
    case unknown

    /// The principal, where there is one now.
    public var principal: Principal? {
        switch self {
        case .active(let principal), .contested(let principal, others: _), .superseded(let principal): principal
        case .removed, .banned, .unknown: nil
        }
    }
}

/// A ban as it stands. It never lifts.
public struct BanFact: Hashable, Sendable {
    /// Which act: the same on every bolt.
    public let act: Bytes32
    /// The keys it names; their lineages are covered too.
    public let keys: [KeyFingerprint]
    /// Whom the operator meant.
    public let principal: PrincipalID?
    /// Why.
    public let reason: String
    /// When, by the operator's clock.
    public let at: WallTime
    /// Who decided.
    public let signer: Author.Standing
    /// Events that carry it, ascending.
    public let carriers: [Dot]
}

/// A join token and what became of it.
public struct TokenStanding: Hashable, Sendable {
    /// The token as it was made.
    public let record: JoinTokenRecord
    /// The event that made it.
    public let dot: Dot
    /// How many keys it has admitted, in force or not.
    public let uses: Int
    /// Whether an operator revoked it.
    public let isRevoked: Bool

    /// How many it may admit.
    public var usesMax: Int {
        switch record.kind {
        case .oneShot: 1
        case .multiUse(let uses): Int(uses)
        }
    }

    /// How many it admitted beyond that: two sides of a network split may each have counted on the last use.
    public var overrun: Int { max(0, uses - usesMax) }
}

/// A name that several keys claim.
public struct NameConflict: Hashable, Sendable {
    /// One who claims it.
    public struct Claimant: Hashable, Sendable {
        /// Who.
        public let principal: Principal
        /// All keys that are in force for it: more than one is a conflict by itself.
        public let keys: [KeyFingerprint]
        /// False for the causally earliest, which stays in force.
        public let isContested: Bool
    }

    /// The role in which it is claimed: a bolt and an envoy may share a name.
    public let role: PrincipalRole
    /// The name.
    public let name: PrincipalName
    /// In order of their ids.
    public let claimants: [Claimant]
}
