public import CRDT

/// One label of a principal. Sorted by key; a key appears once.
public struct Label: Hashable, Comparable, Sendable {
    /// 1...63 bytes.
    public let key: String
    /// 0...255 bytes.
    public let value: String
    /// A label; bounds are checked where it is encoded and decoded.
    public init(key: String, value: String) { (self.key, self.value) = (key, value) }
    /// By key, then value.
    public static func < (left: Label, right: Label) -> Bool { (left.key, left.value) < (right.key, right.value) }
}

/// What an ADMIT says: a principal, its keys and its labels.
public struct Admission: Hashable, Sendable {
    /// What it may be.
    public var role: PrincipalRole
    /// Who it is, for ever.
    public var id: PrincipalID
    /// What people call it. For a bolt `name.partition`.
    public var name: PrincipalName
    /// Its TLS key.
    public var tlsKey: KeyFingerprint
    /// Its signing key: bolts and operators.
    public var signingKey: VerificationKey?
    /// Its X25519 key: envoys. What others hold for it is sealed to this key.
    public var sealingKey: Bytes32?
    /// A bolt's partition; the partition whose intermediate issued an envoy's certificate.
    public var partition: PartitionName?
    /// The envoy's part of the fleet.
    public var group: GroupName?
    /// Where a bolt listens, `host:port`.
    public var address: String?
    /// Sorted, keys unique; at most `RosterLimits.labelsMax`.
    public var labels: [Label]
    /// The join token that this admission spends.
    public var token: TokenID?
    /// Live admissions of the same role and name that the author knew of. They are not killed by it.
    public var observes: [Dot]

    /// An admission with nothing optional set.
    public init(role: PrincipalRole, id: PrincipalID, name: PrincipalName, tlsKey: KeyFingerprint) {
        (self.role, self.id, self.name, self.tlsKey) = (role, id, name, tlsKey)
        (labels, observes) = ([], [])
    }
}

/// What an AMEND says of the admission it hangs on, with which it lives and dies.
public struct Amendment: Hashable, Sendable {
    /// The admission that is amended.
    public var base: Dot
    /// Amendments of the same base that the author knew of and replaces.
    public var supersedes: [Dot]
    /// New labels, all of them; nil leaves them as they were.
    public var labels: [Label]?
    /// A bolt's new address; nil leaves it as it was.
    public var address: String?
    /// An envoy's new group; nil leaves it as it was. Without effect on an admission of anybody else.
    public var group: GroupName?
    /// The principal goes on with a new key.
    public var rekey: Rekey?

    /// An amendment of `base` that changes nothing yet.
    public init(base: Dot) {
        self.base = base
        supersedes = []
    }
}

/// One key signed the next one on. A ban of either covers both, and all that follow.
public struct Rekey: Hashable, Sendable {
    /// Whose keys both are: without effect on an admission of anybody else.
    public var principal: PrincipalID
    /// The key that was in force.
    public var from: KeyFingerprint
    /// The key that follows.
    public var to: KeyFingerprint
    /// The new X25519 key of an envoy.
    public var sealingKey: Bytes32?
    /// Both keys with the signature of each over all of this: every bolt that gets the event checks it
    /// (`Witness.handsOn`). At most `RosterLimits.proofBytesMax` bytes.
    public var proof: [UInt8]

    /// A hand-on from one key to the next.
    public init(
        principal: PrincipalID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?, proof: [UInt8]
    ) {
        (self.principal, self.from, self.to) = (principal, from, to)
        (self.sealingKey, self.proof) = (sealingKey, proof)
    }
}

/// A join token as the roster knows it.
public struct JoinTokenRecord: Hashable, Sendable {
    /// How often, and where, it admits.
    public enum Kind: Hashable, Sendable {
        /// Once, at the primary of this partition only.
        case oneShot(home: PartitionName)
        /// At any bolt, that many times; an overrun in a network split is shown, not prevented.
        case multiUse(uses: UInt32)
    }
    /// Which token.
    public var id: TokenID
    /// Keyed hash of its secret.
    public var secretHash: Bytes32
    /// How often and where.
    public var kind: Kind
    /// Not honoured after this instant of the admitting bolt's clock; an admission already made stays.
    public var expires: WallTime
    /// Group of those admitted; nil: by the topology's rules.
    public var group: GroupName?
    /// Labels of those admitted.
    public var labels: [Label]

    /// A token's record.
    public init(
        id: TokenID, secretHash: Bytes32, kind: Kind, expires: WallTime, group: GroupName?, labels: [Label]
    ) {
        (self.id, self.secretHash, self.kind, self.expires) = (id, secretHash, kind, expires)
        (self.group, self.labels) = (group, labels)
    }
}
