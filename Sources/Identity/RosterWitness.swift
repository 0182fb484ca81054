public import CRDT
public import Spanner

/// The daemon's cryptography for the roster: BLAKE2b-256, Ed25519 by libsodium, chains by libcrypto.
///
/// Holds no state that changes an answer; chains that verified are remembered by the verifier.
public struct RosterWitness: Witness {
    private let verifier: PeerVerifier

    /// A witness under the roots that `verifier` trusts; the two may share its memory of verified chains.
    public init(verifier: PeerVerifier) { self.verifier = verifier }

    /// BLAKE2b-256.
    public func hash(_ bytes: [UInt8]) -> Bytes32 { BLAKE2b.hash(bytes) }

    /// Ed25519; false for malformed input.
    public func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
        key.isValid(signature, for: message)
    }

    /// The author, by `PeerVerifier.verifyAuthor`; nil where it rejects.
    public func author(certifiedBy chain: [[UInt8]]) -> Author? {
        switch verifier.verifyAuthor(chain) {
        case .success(let author): author
        case .failure: nil
        }
    }

    /// Whether both keys signed the hand-on, by `RekeyProof.isValid`: two ECDSA verifications.
    public func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool {
        RekeyProof.isValid(proof, of: principal, in: mesh, from: from, to: to, sealingKey: sealingKey)
    }
}
