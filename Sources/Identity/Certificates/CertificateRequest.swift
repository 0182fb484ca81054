import COpenSSL
import CRDT

/// A certificate signing request (PKCS#10, RFC 2986): a public key and the proof that its maker holds the private one.
///
/// Names and extensions in a request are never looked at: the issuer decides them.
public struct CertificateRequest: Sendable, Hashable {
    /// The exact bytes.
    public let der: [UInt8]
    /// The key to be certified.
    public let publicKey: TLSPublicKey

    static let pemLabel = "CERTIFICATE REQUEST"

    /// A new request for `key`, with an empty subject, signed by it.
    public init(key: TLSKey) throws(IdentityError) {
        guard let request = X509_REQ_new() else { throw OpenSSL.failure("make a certificate request") }
        defer { X509_REQ_free(request) }
        guard X509_REQ_set_version(request, 0) == 1,
            X509_REQ_set_pubkey(request, key.handle.pointer) == 1,
            X509_REQ_sign(request, key.handle.pointer, EVP_sha256()) > 0,
            let der = OpenSSL.encode({ i2d_X509_REQ(request, $0) })
        else { throw OpenSSL.failure("make a certificate request") }
        self.der = der
        publicKey = key.publicKey
    }

    /// Parses a request and verifies its signature. Never traps, whatever the bytes.
    ///
    /// Fails with `tooLarge`, `malformed`, `notAllowed` (key not P-256) or `badProof` (not signed by its own key).
    public init(der: [UInt8]) throws(IdentityError) {
        guard der.count <= IdentityLimits.requestBytesMax else {
            throw Self.refused(.tooLarge, "\(der.count) bytes; at most \(IdentityLimits.requestBytesMax) are read")
        }
        defer { ERR_clear_error() }
        let request = OpenSSL.decode(der, { d2i_X509_REQ(nil, $0, $1) }, release: { X509_REQ_free($0) })
        guard let request else { throw Self.refused(.malformed, "not a DER certificate request") }
        defer { X509_REQ_free(request) }
        guard let field = X509_REQ_get_X509_PUBKEY(request), let spki = OpenSSL.encode({ i2d_X509_PUBKEY(field, $0) })
        else { throw Self.refused(.malformed, "it holds no public key") }
        guard let publicKey = TLSPublicKey(decoded: spki), let key = X509_REQ_get0_pubkey(request) else {
            throw Self.refused(.notAllowed, "its key is not EC on the named curve P-256")
        }
        guard X509_REQ_get_signature_nid(request) == NID_ecdsa_with_SHA256, X509_REQ_verify(request, key) == 1 else {
            throw Self.refused(.badProof, "it is not signed by its own key with ECDSA and SHA-256")
        }
        self.der = der
        self.publicKey = publicKey
    }

    /// Parses PEM text with exactly one request in it; fails as `init(der:)` does.
    public init(pem: [UInt8], what: String = "a certificate request") throws(IdentityError) {
        let blocks = try PEM.decode(pem, what: what)
        guard blocks.count == 1, blocks[0].label == Self.pemLabel else {
            throw Self.refused(.malformed, "\(what) is not one PEM block of a certificate request")
        }
        try self.init(der: blocks[0].der)
    }

    /// PEM text of this request.
    public var pem: [UInt8] { PEM.encode(label: Self.pemLabel, der) }

    private static func refused(_ code: IdentityError.Code, _ why: String) -> IdentityError {
        IdentityError(
            code, what: "read a certificate request", why: why,
            next: "make the request again with the program that will use the certificate")
    }
}
