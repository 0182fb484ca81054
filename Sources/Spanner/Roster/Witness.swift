public import CRDT

/// Who made an event, as its certificate says. Nothing of it comes from the event itself.
public struct Author: Hashable, Sendable {
    /// The author's role: bolts carry events, operators sign acts, the root signs the first entries.
    public enum Standing: Hashable, Sendable {
        /// The root of the mesh, which signs the first entries only.
        case root
        /// A bolt of this partition.
        case bolt(PartitionName, BoltName)
        /// An operator.
        case `operator`(OperatorName)
    }
    /// What the issuing CA vouches for.
    public let standing: Standing
    /// The key that verifies the author's signatures.
    public let signingKey: VerificationKey
    /// Fingerprint of the author's TLS key: what a ban names.
    public let tlsKey: KeyFingerprint

    /// An author as read from a certificate chain that verified.
    public init(standing: Standing, signingKey: VerificationKey, tlsKey: KeyFingerprint) {
        (self.standing, self.signingKey, self.tlsKey) = (standing, signingKey, tlsKey)
    }
}

/// Cryptography as the pure cores see it: synchronous functions with no state, the same answer for the same input.
///
/// The daemon's is libsodium and libcrypto; the simulator's may be a cheap stand-in with the same laws.
public protocol Witness: Sendable {
    /// A collision-resistant 256-bit hash (BLAKE2b-256).
    func hash(_ bytes: [UInt8]) -> Bytes32
    /// Whether `signature` (64 bytes, Ed25519) over `message` was made by `key`.
    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool
    /// The author certified by a chain of DER certificates, leaf first, under this mesh's root. Expiry is not looked
    /// at: history stays true when a certificate ends. Nil where the chain does not verify.
    func author(certifiedBy chain: [[UInt8]]) -> Author?
    /// Whether `proof` shows that the holder of both TLS keys of `principal` handed on from the one to the other, in
    /// this mesh and with this sealing key: signed by the old key and by the new one. Either signature alone would let
    /// whoever holds one key tie a stranger's to it, and a ban of one covers both. False for malformed input.
    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool
}

/// The one secret that a core needs: it signs heads of the replica's own runs.
public protocol RunSigner: Sendable {
    /// The key that verifies what is signed here.
    var key: VerificationKey { get }
    /// 64 bytes of Ed25519 over `message`.
    func sign(_ message: [UInt8]) -> [UInt8]
}
