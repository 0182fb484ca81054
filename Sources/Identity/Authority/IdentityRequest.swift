import CRDT
public import Spanner

/// What a bolt or an operator gives to the one who signs: requests for its keys, each with the proof that it holds
/// the private half. Travels as PEM text.
public struct IdentityRequest: Sendable, Hashable {
    /// For the TLS key.
    public let certificateRequest: CertificateRequest
    /// For the key of the partition's envoy-issuing CA: bolts only.
    public let envoyIssuerRequest: CertificateRequest?
    /// The Ed25519 key to be certified as well.
    public let signingKey: VerificationKey
    /// The signing key's signature over both requests.
    private let proof: [UInt8]

    private static let domain = Array("bolt identity request v1".utf8)
    private static let signingLabel = "BOLT SIGNING KEY"

    /// A new request, signed by all its keys.
    public init(
        key: TLSKey, signingKey: SigningKey, envoyIssuerKey: TLSKey? = nil
    ) throws(IdentityError) {
        certificateRequest = try CertificateRequest(key: key)
        if let envoyIssuerKey {
            envoyIssuerRequest = try CertificateRequest(key: envoyIssuerKey)
        } else {
            envoyIssuerRequest = nil
        }
        self.signingKey = signingKey.key
        proof = signingKey.sign(Self.message(certificateRequest, envoyIssuerRequest, signingKey.key))
    }

    /// Parses PEM text and checks every proof in it. Never traps, whatever the bytes.
    ///
    /// Fails as `CertificateRequest` does, with `malformed` for other or missing blocks, or with `badProof` when the
    /// signing key did not sign these requests.
    public init(pem: [UInt8], what: String = "an identity request") throws(IdentityError) {
        var requests: [CertificateRequest] = []
        var signing: [UInt8]?
        for block in try PEM.decode(pem, what: what) {
            switch block.label {
            case CertificateRequest.pemLabel where requests.count < 2:
                requests.append(try CertificateRequest(der: block.der))
            case Self.signingLabel where signing == nil: signing = block.der
            default: throw Self.refused(.malformed, what, "it holds a \(block.label) that does not belong there")
            }
        }
        guard let first = requests.first, let signing, signing.count == Bytes32.count + VerificationKey.signatureBytes,
            let key = Bytes32(bytes: signing.prefix(Bytes32.count))
        else { throw Self.refused(.malformed, what, "it lacks a certificate request or a signing key") }
        certificateRequest = first
        envoyIssuerRequest = requests.count == 2 ? requests[1] : nil
        signingKey = VerificationKey(key)
        proof = Array(signing.dropFirst(Bytes32.count))
        guard signingKey.isValid(proof, for: Self.message(certificateRequest, envoyIssuerRequest, signingKey)) else {
            throw Self.refused(.badProof, what, "its signing key did not sign the requests")
        }
    }

    /// PEM text of this request.
    public var pem: [UInt8] {
        certificateRequest.pem + (envoyIssuerRequest?.pem ?? [])
            + PEM.encode(label: Self.signingLabel, signingKey.bytes.bytes + proof)
    }

    private static func message(
        _ first: CertificateRequest, _ second: CertificateRequest?, _ key: VerificationKey
    ) -> [UInt8] {
        var encoder = CanonicalEncoder()
        encoder.raw(domain)
        encoder.fixed(key.bytes)
        encoder.string(first.der)
        encoder.string(second?.der ?? [])
        return encoder.bytes
    }

    private static func refused(_ code: IdentityError.Code, _ what: String, _ why: String) -> IdentityError {
        IdentityError(code, what: "read \(what)", why: why, next: "make the request again where the keys are")
    }
}
