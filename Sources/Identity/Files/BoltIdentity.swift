public import Spanner

/// What a bolt connects, signs and issues with: `tls.crt`, `tls.key`, `sign.key`, `root.crt`, `envoy-ca.crt` and
/// `envoy-ca.key` in one directory.
///
/// Made in three steps, so that private keys never travel: the bolt prepares keys and a request, the operator's
/// terminal grants it, the bolt installs the grant.
public struct BoltIdentity: Sendable {
    /// Certificates, key and root for connections. The chain ends with the root, so that an envoy which knows no
    /// more than the root's fingerprint can check it.
    public let credential: TLSCredential
    /// Signs the bolt's roster events.
    public let signingKey: SigningKey
    /// Issues certificates to the partition's envoys.
    public let envoyIssuer: EnvoyIssuer
    /// The bolt's partition.
    public let partition: PartitionName
    /// The bolt's name there.
    public let name: BoltName

    init(credential: TLSCredential, signingKey: SigningKey, envoyIssuer: EnvoyIssuer) throws(IdentityError) {
        guard case .bolt(let partition, let name) = credential.own.role,
            credential.own.signingKey == signingKey.key, envoyIssuer.partition == partition
        else {
            throw IdentityError(
                .mismatch, what: "put a bolt's identity together",
                why: "signing key, certificate and envoy CA are not of one bolt",
                next: "restore all files of the identity from one place, or join again")
        }
        self.credential = credential
        self.signingKey = signingKey
        self.envoyIssuer = envoyIssuer
        self.partition = partition
        self.name = name
    }

    /// Makes the private keys in the directory (or keeps those of an earlier try) and the request to sign.
    public static func prepare(directory: String) throws(IdentityError) -> IdentityRequest {
        let keys = try Keys(IdentityDirectory(directory))
        return try IdentityRequest(key: keys.tls, signingKey: keys.signing, envoyIssuerKey: keys.envoyCA)
    }

    /// Writes a grant beside the keys it was asked for with, and returns the complete identity. Durable when it
    /// returns. Fails with `mismatch`, and changes nothing, when the grant is not for these keys.
    public static func install(_ grant: BoltGrant, directory: String) throws(IdentityError) -> BoltIdentity {
        let place = IdentityDirectory(directory)
        let keys = try Keys(place)
        let identity = try BoltIdentity(
            credential: TLSCredential(chain: grant.chain, key: keys.tls, root: grant.root, role: .bolt),
            signingKey: keys.signing,
            envoyIssuer: EnvoyIssuer(certificate: grant.envoyIssuer, key: keys.envoyCA, root: grant.root))
        try place.write(grant.root.pem, to: IdentityDirectory.rootFile, access: .everybody)
        try place.write(grant.envoyIssuer.pem, to: IdentityDirectory.envoyCAFile, access: .everybody)
        try place.write(grant.chain.flatMap(\.pem), to: IdentityDirectory.chainFile, access: .everybody)
        return identity
    }

    /// Reads all files. Fails with `missingFile`, `insecureFile`, `malformed` or `mismatch`; changes nothing.
    public static func load(directory: String) throws(IdentityError) -> BoltIdentity {
        let place = IdentityDirectory(directory)
        let credential = try place.credential(role: .bolt)
        let issuerKey = try TLSKey(
            pem: place.readPrivate(IdentityDirectory.envoyCAKeyFile),
            what: place.file(IdentityDirectory.envoyCAKeyFile))
        let issuer = try EnvoyIssuer(
            certificate: place.certificates(IdentityDirectory.envoyCAFile)[0], key: issuerKey, root: credential.root)
        return try BoltIdentity(credential: credential, signingKey: place.signingKey(), envoyIssuer: issuer)
    }

    private struct Keys {
        let tls: TLSKey
        let signing: SigningKey
        let envoyCA: TLSKey

        init(_ place: IdentityDirectory) throws(IdentityError) {
            try place.finishReplacement()
            tls = try place.keepOrMakeTLSKey(IdentityDirectory.keyFile)
            envoyCA = try place.keepOrMakeTLSKey(IdentityDirectory.envoyCAKeyFile)
            let path = place.file(IdentityDirectory.signingKeyFile)
            signing = try place.keepOrMake(
                IdentityDirectory.signingKeyFile,
                load: { text throws(IdentityError) in try SigningKey(pem: text, what: path) },
                make: { () throws(IdentityError) in .generate() },
                encode: { key throws(IdentityError) in try key.pem() })
        }
    }
}

extension IdentityDirectory {
    func keepOrMakeTLSKey(_ name: String) throws(IdentityError) -> TLSKey {
        let path = file(name)
        return try keepOrMake(
            name, load: { text throws(IdentityError) in try TLSKey(pem: text, what: path) },
            make: { () throws(IdentityError) in try .generate() },
            encode: { key throws(IdentityError) in try key.pem() })
    }
}
