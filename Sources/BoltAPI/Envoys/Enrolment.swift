public import CRDT
public import Spanner

/// A machine asks to be admitted: `POST /v1/enroll` by an unauthenticated client that holds a join token.
public struct EnrolRequest: Hashable, Sendable, Codable {
    /// The join token's text. A secret: never logged.
    public var token: String
    /// Certificate signing request for the envoy's P-256 key.
    public var csrPEM: String
    /// What people call the machine.
    public var name: PrincipalName
    /// The envoy's X25519 public key.
    public var sealingKey: Bytes32
    /// What the machine says of itself; the token's own labels win.
    public var labels: [String: String]

    /// A request to be admitted.
    public init(token: String, csrPEM: String, name: PrincipalName, sealingKey: Bytes32, labels: [String: String]) {
        (self.token, self.csrPEM, self.name) = (token, csrPEM, name)
        (self.sealingKey, self.labels) = (sealingKey, labels)
    }

    enum CodingKeys: String, CodingKey {
        case token, name, labels
        case csrPEM = "csr_pem"
        case sealingKey = "sealing_key"
    }
}

/// An envoy goes on with a new key: `POST /v1/envoy/rekey`, authenticated by the old one.
public struct RekeyRequest: Hashable, Sendable, Codable {
    /// Certificate signing request for the new P-256 key.
    public var csrPEM: String
    /// The new X25519 public key.
    public var sealingKey: Bytes32
    /// Both keys, each with its signature over the hand-on: what `docs/wire-protocol.md` calls a proof.
    public var proof: Base64Bytes

    /// A request to go on with another key.
    public init(csrPEM: String, sealingKey: Bytes32, proof: Base64Bytes) {
        (self.csrPEM, self.sealingKey, self.proof) = (csrPEM, sealingKey, proof)
    }

    enum CodingKeys: String, CodingKey {
        case proof
        case csrPEM = "csr_pem"
        case sealingKey = "sealing_key"
    }
}

/// A bolt passes an enrolment on to the one-shot token's home partition: `POST /v1/peer/enroll`.
public struct PeerEnrolRequest: Hashable, Sendable, Codable {
    /// What the machine asked for.
    public var request: EnrolRequest
    /// How often it was passed on; refused above `APILimits.forwardHopsMax`.
    public var hops: Int

    /// An enrolment that is passed on.
    public init(request: EnrolRequest, hops: Int) { (self.request, self.hops) = (request, hops) }
}

/// A machine was admitted, or goes on with a new key.
public struct EnrolResponse: Hashable, Sendable, Codable {
    /// Leaf first, then the issuing certificates, without the root.
    public var certificateChainPEM: String
    /// The mesh's root certificate.
    public var rootPEM: String
    /// The envoy's id for ever.
    public var envoyID: PrincipalID
    /// The partition whose intermediate issued the certificate.
    public var partition: PartitionName
    /// The envoy's part of the fleet.
    public var group: GroupName?
    /// Every bolt of the mesh, those of the owner first.
    public var bolts: [BoltAddress]
    /// How safe the admission is.
    public var level: AckLevel
    /// The register of the envoy's slice, as a voucher of at most `SliceLimits.voucherBytesMax` bytes: signed where its
    /// owner admits the machine. Absent where no topology is in force.
    public var claim: Base64Bytes?

    /// An admission's answer.
    public init(
        certificateChainPEM: String, rootPEM: String, envoyID: PrincipalID, partition: PartitionName,
        group: GroupName?, bolts: [BoltAddress], level: AckLevel, claim: Base64Bytes? = nil
    ) {
        (self.certificateChainPEM, self.rootPEM, self.envoyID) = (certificateChainPEM, rootPEM, envoyID)
        (self.partition, self.group, self.bolts, self.level) = (partition, group, bolts, level)
        self.claim = claim
    }

    enum CodingKeys: String, CodingKey {
        case partition, group, bolts, level, claim
        case certificateChainPEM = "certificate_chain_pem"
        case rootPEM = "root_pem"
        case envoyID = "envoy_id"
    }
}

/// Status 202: an operator has to approve the machine first; it asks again with the same key.
public struct EnrolPending: Hashable, Sendable, Codable {
    /// Always true.
    public var pending: Bool
    /// When to ask again.
    public var retryAfterSeconds: Int

    /// An answer that asks for patience.
    public init(retryAfterSeconds: Int) { (pending, self.retryAfterSeconds) = (true, retryAfterSeconds) }

    enum CodingKeys: String, CodingKey {
        case pending
        case retryAfterSeconds = "retry_after_seconds"
    }
}

/// Where a bolt can be reached.
public struct BoltAddress: Hashable, Sendable, Codable {
    /// The bolt's name in its partition.
    public var name: BoltName
    /// Its partition.
    public var partition: PartitionName
    /// `host:port`.
    public var address: String

    /// A bolt's address.
    public init(name: BoltName, partition: PartitionName, address: String) {
        (self.name, self.partition, self.address) = (name, partition, address)
    }
}
