import COpenSSL
import COpenSSLShim
import CRDT
import Glibc
import Spanner

/// Reads what we need from a certificate. All limits and strictness of the parse are here.
enum CertificateParser {
    struct Names {
        var uris: [String] = []
        var hosts: [String] = []
        var addresses: [[UInt8]] = []
        var hasOthers = false
    }

    struct Fields {
        let der: [UInt8]
        let handle: CertificateHandle
        let publicKey: TLSPublicKey
        let validity: Validity
        let isCA: Bool
        let usages: ExtendedUsages
        let names: Names
        let hasCommonName: Bool
        let serial: String
        let signingKey: VerificationKey?
        let sealingKey: Bytes32?
    }

    static func parse(_ der: [UInt8]) throws(CertificateFault) -> Certificate {
        guard der.count <= IdentityLimits.certificateBytesMax else {
            throw CertificateFault(
                code: .tooLarge,
                why: "\(der.count) bytes; at most \(IdentityLimits.certificateBytesMax) are read")
        }
        defer { ERR_clear_error() }
        guard let pointer = OpenSSL.decode(der, { d2i_X509(nil, $0, $1) }, release: { X509_free($0) }) else {
            throw .malformed("not a DER certificate")
        }
        let handle = CertificateHandle(owning: pointer)
        // What parses but would be written differently has a second form of the same certificate: refused.
        guard OpenSSL.encode({ i2d_X509(pointer, $0) }) == der else { throw .malformed("not strict DER") }
        guard X509_get_version(pointer) == 2 else { throw .malformed("not of version 3") }
        let flags = X509_get_extension_flags(pointer)
        guard flags & UInt32(EXFLAG_INVALID) == 0 else { throw .malformed("an extension is malformed or repeated") }
        let (signing, sealing) = try ownKeys(of: pointer)
        return Certificate(
            fields: Fields(
                der: der, handle: handle, publicKey: try publicKey(of: pointer), validity: try validity(of: pointer),
                isCA: flags & UInt32(EXFLAG_CA) != 0, usages: usages(of: pointer, flags: flags),
                names: try names(of: pointer), hasCommonName: hasCommonName(pointer), serial: serial(of: pointer),
                signingKey: signing.map { VerificationKey($0) }, sealingKey: sealing))
    }

    private static func publicKey(of certificate: OpaquePointer) throws(CertificateFault) -> TLSPublicKey {
        guard let field = X509_get_X509_PUBKEY(certificate),
            let spki = OpenSSL.encode({ i2d_X509_PUBKEY(field, $0) })
        else { throw .malformed("no public key") }
        // libcrypto decoded the key when it parsed the certificate; a point off the curve leaves none.
        guard let key = TLSPublicKey(decoded: spki), X509_get0_pubkey(certificate) != nil else {
            throw CertificateFault(code: .notAllowed, why: "its key is not EC on the named curve P-256")
        }
        return key
    }

    private static func validity(of certificate: OpaquePointer) throws(CertificateFault) -> Validity {
        guard let start = instant(X509_get0_notBefore(certificate)), let end = instant(X509_get0_notAfter(certificate))
        else { throw .malformed("a date is malformed") }
        return Validity(notBefore: start, notAfter: end)
    }

    private static func instant(_ time: UnsafePointer<ASN1_TIME>?) -> UnixTime? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return UnixTime(seconds: Int64(timegm(&parts)))
    }

    private static func usages(of certificate: OpaquePointer, flags: UInt32) -> ExtendedUsages {
        // Without the extension libcrypto answers "all": to us that is none.
        guard flags & UInt32(EXFLAG_XKUSAGE) != 0 else { return [] }
        let bits = X509_get_extended_key_usage(certificate)
        var usages: ExtendedUsages = []
        if bits & UInt32(XKU_SSL_SERVER) != 0 { usages.insert(.server) }
        if bits & UInt32(XKU_SSL_CLIENT) != 0 { usages.insert(.client) }
        return usages
    }

    private static func names(of certificate: OpaquePointer) throws(CertificateFault) -> Names {
        var status: Int32 = 0
        guard let list = boltssl_names_of(certificate, &status) else {
            guard status == -1 else { throw .malformed("the alternative names are malformed or repeated") }
            return Names()
        }
        defer { boltssl_names_free(list) }
        let count = Int(boltssl_names_count(list))
        guard count <= IdentityLimits.alternativeNamesMax else {
            throw CertificateFault(
                code: .tooLarge, why: "\(count) alternative names; at most \(IdentityLimits.alternativeNamesMax)")
        }
        var names = Names()
        for index in 0..<count {
            var start: UnsafePointer<UInt8>?
            var length: Int32 = 0
            let kind = boltssl_names_at(list, Int32(index), &start, &length)
            let bytes = Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : Int(max(length, 0))))
            switch kind {
            case GEN_URI: names.uris.append(try visibleText(bytes))
            case GEN_DNS: names.hosts.append(try visibleText(bytes))
            case GEN_IPADD where bytes.count == 4 || bytes.count == 16: names.addresses.append(bytes)
            case GEN_IPADD: throw .malformed("an IP address of \(bytes.count) bytes")
            default: names.hasOthers = true
            }
        }
        return names
    }

    /// Printable ASCII only: no NUL, no control characters, nothing that looks like something else in a log.
    private static func visibleText(_ bytes: [UInt8]) throws(CertificateFault) -> String {
        guard !bytes.isEmpty, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .malformed("an alternative name is empty or not printable ASCII")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hasCommonName(_ certificate: OpaquePointer) -> Bool {
        guard let subject = X509_get_subject_name(certificate) else { return false }
        return X509_NAME_get_index_by_NID(subject, NID_commonName, -1) >= 0
    }

    private static func serial(of certificate: OpaquePointer) -> String {
        guard let number = X509_get0_serialNumber(certificate), let base = ASN1_STRING_get0_data(number) else {
            return ""
        }
        return Array(UnsafeBufferPointer(start: base, count: Int(max(ASN1_STRING_length(number), 0)))).hexDigits
    }

    /// The Ed25519 and the X25519 key of our own extensions.
    private static func ownKeys(of certificate: OpaquePointer) throws(CertificateFault) -> (Bytes32?, Bytes32?) {
        (
            try ownKey(CertificateExtensions.signingKeyOID, of: certificate),
            try ownKey(CertificateExtensions.sealingKeyOID, of: certificate)
        )
    }

    private static func ownKey(_ text: String, of certificate: OpaquePointer) throws(CertificateFault) -> Bytes32? {
        guard let oid = OBJ_txt2obj(text, 1) else { throw .malformed("out of memory") }
        defer { ASN1_OBJECT_free(oid) }
        let index = X509_get_ext_by_OBJ(certificate, oid, -1)
        guard index >= 0 else { return nil }
        guard X509_get_ext_by_OBJ(certificate, oid, index) < 0,
            let content = X509_EXTENSION_get_data(X509_get_ext(certificate, index)),
            let base = ASN1_STRING_get0_data(content)
        else { throw .malformed("a key extension is repeated") }
        let bytes = UnsafeBufferPointer(start: base, count: Int(max(ASN1_STRING_length(content), 0)))
        guard bytes.count == 34, bytes[0] == 0x04, bytes[1] == 32, let key = Bytes32(bytes: bytes.dropFirst(2)) else {
            throw .malformed("a key extension is not an octet string of 32 bytes")
        }
        return key
    }
}
