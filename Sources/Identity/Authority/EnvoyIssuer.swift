public import CRDT
public import Spanner

/// A partition's own CA: issues certificates to envoys of that partition and to nobody else.
public struct EnvoyIssuer: Sendable {
    /// The CA's certificate.
    public let certificate: Certificate
    /// The partition for whose envoys it vouches.
    public let partition: PartitionName
    private let trustDomain: TrustDomain
    private let key: TLSKey

    /// An issuer from its certificate and key.
    ///
    /// Fails with `mismatch` when they are no pair or the certificate is not signed by `root`, with `notAllowed` when
    /// it is not that of an envoy CA.
    public init(certificate: Certificate, key: TLSKey, root: Certificate) throws(IdentityError) {
        guard let id = certificate.spiffeID, case .envoysCA(let partition) = id.subject, certificate.isCA else {
            throw Self.refused(.notAllowed, "\(certificate) is no CA for a partition's envoys")
        }
        guard certificate.publicKey == key.publicKey else {
            throw Self.refused(.mismatch, "the private key is not that of the envoy CA's certificate")
        }
        let verifier = try ChainVerifier(roots: [root])
        let path = Result { () throws(PeerRejection) in
            try verifier.path(of: [certificate], asking: .init(time: nil, purpose: nil))
        }
        switch path {
        case .success(let path) where path.count == 2 && root.spiffeID == SPIFFEID(id.trustDomain, .root): break
        case .success: throw Self.refused(.mismatch, "it was not issued by the root of \(id.trustDomain)")
        case .failure(let rejection): throw Self.refused(.mismatch, rejection.description)
        }
        (self.certificate, self.key) = (certificate, key)
        (self.partition, trustDomain) = (partition, id.trustDomain)
    }

    /// The certificates that a new or renewing envoy presents: its own, then this CA's.
    ///
    /// The request gives the TLS key and nothing else. `sealingKey` is the envoy's X25519 key; one that would seal to
    /// everybody (low order) is refused with `badArgument`.
    public func issueEnvoy(
        _ request: CertificateRequest, principal: PrincipalID, sealingKey: Bytes32,
        validity: Duration = Validity.envoyDuration, at time: UnixTime = .now()
    ) throws(IdentityError) -> [Certificate] {
        guard SealingKey.isUsable(publicKey: sealingKey) else {
            throw IdentityError(
                .badArgument, what: "issue a certificate to envoy \(principal)",
                why: "its sealing key is a point of low order", next: "make a new sealing key on the machine")
        }
        let template = CertificateTemplate(
            commonName: principal.description, id: SPIFFEID(trustDomain, .envoy(partition, principal)),
            key: request.publicKey, validity: Validity(from: time, lasting: validity), usages: .client,
            sealingKey: sealingKey)
        return [try template.issued(by: certificate, key: key), certificate]
    }

    private static func refused(_ code: IdentityError.Code, _ why: String) -> IdentityError {
        IdentityError(code, what: "use an envoy CA", why: why, next: "let the bolt join its partition again")
    }
}
