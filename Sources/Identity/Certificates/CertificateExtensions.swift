import COpenSSL
import CRDT
import Spanner

/// What a certificate's key may be used for, beyond signing certificates.
public struct ExtendedUsages: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt8
    /// A set from its bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// TLS server.
    public static let server = ExtendedUsages(rawValue: 1)
    /// TLS client.
    public static let client = ExtendedUsages(rawValue: 2)
}

/// Object identifiers and contents of the extensions that we write.
///
/// Our own two lie under an arc made from a random UUID (ITU-T X.667), which needs no registration.
enum CertificateExtensions {
    /// Carries the Ed25519 public key of roots, bolts and operators: an OCTET STRING of 32 bytes.
    static let signingKeyOID = "2.25.206196660904520615519699085750732253867.1"
    /// Carries the X25519 public key of envoys: an OCTET STRING of 32 bytes.
    static let sealingKeyOID = "2.25.206196660904520615519699085750732253867.2"

    static let basicConstraintsOID = "2.5.29.19"
    static let keyUsageOID = "2.5.29.15"
    static let extendedKeyUsageOID = "2.5.29.37"
    static let alternativeNameOID = "2.5.29.17"
    static let subjectKeyOID = "2.5.29.14"
    static let authorityKeyOID = "2.5.29.35"

    /// One extension ready to be added.
    struct Written {
        let oid: String
        let isCritical: Bool
        let content: [UInt8]
    }

    static func basicConstraints(pathLength: UInt8?) -> Written {
        let content = pathLength.map { DER.sequence([DER.boolean(true), DER.smallInteger($0)]) } ?? DER.sequence([])
        return Written(oid: basicConstraintsOID, isCritical: true, content: content)
    }

    /// keyCertSign and cRLSign for a CA, digitalSignature for a leaf (all that TLS 1.3 needs).
    static func keyUsage(isCA: Bool) -> Written {
        Written(oid: keyUsageOID, isCritical: true, content: DER.namedBits(isCA ? 0b0000_0110 : 0b1000_0000))
    }

    static func extendedKeyUsage(_ usages: ExtendedUsages) -> Written {
        // id-kp-serverAuth and id-kp-clientAuth: 1.3.6.1.5.5.7.3.1 and .2
        let arc: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03]
        var purposes: [[UInt8]] = []
        if usages.contains(.server) { purposes.append(DER.tagged(0x06, arc + [1])) }
        if usages.contains(.client) { purposes.append(DER.tagged(0x06, arc + [2])) }
        return Written(oid: extendedKeyUsageOID, isCritical: false, content: DER.sequence(purposes))
    }

    /// The URI first, then host names, then addresses of 4 or 16 bytes.
    static func alternativeNames(_ id: SPIFFEID, hosts: [String], addresses: [[UInt8]]) -> Written {
        let names =
            [DER.tagged(0x86, Array(id.description.utf8))] + hosts.map { DER.tagged(0x82, Array($0.utf8)) }
            + addresses.map { DER.tagged(0x87, $0) }
        return Written(oid: alternativeNameOID, isCritical: false, content: DER.sequence(names))
    }

    static func subjectKey(_ identifier: [UInt8]) -> Written {
        Written(oid: subjectKeyOID, isCritical: false, content: DER.octets(identifier))
    }

    static func authorityKey(_ identifier: [UInt8]) -> Written {
        Written(oid: authorityKeyOID, isCritical: false, content: DER.sequence([DER.tagged(0x80, identifier)]))
    }

    static func signingKey(_ key: VerificationKey) -> Written {
        Written(oid: signingKeyOID, isCritical: false, content: DER.octets(key.bytes.bytes))
    }

    static func sealingKey(_ key: Bytes32) -> Written {
        Written(oid: sealingKeyOID, isCritical: false, content: DER.octets(key.bytes))
    }

    /// Key identifier by RFC 7093, method 1: the first 20 bytes of SHA-256 over the public key's bits.
    static func keyIdentifier(of key: TLSPublicKey) -> [UInt8] {
        Array(SHA256.hash([4] + key.point).bytes.prefix(20))
    }
}
