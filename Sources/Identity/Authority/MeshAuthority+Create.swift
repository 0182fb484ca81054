public import Spanner

extension MeshAuthority {
    /// How the private keys of a new mesh directory are kept.
    public enum Protection: Sendable {
        /// Encrypted under a passphrase of at least `IdentityLimits.passphraseBytesMin` bytes.
        case passphrase(Passphrase)
        /// Plain, mode 0600: for trying things out only.
        case dev

        /// The choice as a command line states it. Fails with `passphraseRequired` when neither is given, with
        /// `badArgument` when both are or the passphrase is too short.
        public init(passphrase: Passphrase?, dev: Bool) throws(IdentityError) {
            switch (passphrase, dev) {
            case (nil, true): self = .dev
            case (let passphrase?, false) where passphrase.isStrongEnough: self = .passphrase(passphrase)
            case (_?, false):
                throw Self.refused(
                    .badArgument, "the passphrase is shorter than \(IdentityLimits.passphraseBytesMin) bytes")
            case (_?, true): throw Self.refused(.badArgument, "both a passphrase and dev were given")
            case (nil, false): throw Self.refused(.passphraseRequired, "its keys need a passphrase")
            }
        }

        var passphrase: Passphrase? {
            switch self {
            case .passphrase(let passphrase): passphrase
            case .dev: nil
            }
        }

        private static func refused(_ code: IdentityError.Code, _ why: String) -> IdentityError {
            IdentityError(
                code, what: "make a mesh directory", why: why,
                next: "give a longer passphrase, or --dev alone for keys in clear on a machine for trials")
        }
    }

    /// Makes a mesh: root, CAs for bolts and operators, and the first operator, in a new directory.
    ///
    /// The directory appears at once, complete and durable, or not at all; it must not exist, or be empty. Fails with
    /// `badArgument` for a name that is no DNS name, with `exists` when the place is taken.
    public static func create(
        directory: String, name: String, passphrase: Passphrase?, dev: Bool, operatorName: OperatorName,
        at time: UnixTime = .now()
    ) throws(IdentityError) -> MeshAuthority {
        let protection = try Protection(passphrase: passphrase, dev: dev)
        guard let trustDomain = TrustDomain(name) else {
            throw IdentityError(
                .badArgument, what: "make a mesh", why: "\(name.prefix(100)) is no lower-case DNS name",
                next: "use lower-case letters, digits and hyphens, parts joined by dots, at most "
                    + "\(IdentityLimits.trustDomainBytesMax) characters")
        }
        let stage = try MeshAuthorityFiles.stage(for: directory)
        do throws(IdentityError) {
            let draft = try make(
                in: stage, name: trustDomain, passphrase: protection.passphrase, operatorName: operatorName, at: time)
            try stage.publish(to: directory)
            return MeshAuthority(
                directory: directory, trustDomain: trustDomain, root: draft.root, boltsCA: draft.boltsCA,
                operatorsCA: draft.operatorsCA, files: MeshAuthorityFiles(IdentityDirectory(directory)),
                passphrase: protection.passphrase)
        } catch {
            stage.discard()
            throw error
        }
    }

    private static func make(
        in files: MeshAuthorityFiles, name: TrustDomain, passphrase: Passphrase?, operatorName: OperatorName,
        at time: UnixTime
    ) throws(IdentityError) -> MeshAuthority {
        let rootKey = try TLSKey.generate()
        let rootSigning = SigningKey.generate()
        let root = try CertificateTemplate(
            commonName: "\(name) root", id: SPIFFEID(name, .root), key: rootKey.publicKey,
            validity: Validity(from: time, lasting: Validity.rootDuration), pathLength: 1,
            signingKey: rootSigning.key
        ).issued(by: nil, key: rootKey)
        func issuer(_ subject: SPIFFEID.Subject, _ title: String, _ usages: ExtendedUsages, _ key: TLSKey)
            throws(IdentityError) -> Certificate
        {
            try CertificateTemplate(
                commonName: title, id: SPIFFEID(name, subject), key: key.publicKey,
                validity: Validity(from: time, lasting: Validity.issuerDuration), pathLength: 0, usages: usages
            ).issued(by: root, key: rootKey)
        }
        let (boltsKey, operatorsKey) = (try TLSKey.generate(), try TLSKey.generate())
        let boltsCA = try issuer(.boltsCA, "bolts", [.server, .client], boltsKey)
        let operatorsCA = try issuer(.operatorsCA, "operators", .client, operatorsKey)
        try files.write(root, key: rootKey, as: MeshAuthorityFiles.rootName, passphrase: passphrase)
        try files.write(rootSigning, as: MeshAuthorityFiles.rootName, passphrase: passphrase)
        try files.write(boltsCA, key: boltsKey, as: MeshAuthorityFiles.boltsName, passphrase: passphrase)
        try files.write(operatorsCA, key: operatorsKey, as: MeshAuthorityFiles.operatorsName, passphrase: passphrase)
        try files.write(
            MeshAuthorityFiles.Document(
                trustDomain: name, mesh: root.meshID, created: time, isEncrypted: passphrase != nil))
        let authority = MeshAuthority(
            directory: files.directory.path, trustDomain: name, root: root, boltsCA: boltsCA,
            operatorsCA: operatorsCA, files: files, passphrase: passphrase)
        _ = try authority.createOperator(operatorName, at: time)
        return authority
    }
}
