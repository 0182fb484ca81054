public import CRDT
public import Spanner

/// One TLS key hands on to the next: each signs the other, so that a principal stays the same and a ban of either
/// covers both, and nobody can tie a key to one that is not the same holder's.
public enum RekeyProof {
    private static let domain = Array("bolt rekey v1".utf8)

    /// Both public keys with the signature of each over (domain, mesh, principal, old fingerprint, new fingerprint, new
    /// sealing key if any): about 330 bytes. Fails with `cryptoFailure` only.
    public static func make(
        of principal: PrincipalID, in mesh: MeshID, from old: TLSKey, to new: TLSKey, sealingKey: Bytes32?
    ) throws(IdentityError) -> [UInt8] {
        let message = message(principal, mesh, old.publicKey.fingerprint, new.publicKey.fingerprint, sealingKey)
        var encoder = CanonicalEncoder(capacity: 340)
        for key in [old, new] {
            encoder.string(key.publicKey.spki)
            encoder.string(try key.sign(message))
        }
        return encoder.bytes
    }

    /// Whether `proof` was made by the keys with these fingerprints for exactly these. False for malformed input; never
    /// traps.
    public static func isValid(
        _ proof: [UInt8], of principal: PrincipalID, in mesh: MeshID, from old: KeyFingerprint,
        to new: KeyFingerprint, sealingKey: Bytes32?
    ) -> Bool {
        guard old != new, proof.count <= RosterLimits.proofBytesMax else { return false }
        let message = message(principal, mesh, old, new, sealingKey)
        var decoder = CanonicalDecoder(proof)
        do throws(DecodingFailure) {
            for fingerprint in [old, new] {
                let spki = try decoder.string("public key", limit: RosterLimits.proofBytesMax)
                let signature = try decoder.string("signature", limit: RosterLimits.proofBytesMax)
                guard let key = TLSPublicKey(spki: spki), key.fingerprint == fingerprint,
                    key.isValid(signature, for: message)
                else { return false }
            }
            try decoder.finish()
            return true
        } catch {
            return false
        }
    }

    private static func message(
        _ principal: PrincipalID, _ mesh: MeshID, _ old: KeyFingerprint, _ new: KeyFingerprint, _ sealingKey: Bytes32?
    ) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 192)
        encoder.raw(domain)
        encoder.fixed(mesh.bytes)
        encoder.raw(principal.bytes)
        encoder.fixed(old.bytes)
        encoder.fixed(new.bytes)
        encoder.optional(sealingKey) { $0.fixed($1) }
        return encoder.bytes
    }
}
