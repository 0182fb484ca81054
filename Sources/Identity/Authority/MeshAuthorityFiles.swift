import CRDT
import FoundationEssentials
import Glibc
import Spanner

/// The files of a mesh directory: `root.crt`, `root.key`, `root.sign.key`, `ca/`, `operators/`, `mesh.json`.
struct MeshAuthorityFiles: Sendable {
    static let rootName = "root"
    static let boltsName = "ca/bolts"
    static let operatorsName = "ca/operators"
    private static let documentName = "mesh.json"
    private static let folders = ["ca", "operators"]

    /// What `mesh.json` says.
    struct Document {
        let trustDomain: TrustDomain
        let mesh: MeshID
        let created: UnixTime
        let isEncrypted: Bool
    }

    private struct Stored: Codable {
        var format: Int
        var mesh: String
        var mesh_id: String
        var created: String
        var created_unix: Int64
        var keys_encrypted: Bool
    }

    let directory: IdentityDirectory

    init(_ directory: IdentityDirectory) { self.directory = directory }

    /// A new directory beside the one to be made, in which it is completed before anybody sees it.
    static func stage(for directory: String) throws(IdentityError) -> MeshAuthorityFiles {
        let taken = try? FileManager.default.contentsOfDirectory(atPath: directory)
        guard taken?.isEmpty ?? !SecureFile.exists(directory) else { throw SecureFile.occupied(directory) }
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let stage = MeshAuthorityFiles(IdentityDirectory("\(path).\(Sodium.randomBytes(6).hexDigits).tmp"))
        guard mkdir(stage.directory.path, 0o700) == 0 else {
            throw SecureFile.failure("make the directory \(stage.directory)", errno)
        }
        for folder in folders { try SecureFile.makeDirectory(stage.directory.file(folder)) }
        return stage
    }

    /// Puts a staged directory in place at once, durably. A place that was taken meanwhile stays as it is.
    func publish(to path: String) throws(IdentityError) {
        for folder in Self.folders { try SecureFile.syncDirectory(directory.file(folder), stateChanged: false) }
        try SecureFile.syncDirectory(directory.path, stateChanged: false)
        guard rename(directory.path, path) == 0 else {
            let reason = errno
            throw reason == EEXIST || reason == ENOTEMPTY || reason == ENOTDIR
                ? SecureFile.occupied(path) : SecureFile.failure("put \(path) in place", reason)
        }
        try SecureFile.syncDirectory(SecureFile.parent(of: path), stateChanged: true)
    }

    /// Removes a staged directory, as far as that goes: what is left has a `.tmp` name and is nobody's identity.
    func discard() {
        try? FileManager.default.removeItem(atPath: directory.path)
    }

    func document() throws(IdentityError) -> Document {
        let path = directory.file(Self.documentName)
        let bytes = try SecureFile.read(path, access: .everybody)
        guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(bytes)), stored.format == 1,
            let name = TrustDomain(stored.mesh), let mesh = Bytes32(hex: stored.mesh_id)
        else {
            throw IdentityError(
                .malformed, what: "read \(path)", why: "it is not a mesh document of format 1",
                next: "restore it, or use the version of boltctl that made it")
        }
        return Document(
            trustDomain: name, mesh: MeshID(mesh), created: UnixTime(seconds: stored.created_unix),
            isEncrypted: stored.keys_encrypted)
    }

    func write(_ document: Document) throws(IdentityError) {
        let stored = Stored(
            format: 1, mesh: document.trustDomain.text, mesh_id: document.mesh.description,
            created: document.created.description, created_unix: document.created.seconds,
            keys_encrypted: document.isEncrypted)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(stored) else {
            throw IdentityError(
                .malformed, what: "write \(Self.documentName)", why: "it could not be encoded", next: "report this")
        }
        try directory.write(Array(data) + [0x0A], to: Self.documentName, access: .everybody)
    }

    func certificate(_ name: String) throws(IdentityError) -> Certificate {
        try directory.certificates("\(name).crt")[0]
    }

    func key(_ name: String, passphrase: Passphrase?) throws(IdentityError) -> TLSKey {
        let file = "\(name).key"
        return try TLSKey(pem: directory.readPrivate(file), passphrase: passphrase, what: directory.file(file))
    }

    func signingKey(_ name: String, passphrase: Passphrase?) throws(IdentityError) -> SigningKey {
        let file = "\(name).sign.key"
        return try SigningKey(pem: directory.readPrivate(file), passphrase: passphrase, what: directory.file(file))
    }

    func write(
        _ certificate: Certificate, key: TLSKey, as name: String, passphrase: Passphrase?
    ) throws(IdentityError) {
        var text = try key.pem(passphrase: passphrase)
        defer { SecretBytes.wipe(&text) }
        try create(text, "\(name).key", .ownerOnly)
        try create(certificate.pem, "\(name).crt", .everybody)
    }

    func write(_ key: SigningKey, as name: String, passphrase: Passphrase?) throws(IdentityError) {
        var text = try key.pem(passphrase: passphrase)
        defer { SecretBytes.wipe(&text) }
        try create(text, "\(name).sign.key", .ownerOnly)
    }

    /// An operator of that name must not be there; its certificate is written last and makes it complete.
    func write(_ identity: OperatorIdentity, passphrase: Passphrase?) throws(IdentityError) {
        let name = "operators/\(identity.name)"
        guard !SecureFile.exists(directory.file("\(name).crt")) else {
            throw SecureFile.occupied(directory.file("\(name).crt"))
        }
        var key = try identity.credential.key.pem(passphrase: passphrase)
        var signing = try identity.signingKey.pem(passphrase: passphrase)
        defer {
            SecretBytes.wipe(&key)
            SecretBytes.wipe(&signing)
        }
        // Keys without a certificate are left by a crash and worth nothing: they may be replaced.
        try directory.write(key, to: "\(name).key", access: .ownerOnly)
        try directory.write(signing, to: "\(name).sign.key", access: .ownerOnly)
        try create(identity.credential.chainPEM, "\(name).crt", .everybody)
    }

    func operatorIdentity(
        _ operatorName: OperatorName, root: Certificate, passphrase: Passphrase?
    ) throws(IdentityError) -> OperatorIdentity {
        let name = "operators/\(operatorName)"
        return try OperatorIdentity(
            chain: directory.certificates("\(name).crt"), key: key(name, passphrase: passphrase),
            signingKey: signingKey(name, passphrase: passphrase), root: root)
    }

    private func create(_ bytes: [UInt8], _ name: String, _ access: SecureFile.Access) throws(IdentityError) {
        try SecureFile.write(bytes, to: directory.file(name), access: access, replacing: false)
    }
}
