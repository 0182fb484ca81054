public import Spanner

/// What an operator connects and signs with: `tls.crt`, `tls.key`, `sign.key`, `root.crt` in one directory.
public struct OperatorIdentity: Sendable {
    /// Certificates, key and root for connections.
    public let credential: TLSCredential
    /// Signs the operator's acts.
    public let signingKey: SigningKey
    /// The operator's name.
    public let name: OperatorName

    /// An identity whose parts belong together; fails with `mismatch` when they do not.
    public init(chain: [Certificate], key: TLSKey, signingKey: SigningKey, root: Certificate) throws(IdentityError) {
        credential = try TLSCredential(chain: chain, key: key, root: root, role: .operator)
        guard case .operator(let name) = credential.own.role, credential.own.signingKey == signingKey.key else {
            throw IdentityError(
                .mismatch, what: "put an operator's identity together",
                why: "the signing key is not the one that the certificate names",
                next: "restore all files of the identity from one place, or make it again")
        }
        self.name = name
        self.signingKey = signingKey
    }

    /// Reads the four files. Fails with `missingFile`, `insecureFile`, `passphraseRequired`, `wrongPassphrase`,
    /// `malformed` or `mismatch`; changes nothing.
    public static func load(
        directory: String, passphrase: Passphrase? = nil
    ) throws(IdentityError) -> OperatorIdentity {
        let directory = IdentityDirectory(directory)
        let credential = try directory.credential(role: .operator, passphrase: passphrase)
        let signingKey = try directory.signingKey(passphrase)
        return try OperatorIdentity(
            chain: credential.chain, key: credential.key, signingKey: signingKey, root: credential.root)
    }

    /// Writes the four files, keys encrypted when a passphrase is given. Replaces an identity that is there; durable
    /// when it returns.
    public func save(to directory: String, passphrase: Passphrase? = nil) throws(IdentityError) {
        let directory = IdentityDirectory(directory)
        var signing = try signingKey.pem(passphrase: passphrase)
        var key = try credential.key.pem(passphrase: passphrase)
        defer {
            SecretBytes.wipe(&signing)
            SecretBytes.wipe(&key)
        }
        try directory.write(credential.root.pem, to: IdentityDirectory.rootFile, access: .everybody)
        try directory.write(signing, to: IdentityDirectory.signingKeyFile, access: .ownerOnly)
        try directory.replace(chain: credential.chain, keyText: key)
    }
}
