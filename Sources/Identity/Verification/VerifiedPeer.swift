public import CRDT
public import Spanner

/// Who is at the other end, as a verified certificate says. Not yet authorised: the roster decides that, now.
public struct VerifiedPeer: Hashable, Sendable {
    /// What the issuing CA vouches for.
    public enum Role: Hashable, Sendable {
        /// A bolt of a partition.
        case bolt(PartitionName, BoltName)
        /// An envoy; the partition is the one whose intermediate issued its certificate.
        case envoy(PartitionName, PrincipalID)
        /// An operator.
        case `operator`(OperatorName)

        /// The kind alone.
        public var kind: PrincipalRole {
            switch self {
            case .bolt: .bolt
            case .envoy: .envoy
            case .operator: .operator
            }
        }
    }

    /// The role, with the name that belongs to it.
    public let role: Role
    /// Its SPIFFE id.
    public let id: SPIFFEID
    /// SHA-256 of its public key's SubjectPublicKeyInfo.
    public let fingerprint: KeyFingerprint
    /// Its Ed25519 key: bolts and operators always, envoys never.
    public let signingKey: VerificationKey?
    /// Its X25519 key: envoys always, others never.
    public let sealingKey: Bytes32?
    /// When its own certificate ends.
    public let notAfter: UnixTime
    /// When every certificate of the chain is valid.
    public let validity: Validity
    /// Its own certificate in DER.
    public let leaf: [UInt8]
}

/// The end of a connection at which the certificate is presented.
public enum PeerPurpose: UInt8, Sendable, Hashable, CaseIterable {
    /// The peer connected to us.
    case client = 1
    /// We connected to the peer.
    case server = 2
}
