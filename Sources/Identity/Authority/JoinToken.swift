public import CRDT
public import Spanner

/// What a new machine is given to join a mesh: whom to trust, whom to ask, and a secret to show.
///
/// Text `bolt1.` and base64url without padding. Whoever holds it may use it: treat it like a password. Only a keyed
/// hash of the secret is ever stored or gossiped.
public struct JoinToken: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    /// How often it may be used.
    public enum Kind: UInt8, Sendable, Hashable, CaseIterable {
        /// Once, at the primary of the home partition.
        case oneShot = 1
        /// Several times, at any bolt.
        case multiUse = 2
    }

    /// Bytes of a secret.
    public static let secretBytes = 32

    /// Pins the mesh's root key: the server's chain must end there.
    public let mesh: MeshID
    /// Which token.
    public let id: TokenID
    /// How often it may be used.
    public let kind: Kind
    /// The partition that made it; a one-shot token is spent there only.
    public let home: PartitionName
    /// Where to ask, `host:port`: 1 to `IdentityLimits.tokenAddressesMax`, in order of preference.
    public let addresses: [String]
    private let secret: [UInt8]

    private static let prefix = "bolt1."
    private static let checkBytes = 4

    /// A new token with a random id and secret.
    ///
    /// Fails with `badArgument` for no or too many addresses, or one that is not `host:port`.
    public init(
        mesh: MeshID, kind: Kind, home: PartitionName, addresses: [String]
    ) throws(IdentityError) {
        guard let id = PrincipalID(bytes: Sodium.randomBytes(PrincipalID.count)) else {
            throw Self.refused(.cryptoFailure, "no random bytes")
        }
        try self.init(
            mesh: mesh, id: TokenID(id), secret: Sodium.randomBytes(Self.secretBytes), kind: kind, home: home,
            addresses: addresses, code: .badArgument)
        guard text.utf8.count <= IdentityLimits.tokenTextBytesMax else {
            throw Self.refused(.badArgument, "its addresses are too long together")
        }
    }

    private init(
        mesh: MeshID, id: TokenID, secret: [UInt8], kind: Kind, home: PartitionName, addresses: [String],
        code: IdentityError.Code
    ) throws(IdentityError) {
        guard (1...IdentityLimits.tokenAddressesMax).contains(addresses.count) else {
            throw Self.refused(
                code, "\(addresses.count) addresses; 1 to \(IdentityLimits.tokenAddressesMax) are taken")
        }
        for address in addresses where BoltAddress(address) == nil || !address.contains(":") {
            throw Self.refused(code, "an address is not host:port")
        }
        (self.mesh, self.id, self.secret, self.kind) = (mesh, id, secret, kind)
        (self.home, self.addresses) = (home, addresses)
    }

    /// Parses a token's text; spaces and line ends around it are ignored. Never traps, whatever the text.
    ///
    /// Fails with `tooLarge` or `malformed`; the error never repeats the text.
    public init(_ text: String) throws(IdentityError) {
        guard text.utf8.count <= IdentityLimits.tokenTextBytesMax + 64 else {
            throw Self.refused(.tooLarge, "more than \(IdentityLimits.tokenTextBytesMax) characters")
        }
        let body = text.utf8.drop(while: Self.isSpace).reversed().drop(while: Self.isSpace).reversed()
        let prefix = Array(Self.prefix.utf8)
        guard body.starts(with: prefix), let bytes = Base64.decodeURL(body.dropFirst(prefix.count)) else {
            throw Self.refused(.malformed, "it is not \(Self.prefix) followed by base64url")
        }
        let content = Array(bytes.dropLast(Self.checkBytes))
        guard bytes.count > Self.checkBytes, Self.check(content) == Array(bytes.suffix(Self.checkBytes)) else {
            throw Self.refused(.malformed, "it is cut or mistyped: its check does not match")
        }
        do {
            try self.init(content: content)
        } catch let error as IdentityError {
            throw error
        } catch {
            throw Self.refused(.malformed, "its content is not that of a token")
        }
    }

    private init(content: [UInt8]) throws {
        var decoder = CanonicalDecoder(content)
        let mesh = MeshID(try decoder.fixed())
        let idBytes = try decoder.raw(PrincipalID.count)
        let secret = try decoder.raw(Self.secretBytes)
        guard let kind = Kind(rawValue: try decoder.byte()), let id = PrincipalID(bytes: idBytes),
            let home = PartitionName(try decoder.text("partition", limit: MeshNames.labelBytesMax))
        else { throw Self.refused(.malformed, "its kind or partition is unknown") }
        let addresses = try decoder.list("addresses", limit: IdentityLimits.tokenAddressesMax) {
            decoder throws(DecodingFailure) in
            try decoder.text("address", limit: IdentityLimits.hostBytesMax + 8)
        }
        try decoder.finish()
        try self.init(
            mesh: mesh, id: TokenID(id), secret: secret, kind: kind, home: home, addresses: addresses,
            code: .malformed)
    }

    /// The token itself, secret included: to be shown once to the one who asked for it.
    public var text: String {
        var encoder = CanonicalEncoder(capacity: 256)
        encoder.fixed(mesh.bytes)
        encoder.raw(id.id.bytes)
        encoder.raw(secret)
        encoder.byte(kind.rawValue)
        encoder.text(home.text)
        encoder.list(addresses) { $0.text($1) }
        return Self.prefix + Base64.encodeURL(encoder.bytes + Self.check(encoder.bytes))
    }

    /// What is stored and gossiped of the secret: BLAKE2b of it, keyed by the mesh and the token's id.
    public var secretHash: Bytes32 { Self.hash(secret: secret, mesh: mesh, id: id) }

    /// What a joining machine shows: the secret alone, base64url. The id and the hash find its record.
    public var credential: String { Base64.encodeURL(secret) }

    /// The stored hash of a shown secret; nil when it is not 32 bytes of base64url.
    public static func secretHash(credential: String, mesh: MeshID, id: TokenID) -> Bytes32? {
        guard credential.utf8.count <= 64, let secret = Base64.decodeURL(credential.utf8), secret.count == secretBytes
        else { return nil }
        return hash(secret: secret, mesh: mesh, id: id)
    }

    /// Id, kind and home; never the secret.
    public var description: String { "join token \(id) (\(kind), home \(home))" }

    /// Without the secret, so that dumps do not show it.
    public var customMirror: Mirror {
        Mirror(self, children: ["id": id, "kind": kind, "home": home], displayStyle: .struct)
    }

    private static func hash(secret: [UInt8], mesh: MeshID, id: TokenID) -> Bytes32 {
        BLAKE2b.hash(Array("bolt join token v1".utf8) + secret, key: mesh.bytes.bytes + id.id.bytes)
    }

    private static func check(_ content: [UInt8]) -> [UInt8] {
        Array(BLAKE2b.hash(Array("bolt token check".utf8) + content).bytes.prefix(checkBytes))
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func refused(_ code: IdentityError.Code, _ why: String) -> IdentityError {
        IdentityError(
            code, what: code == .badArgument ? "make a join token" : "read a join token", why: why,
            next: code == .badArgument ? "correct the addresses" : "copy the whole token, or ask for a new one")
    }
}
