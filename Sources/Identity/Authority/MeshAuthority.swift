public import Spanner

/// The operator's mesh directory: root and issuing CAs, with which bolts and operators are made.
///
/// Stays with the operator; no bolt ever needs it. Private keys are read from the directory for each signature and
/// not kept.
public struct MeshAuthority: Sendable {
    /// The directory.
    public let directory: String
    /// The mesh's name.
    public let trustDomain: TrustDomain
    /// The root certificate.
    public let root: Certificate
    /// The CA for bolts.
    public let boltsCA: Certificate
    /// The CA for operators.
    public let operatorsCA: Certificate
    let files: MeshAuthorityFiles
    private let passphrase: Passphrase?

    /// The mesh: fingerprint of the root's key.
    public var mesh: MeshID { root.meshID }

    /// Opens a mesh directory and tries the passphrase on a key, so that a wrong one shows now. Changes nothing.
    ///
    /// Fails with `missingFile`, `insecureFile`, `passphraseRequired`, `wrongPassphrase`, `malformed` or `mismatch`.
    public static func open(directory: String, passphrase: Passphrase?) throws(IdentityError) -> MeshAuthority {
        let files = MeshAuthorityFiles(IdentityDirectory(directory))
        let document = try files.document()
        let authority = MeshAuthority(
            directory: directory, trustDomain: document.trustDomain,
            root: try files.certificate(MeshAuthorityFiles.rootName),
            boltsCA: try files.certificate(MeshAuthorityFiles.boltsName),
            operatorsCA: try files.certificate(MeshAuthorityFiles.operatorsName), files: files,
            passphrase: passphrase)
        let names = [authority.root, authority.boltsCA, authority.operatorsCA].map(\.spiffeID?.subject)
        guard names == [.root, .boltsCA, .operatorsCA], authority.mesh == document.mesh,
            authority.root.spiffeID?.trustDomain == document.trustDomain
        else {
            throw IdentityError(
                .mismatch, what: "open the mesh directory \(directory)",
                why: "its certificates are not those of the mesh \(document.trustDomain) named in mesh.json",
                next: "restore the whole directory from one copy")
        }
        _ = try authority.key(MeshAuthorityFiles.boltsName, of: authority.boltsCA)
        return authority
    }

    init(
        directory: String, trustDomain: TrustDomain, root: Certificate, boltsCA: Certificate,
        operatorsCA: Certificate, files: MeshAuthorityFiles, passphrase: Passphrase?
    ) {
        (self.directory, self.trustDomain) = (directory, trustDomain)
        (self.root, self.boltsCA, self.operatorsCA) = (root, boltsCA, operatorsCA)
        (self.files, self.passphrase) = (files, passphrase)
    }

    /// Signs a joining bolt's request: its certificate, naming the hosts of `addresses` too, and the certificate of
    /// the envoy CA that it asks for. Writes nothing.
    ///
    /// `addresses` are `host`, `host:port`, `[ipv6]:port`; at most `IdentityLimits.addressesMax`. Fails with
    /// `badArgument` for an address that is none or a request without an envoy CA's key.
    public func issueBolt(
        _ request: IdentityRequest, partition: PartitionName, name: BoltName, addresses: [String],
        validity: Duration = Validity.leafDuration, at time: UnixTime = .now()
    ) throws(IdentityError) -> BoltGrant {
        guard let envoyRequest = request.envoyIssuerRequest else {
            throw refused("bolt \(name) of \(partition)", "the request has no key for the partition's envoy CA")
        }
        let (hosts, ips) = try Self.split(addresses, for: name)
        let template = CertificateTemplate(
            commonName: "\(name).\(partition)", id: SPIFFEID(trustDomain, .bolt(partition, name)),
            key: request.certificateRequest.publicKey, validity: Validity(from: time, lasting: validity),
            usages: [.server, .client], hosts: hosts, addresses: ips, signingKey: request.signingKey)
        let leaf = try template.issued(by: boltsCA, key: key(MeshAuthorityFiles.boltsName, of: boltsCA))
        let issuer = try issueEnvoyIntermediate(envoyRequest, partition: partition, at: time)
        return BoltGrant(chain: [leaf, boltsCA, root], envoyIssuer: issuer, root: root)
    }

    /// Signs the certificate of a partition's envoy CA with the root's key. Writes nothing.
    public func issueEnvoyIntermediate(
        _ request: CertificateRequest, partition: PartitionName, validity: Duration = Validity.issuerDuration,
        at time: UnixTime = .now()
    ) throws(IdentityError) -> Certificate {
        let template = CertificateTemplate(
            commonName: "envoys of \(partition)", id: SPIFFEID(trustDomain, .envoysCA(partition)),
            key: request.publicKey, validity: Validity(from: time, lasting: validity), pathLength: 0, usages: .client)
        return try template.issued(by: root, key: key(MeshAuthorityFiles.rootName, of: root))
    }

    /// Signs an operator's request: the certificates to present, leaf first. Writes nothing.
    public func issueOperator(
        _ request: IdentityRequest, name: OperatorName, validity: Duration = Validity.leafDuration,
        at time: UnixTime = .now()
    ) throws(IdentityError) -> [Certificate] {
        let template = CertificateTemplate(
            commonName: name.text, id: SPIFFEID(trustDomain, .operator(name)),
            key: request.certificateRequest.publicKey, validity: Validity(from: time, lasting: validity),
            usages: .client, signingKey: request.signingKey)
        let issuerKey = try key(MeshAuthorityFiles.operatorsName, of: operatorsCA)
        return [try template.issued(by: operatorsCA, key: issuerKey), operatorsCA]
    }

    /// Makes an operator with new keys in `operators/` of this directory, protected as its other keys are. Durable
    /// when it returns.
    ///
    /// Fails with `exists` when there is one of that name.
    public func createOperator(
        _ name: OperatorName, validity: Duration = Validity.leafDuration, at time: UnixTime = .now()
    ) throws(IdentityError) -> OperatorIdentity {
        let (key, signingKey) = (try TLSKey.generate(), SigningKey.generate())
        let request = try IdentityRequest(key: key, signingKey: signingKey)
        let chain = try issueOperator(request, name: name, validity: validity, at: time)
        let identity = try OperatorIdentity(chain: chain, key: key, signingKey: signingKey, root: root)
        try files.write(identity, passphrase: passphrase)
        return identity
    }

    /// An operator of this directory, with its keys. To connect without the passphrase, save it to a directory of
    /// its own.
    public func operatorIdentity(_ name: OperatorName) throws(IdentityError) -> OperatorIdentity {
        try files.operatorIdentity(name, root: root, passphrase: passphrase)
    }

    /// The root's Ed25519 key, which signs the first roster entries. Its public half is in the root certificate.
    public func rootSigningKey() throws(IdentityError) -> SigningKey {
        let key = try files.signingKey(MeshAuthorityFiles.rootName, passphrase: passphrase)
        try checkPair(root.signingKey == key.key, MeshAuthorityFiles.rootName)
        return key
    }

    private func key(_ name: String, of certificate: Certificate) throws(IdentityError) -> TLSKey {
        let key = try files.key(name, passphrase: passphrase)
        try checkPair(key.publicKey == certificate.publicKey, name)
        return key
    }

    private func checkPair(_ isPair: Bool, _ name: String) throws(IdentityError) {
        guard isPair else {
            throw IdentityError(
                .mismatch, what: "use the key \(name) of \(directory)", why: "it is not the key of \(name).crt",
                next: "restore the whole directory from one copy")
        }
    }

    private func refused(_ whom: String, _ why: String) -> IdentityError {
        IdentityError(
            .badArgument, what: "issue a certificate to \(whom)", why: why,
            next: "make the request with the program that joins")
    }

    private static func split(
        _ addresses: [String], for name: BoltName
    ) throws(IdentityError) -> (hosts: [String], ips: [[UInt8]]) {
        var hosts: [String] = []
        var ips: [[UInt8]] = []
        guard addresses.count <= IdentityLimits.addressesMax else {
            throw IdentityError(
                .badArgument, what: "issue a certificate to bolt \(name)", why: "\(addresses.count) addresses",
                next: "give at most \(IdentityLimits.addressesMax)")
        }
        for text in addresses {
            switch BoltAddress(text) {
            case .host(let host): if !hosts.contains(host) { hosts.append(host) }
            case .ip(let bytes): if !ips.contains(bytes) { ips.append(bytes) }
            case nil:
                throw IdentityError(
                    .badArgument, what: "issue a certificate to bolt \(name)",
                    why: "\(text.prefix(300)) is no host name or IP address with or without a port",
                    next: "write it as host:port, 192.0.2.1:port or [2001:db8::1]:port")
            }
        }
        return (hosts, ips)
    }
}
