import COpenSSL
import CRDT
import Spanner

/// All that an issuer decides about a certificate before it signs it.
struct CertificateTemplate {
    /// For people who look at certificates; never read by us.
    var commonName: String
    var id: SPIFFEID
    var key: TLSPublicKey
    var validity: Validity
    /// Nil for a leaf; otherwise how many CAs may stand below.
    var pathLength: UInt8?
    var usages: ExtendedUsages = []
    var hosts: [String] = []
    var addresses: [[UInt8]] = []
    var signingKey: VerificationKey?
    var sealingKey: Bytes32?

    /// The certificate signed by `issuer`'s key under its name, or by `issuerKey` under its own name for a root.
    ///
    /// It never outlives its issuer. Fails with `badArgument` for an empty or overlong validity, else only with
    /// `cryptoFailure`.
    func issued(by issuer: Certificate?, key issuerKey: TLSKey) throws(IdentityError) -> Certificate {
        let span = issuer.map { validity.clipped(to: $0.validity) } ?? validity
        try Self.check(span, what: "issue \(id)")
        guard let handle = X509_new().map(CertificateHandle.init(owning:)) else { throw failure() }
        let subjectKey = try key.handle()
        // Both own memory that libcrypto uses until the end, which the compiler cannot see.
        defer { withExtendedLifetime((handle, subjectKey)) {} }
        let target = handle.pointer
        let subject = try name(commonName)
        defer { X509_NAME_free(subject) }
        let issuerName = issuer.map { X509_get_subject_name($0.handle.pointer) } ?? subject
        guard X509_set_version(target, 2) == 1,
            ASN1_STRING_set(X509_get_serialNumber(target), Self.serial(), 16) == 1,
            ASN1_TIME_set(X509_getm_notBefore(target), time_t(span.notBefore.seconds)) != nil,
            ASN1_TIME_set(X509_getm_notAfter(target), time_t(span.notAfter.seconds)) != nil,
            X509_set_subject_name(target, subject) == 1,
            X509_set_issuer_name(target, issuerName) == 1,
            X509_set_pubkey(target, subjectKey.pointer) == 1
        else { throw failure() }
        for item in extensions(issuerKey: issuerKey.publicKey) { try add(item, to: target) }
        guard X509_sign(target, issuerKey.handle.pointer, EVP_sha256()) > 0,
            let der = OpenSSL.encode({ i2d_X509(target, $0) })
        else { throw failure() }
        return try Certificate(der: der)
    }

    private func extensions(issuerKey: TLSPublicKey) -> [CertificateExtensions.Written] {
        typealias Make = CertificateExtensions
        var list = [
            Make.basicConstraints(pathLength: pathLength),
            Make.keyUsage(isCA: pathLength != nil),
            Make.alternativeNames(id, hosts: hosts, addresses: addresses),
            Make.subjectKey(Make.keyIdentifier(of: key)),
            Make.authorityKey(Make.keyIdentifier(of: issuerKey)),
        ]
        if !usages.isEmpty { list.append(Make.extendedKeyUsage(usages)) }
        if let signingKey { list.append(Make.signingKey(signingKey)) }
        if let sealingKey { list.append(Make.sealingKey(sealingKey)) }
        return list
    }

    private func add(
        _ item: CertificateExtensions.Written, to target: OpaquePointer
    ) throws(IdentityError) {
        guard let oid = OBJ_txt2obj(item.oid, 1), let content = ASN1_OCTET_STRING_new() else { throw failure() }
        defer {
            ASN1_OBJECT_free(oid)
            ASN1_OCTET_STRING_free(content)
        }
        guard ASN1_OCTET_STRING_set(content, item.content, Int32(item.content.count)) == 1,
            let made = X509_EXTENSION_create_by_OBJ(nil, oid, item.isCritical ? 1 : 0, content)
        else { throw failure() }
        defer { X509_EXTENSION_free(made) }
        guard X509_add_ext(target, made, -1) == 1 else { throw failure() }
    }

    private func name(_ commonName: String) throws(IdentityError) -> OpaquePointer {
        guard let name = X509_NAME_new() else { throw failure() }
        for (field, text) in [("O", id.trustDomain.text), ("CN", commonName)] {
            let bytes = Array(text.utf8.prefix(64))
            guard X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes, Int32(bytes.count), -1, 0) == 1
            else {
                X509_NAME_free(name)
                throw failure()
            }
        }
        return name
    }

    private static func check(_ span: Validity, what: String) throws(IdentityError) {
        let longest = IdentityLimits.validityMax + IdentityLimits.backdating
        let isCalendar = span.notBefore.seconds >= 0 && span.notAfter.seconds < 253_402_300_800
        guard span.notBefore < span.notAfter, isCalendar, span.notBefore.adding(longest) >= span.notAfter else {
            throw IdentityError(
                .badArgument, what: what,
                why: "it would be valid from \(span.notBefore) to \(span.notAfter), within its issuer's validity",
                next: "ask for a validity of up to 20 years while the issuer is valid, and check the clock")
        }
    }

    /// 128 random bits without leading zero byte or sign bit, as DER wants them.
    private static func serial() -> [UInt8] {
        var bytes = Sodium.randomBytes(16)
        bytes[0] = bytes[0] & 0x7F | 0x40
        return bytes
    }

    private func failure() -> IdentityError { OpenSSL.failure("issue \(id)") }
}
