public import Spanner

/// What the operator's terminal hands to a joining bolt: its certificates, its partition's envoy CA and the root.
/// Holds nothing secret. Travels as PEM text.
public struct BoltGrant: Sendable, Hashable {
    /// What the bolt presents: leaf, bolts' CA, root.
    public let chain: [Certificate]
    /// CA for the partition's envoys.
    public let envoyIssuer: Certificate
    /// The mesh's root.
    public let root: Certificate

    init(chain: [Certificate], envoyIssuer: Certificate, root: Certificate) {
        self.chain = chain
        self.envoyIssuer = envoyIssuer
        self.root = root
    }

    /// Parses PEM text and verifies it under the root that it brings; compare `mesh` with what the token pins.
    ///
    /// Fails with `malformed` or `mismatch`.
    public init(pem: [UInt8], what: String = "a bolt's grant") throws(IdentityError) {
        let list = try Certificate.list(pem: pem, what: what)
        guard list.count == 4, list[2].spiffeID?.subject == .root else {
            throw IdentityError(
                .malformed, what: "read \(what)", why: "it is not bolt, bolts' CA, root and envoy CA in this order",
                next: "take it again from the operator who signed the request")
        }
        self.init(chain: Array(list.prefix(3)), envoyIssuer: list[3], root: list[2])
        switch try PeerVerifier(roots: [root]).inspect(chain) {
        case .success: break
        case .failure(let rejection):
            throw IdentityError(
                .mismatch, what: "read \(what)", why: rejection.description,
                next: "take it again from the operator who signed the request")
        }
    }

    /// PEM text: bolt, bolts' CA, root, envoy CA.
    public var pem: [UInt8] { (chain + [envoyIssuer]).flatMap(\.pem) }

    /// The mesh it is from.
    public var mesh: MeshID { root.meshID }
}
