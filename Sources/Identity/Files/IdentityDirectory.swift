import CRDT
import Spanner

/// One directory that holds what one principal needs to connect: names of its files, and how they are replaced.
///
/// A key and its certificates are replaced together: the pair is first made durable as one file, so that a crash
/// between the two replacements is finished by the next reader.
public struct IdentityDirectory: Sendable, CustomStringConvertible {
    /// The path, as given.
    public let path: String

    /// The directory at a path, which need not exist yet.
    public init(_ path: String) { self.path = path }

    /// The certificates presented on connections, leaf first.
    static let chainFile = "tls.crt"
    /// The key of the first of them.
    static let keyFile = "tls.key"
    /// Ed25519 key of bolts and operators.
    static let signingKeyFile = "sign.key"
    /// X25519 key of envoys.
    static let sealingKeyFile = "seal.key"
    /// The mesh's root certificate.
    static let rootFile = "root.crt"
    /// A partition's envoy-issuing CA.
    static let envoyCAFile = "envoy-ca.crt"
    /// Its key.
    static let envoyCAKeyFile = "envoy-ca.key"
    /// A key and its certificates on their way into `keyFile` and `chainFile`.
    static let pendingFile = "tls.next"

    /// Whether a complete identity seems to be here: certificates, key and root.
    public var isComplete: Bool {
        [Self.chainFile, Self.keyFile, Self.rootFile].allSatisfy { SecureFile.exists(file($0)) }
    }

    /// The path.
    public var description: String { path }

    func file(_ name: String) -> String { path.hasSuffix("/") ? path + name : "\(path)/\(name)" }

    /// Makes the directory (mode 0700) with one private key file, or keeps the key that is there.
    ///
    /// A key that exists is never overwritten, so that asking again for a certificate goes on with the same keys.
    func keepOrMake<Key>(
        _ name: String, load: ([UInt8]) throws(IdentityError) -> Key, make: () throws(IdentityError) -> Key,
        encode: (Key) throws(IdentityError) -> [UInt8]
    ) throws(IdentityError) -> Key {
        try SecureFile.makeDirectory(path)
        if SecureFile.exists(file(name)) { return try load(SecureFile.read(file(name), access: .ownerOnly)) }
        let key = try make()
        var text = try encode(key)
        defer { SecretBytes.wipe(&text) }
        try SecureFile.write(text, to: file(name), access: .ownerOnly, replacing: false)
        return key
    }

    func write(_ bytes: [UInt8], to name: String, access: SecureFile.Access) throws(IdentityError) {
        try SecureFile.makeDirectory(path)
        try SecureFile.write(bytes, to: file(name), access: access)
    }

    func readPrivate(_ name: String) throws(IdentityError) -> [UInt8] {
        try SecureFile.read(file(name), access: .ownerOnly)
    }

    func certificates(_ name: String) throws(IdentityError) -> [Certificate] {
        let path = file(name)
        return try Certificate.list(pem: SecureFile.read(path, access: .everybody), what: path)
    }

    func root() throws(IdentityError) -> Certificate { try certificates(Self.rootFile)[0] }

    /// Replaces the key and its certificates as one step that survives a crash at any point.
    func replace(chain: [Certificate], keyText: [UInt8]) throws(IdentityError) {
        try write(keyText + chain.flatMap(\.pem), to: Self.pendingFile, access: .ownerOnly)
        try finishReplacement()
    }

    /// Completes a replacement that a crash interrupted; does nothing when there is none.
    func finishReplacement() throws(IdentityError) {
        guard SecureFile.exists(file(Self.pendingFile)) else { return }
        var text = try readPrivate(Self.pendingFile)
        defer { SecretBytes.wipe(&text) }
        let blocks = try PEM.decode(text, what: file(Self.pendingFile))
        guard let first = blocks.first, blocks.count > 1 else {
            throw IdentityError(
                .malformed, what: "finish the replacement of a key",
                why: "\(Self.pendingFile) in \(path) is incomplete",
                next: "remove that file: the old key is still in place")
        }
        try write(PEM.encode(label: first.label, first.der), to: Self.keyFile, access: .ownerOnly)
        let chain = blocks.dropFirst().flatMap { PEM.encode(label: $0.label, $0.der) }
        try write(chain, to: Self.chainFile, access: .everybody)
        try SecureFile.remove(file(Self.pendingFile))
    }

    /// Key, certificates and root, checked against each other.
    func credential(
        role: PrincipalRole, passphrase: Passphrase? = nil
    ) throws(IdentityError) -> TLSCredential {
        try finishReplacement()
        let chain = try certificates(Self.chainFile)
        let key = try TLSKey(
            pem: readPrivate(Self.keyFile), passphrase: passphrase, what: file(Self.keyFile))
        return try TLSCredential(chain: chain, key: key, root: root(), role: role)
    }

    func signingKey(_ passphrase: Passphrase? = nil) throws(IdentityError) -> SigningKey {
        try SigningKey(
            pem: readPrivate(Self.signingKeyFile), passphrase: passphrase, what: file(Self.signingKeyFile))
    }

    /// That the key file and the certificate name one key.
    func check(_ isSame: Bool, _ name: String) throws(IdentityError) {
        guard isSame else {
            throw IdentityError(
                .mismatch, what: "read the identity in \(path)",
                why: "\(name) is not the key that \(Self.chainFile) certifies",
                next: "restore all files of the identity from one place, or make it again")
        }
    }
}
