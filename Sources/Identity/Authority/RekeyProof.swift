public import CRDT
public import Spanner

/// One TLS key hands on to the next: the old key signs the new one's fingerprint, so that a principal stays the same
/// and a ban of either covers both.
public enum RekeyProof {
    private static let domain = Array("bolt rekey v1".utf8)

    /// ECDSA by the old key over (domain, old fingerprint, new fingerprint, new sealing key if any), in DER.
    public static func make(
        from old: TLSKey, to new: KeyFingerprint, sealingKey: Bytes32?
    ) throws(IdentityError) -> [UInt8] {
        try old.sign(message(old.publicKey.fingerprint, new, sealingKey))
    }

    /// Whether `proof` was made by `old` for exactly these. False for malformed input; never traps.
    public static func isValid(
        _ proof: [UInt8], from old: TLSPublicKey, to new: KeyFingerprint, sealingKey: Bytes32?
    ) -> Bool {
        old.isValid(proof, for: message(old.fingerprint, new, sealingKey))
    }

    private static func message(_ old: KeyFingerprint, _ new: KeyFingerprint, _ sealingKey: Bytes32?) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.raw(domain)
        encoder.fixed(old.bytes)
        encoder.fixed(new.bytes)
        encoder.optional(sealingKey) { $0.fixed($1) }
        return encoder.bytes
    }
}
