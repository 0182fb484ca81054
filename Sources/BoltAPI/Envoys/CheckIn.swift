public import CRDT
public import Spanner

/// An envoy reports: `POST /v1/checkin`. Repeating it is harmless: a result is stored once.
public struct CheckInRequest: Hashable, Sendable, Codable {
    /// Facts of the machine, an object.
    public var traits: [String: JSONValue]
    /// Which life of the envoy's queue the sequences belong to.
    public var queueIncarnation: QueueIncarnation
    /// Lowest sequence that the envoy still holds; with an empty queue the next one it will use. At least 1.
    public var firstHeld: UInt64
    /// Results in ascending, gapless sequence; at most `APILimits.checkInResultsMax`.
    public var results: [EnvoyResult]
    /// Hash of the policy leaf that is in force on the machine; absent where it holds none.
    public var heldDigest: Bytes32?
    /// Sequence of the head that this leaf was accepted under; absent where it holds none.
    public var policySequence: UInt64?
    /// The highest owner that it has seen.
    public var highest: OwnerMark?

    /// A report.
    public init(
        traits: [String: JSONValue], queueIncarnation: QueueIncarnation, firstHeld: UInt64, results: [EnvoyResult],
        heldDigest: Bytes32? = nil, policySequence: UInt64? = nil, highest: OwnerMark? = nil
    ) {
        (self.traits, self.queueIncarnation, self.firstHeld) = (traits, queueIncarnation, firstHeld)
        (self.results, self.highest) = (results, highest)
        (self.heldDigest, self.policySequence) = (heldDigest, policySequence)
    }

    enum CodingKeys: String, CodingKey {
        case traits, results, highest
        case queueIncarnation = "queue_incarnation"
        case firstHeld = "first_held"
        case heldDigest = "held_digest"
        case policySequence = "policy_sequence"
    }
}

/// One result, opaque to the mesh.
public struct EnvoyResult: Hashable, Sendable, Codable {
    /// Its place in the queue; at least 1.
    public var sequence: UInt64
    /// What happened; at most `APILimits.resultBytesMax`.
    public var body: Base64Bytes

    /// A result.
    public init(sequence: UInt64, body: Base64Bytes) { (self.sequence, self.body) = (sequence, body) }
}

/// What an envoy remembers of its owner.
public struct OwnerMark: Hashable, Sendable, Codable {
    /// How many owners it followed, by its own count.
    public var register: UInt64
    /// Epoch of the owning partition.
    public var epoch: UInt64
    /// The register of its slice, by its hash: an owner with another register, or another epoch, proves itself in the
    /// answer. Absent before the envoy was shown one.
    public var hash: Bytes32?

    /// What is remembered.
    public init(register: UInt64, epoch: UInt64, hash: Bytes32? = nil) {
        (self.register, self.epoch, self.hash) = (register, epoch, hash)
    }
}

/// What the owner answers to a report.
public struct CheckInResponse: Hashable, Sendable, Codable {
    /// Every result up to here is stored, once, in order; 0 for none.
    public var storedThrough: UInt64
    /// The envoy may delete up to here and no further.
    public var releaseThrough: UInt64
    /// How safe the results are; `custody` where the owner has them not.
    public var level: AckLevel
    /// Who keeps the results while the owner is away; nil where the owner has them.
    public var custody: CheckInCustody?
    /// Who owns the envoy's slice.
    public var owner: CheckInOwner
    /// When to report again.
    public var nextIntervalSeconds: Double
    /// Every bolt of the mesh, the owner's first; at most `BoltList.boltsMax`.
    public var bolts: [BoltAddress]
    /// The owner's signature over just this list; absent where no topology is in force, and where the owner is away.
    public var boltsSignature: CheckInBoltsSignature?
    /// What proves the owner, where the envoy has not seen this register and epoch: a signed voucher, at most
    /// `SliceLimits.voucherBytesMax` bytes.
    public var claim: Base64Bytes?
    /// Number of the slice's owner: 1 before there were slices, and more with each change of owner. For people: envoys
    /// follow proofs.
    public var register: UInt64
    /// Epoch of the owning partition.
    public var epoch: UInt64
    /// Whether the envoy's name is contested: results are taken, nothing new is given.
    public var contested: Bool
    /// The owner's signature over what is stored and safe (64 bytes), where a bolt of another partition passes its
    /// answer on.
    public var signature: Base64Bytes?
    /// What the envoy is to do with its machine; absent where the bolt that answers knows nothing of policy.
    public var policy: CheckInPolicy?

    /// An answer to a report.
    public init(
        storedThrough: UInt64, releaseThrough: UInt64, level: AckLevel, owner: CheckInOwner,
        nextIntervalSeconds: Double, bolts: [BoltAddress], register: UInt64, epoch: UInt64, contested: Bool,
        claim: Base64Bytes? = nil, signature: Base64Bytes? = nil, custody: CheckInCustody? = nil,
        policy: CheckInPolicy? = nil, boltsSignature: CheckInBoltsSignature? = nil
    ) {
        (self.storedThrough, self.releaseThrough, self.level) = (storedThrough, releaseThrough, level)
        (self.owner, self.nextIntervalSeconds, self.bolts) = (owner, nextIntervalSeconds, bolts)
        (self.register, self.epoch, self.contested, self.claim) = (register, epoch, contested, claim)
        (self.signature, self.custody, self.policy) = (signature, custody, policy)
        self.boltsSignature = boltsSignature
    }

    enum CodingKeys: String, CodingKey {
        case level, owner, bolts, claim, register, epoch, contested, signature, custody, policy
        case boltsSignature = "bolts_signature"
        case storedThrough = "stored_through"
        case releaseThrough = "release_through"
        case nextIntervalSeconds = "next_interval_seconds"
    }
}

/// The owner's word for a list of bolts: an agent keeps such a list, durably, in place of the one that it had.
public struct CheckInBoltsSignature: Hashable, Sendable, Codable {
    /// Grows with each list that the owner signs in its epoch: no earlier one takes the place of a later one.
    public var number: UInt64
    /// 64 bytes by the key of the bolt that reigns, over the list, the owner, its epoch and the number.
    public var signature: Base64Bytes

    /// A signature with its number.
    public init(number: UInt64, signature: Base64Bytes) { (self.number, self.signature) = (number, signature) }
}

/// Results are kept for an owner that is away: a second copy, beside the envoy's own. `stored_through` says how far,
/// and nothing is released.
public struct CheckInCustody: Hashable, Sendable, Codable {
    /// The bolt that keeps them, `name.partition`.
    public var keptBy: String

    /// Kept by a bolt.
    public init(keptBy: String) { self.keptBy = keptBy }

    enum CodingKeys: String, CodingKey {
        case keptBy = "kept_by"
    }
}

/// The partition that owns an envoy's slice.
public struct CheckInOwner: Hashable, Sendable, Codable {
    /// Its name.
    public var partition: PartitionName

    /// An owner.
    public init(partition: PartitionName) { self.partition = partition }
}

/// A bolt passes a report on to the owner: `POST /v1/peer/checkin`, bolts only.
///
/// The owner verifies the envoy's chain itself and looks the key up in its own roster: the forwarder vouches for
/// nothing.
public struct PeerCheckInRequest: Hashable, Sendable, Codable {
    /// The envoy's certificate chain as it was presented, leaf first, DER.
    public var envoyChainDER: [Base64Bytes]
    /// What the envoy sent.
    public var request: CheckInRequest
    /// How often it was passed on; refused above `APILimits.forwardHopsMax`.
    public var hops: Int
    /// When a bolt took it that kept it while the owner was away, in milliseconds since 1970 by that bolt's clock; none
    /// where it comes at once. The chain has to have been valid then, and nothing of the machine is learnt from it.
    public var keptAt: UInt64?

    /// A report that is passed on.
    public init(envoyChainDER: [Base64Bytes], request: CheckInRequest, hops: Int, keptAt: UInt64? = nil) {
        (self.envoyChainDER, self.request, self.hops, self.keptAt) = (envoyChainDER, request, hops, keptAt)
    }

    enum CodingKeys: String, CodingKey {
        case request, hops
        case keptAt = "kept_at_ms"
        case envoyChainDER = "envoy_chain_der_base64"
    }
}
