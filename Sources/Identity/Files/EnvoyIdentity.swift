public import CRDT
public import Spanner

/// What an envoy connects and unseals with: `tls.crt`, `tls.key`, `seal.key`, `root.crt` in one directory.
public struct EnvoyIdentity: Sendable {
    /// Certificates, key and root for connections.
    public let credential: TLSCredential
    /// Opens what was sealed for this envoy.
    public let sealingKey: SealingKey
    /// The partition whose intermediate issued the certificate.
    public let partition: PartitionName
    /// The envoy's id, fixed at its first admission.
    public let principal: PrincipalID

    init(credential: TLSCredential, sealingKey: SealingKey) throws(IdentityError) {
        guard case .envoy(let partition, let principal) = credential.own.role,
            credential.own.sealingKey == sealingKey.publicKey
        else {
            throw IdentityError(
                .mismatch, what: "put an envoy's identity together",
                why: "the sealing key is not the one that the certificate names",
                next: "restore all files of the identity from one place, or enrol again")
        }
        self.credential = credential
        self.sealingKey = sealingKey
        self.partition = partition
        self.principal = principal
    }

    /// What an envoy sends to be enrolled, made from keys that stay on the machine.
    public struct Request: Sendable {
        /// For the TLS key.
        public let certificateRequest: CertificateRequest
        /// Public half of the sealing key.
        public let sealingKey: Bytes32
    }

    /// Makes the private keys in the directory (or keeps those of an earlier try) and the request to enrol with.
    public static func prepare(directory: String) throws(IdentityError) -> Request {
        let (key, sealing) = try keys(IdentityDirectory(directory))
        return Request(certificateRequest: try CertificateRequest(key: key), sealingKey: sealing.publicKey)
    }

    /// Writes issued certificates beside the keys they were asked for with. Durable when it returns. Fails with
    /// `mismatch`, and changes nothing, when they are not for these keys or not under `root`.
    public static func install(
        chain: [Certificate], root: Certificate, directory: String
    ) throws(IdentityError) -> EnvoyIdentity {
        let place = IdentityDirectory(directory)
        let (key, sealing) = try keys(place)
        let identity = try EnvoyIdentity(
            credential: TLSCredential(chain: chain, key: key, root: root, role: .envoy), sealingKey: sealing)
        try place.write(root.pem, to: IdentityDirectory.rootFile, access: .everybody)
        try place.write(chain.flatMap(\.pem), to: IdentityDirectory.chainFile, access: .everybody)
        return identity
    }

    /// Replaces certificates and TLS key by a renewed pair, as one step that survives a crash; the sealing key stays.
    ///
    /// Fails with `mismatch`, and changes nothing, when the new chain is not for `key`, this envoy and this mesh.
    public func renewed(
        chain: [Certificate], key: TLSKey, directory: String
    ) throws(IdentityError) -> EnvoyIdentity {
        let credential = try TLSCredential(chain: chain, key: key, root: credential.root, role: .envoy)
        let identity = try EnvoyIdentity(credential: credential, sealingKey: sealingKey)
        guard identity.principal == principal else {
            throw IdentityError(
                .mismatch, what: "renew an envoy's certificate",
                why: "the new one is for \(identity.principal), this envoy is \(principal)",
                next: "ask again; report it if it repeats")
        }
        var text = try key.pem()
        defer { SecretBytes.wipe(&text) }
        try IdentityDirectory(directory).replace(chain: chain, keyText: text)
        return identity
    }

    /// Reads the four files. Fails with `missingFile`, `insecureFile`, `malformed` or `mismatch`; changes nothing,
    /// except that a renewal which a crash interrupted is finished.
    public static func load(directory: String) throws(IdentityError) -> EnvoyIdentity {
        let place = IdentityDirectory(directory)
        let credential = try place.credential(role: .envoy)
        let path = place.file(IdentityDirectory.sealingKeyFile)
        let sealing = try SealingKey(pem: place.readPrivate(IdentityDirectory.sealingKeyFile), what: path)
        return try EnvoyIdentity(credential: credential, sealingKey: sealing)
    }

    private static func keys(_ place: IdentityDirectory) throws(IdentityError) -> (TLSKey, SealingKey) {
        try place.finishReplacement()
        let path = place.file(IdentityDirectory.sealingKeyFile)
        let key = try place.keepOrMakeTLSKey(IdentityDirectory.keyFile)
        let sealing = try place.keepOrMake(
            IdentityDirectory.sealingKeyFile,
            load: { text throws(IdentityError) in try SealingKey(pem: text, what: path) },
            make: { () throws(IdentityError) in .generate() },
            encode: { key throws(IdentityError) in try key.pem() })
        return (key, sealing)
    }
}
