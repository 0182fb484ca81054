public import Spanner

/// What a program presents on TLS connections, and whom it trusts there.
public struct TLSCredential: Sendable {
    /// The certificates it presents, leaf first.
    public let chain: [Certificate]
    /// The leaf's private key.
    public let key: TLSKey
    /// The mesh's root.
    public let root: Certificate
    /// Who it is, as its own certificate says.
    public let own: VerifiedPeer

    /// A credential whose parts belong together. Dates are not looked at: see `own.validity`.
    ///
    /// Fails with `mismatch` when the key is not the leaf's, the chain does not verify under the root, or its role
    /// is not the one asked for.
    public init(
        chain: [Certificate], key: TLSKey, root: Certificate, role: PrincipalRole
    ) throws(IdentityError) {
        guard let leaf = chain.first, leaf.publicKey == key.publicKey else {
            throw Self.mismatch("the private key is not that of the first certificate")
        }
        switch try PeerVerifier(roots: [root]).inspect(chain) {
        case .success(let peer) where peer.role.kind == role: own = peer
        case .success(let peer): throw Self.mismatch("\(peer.id) is not the identity of a kind `\(role)`")
        case .failure(let rejection): throw Self.mismatch(rejection.description)
        }
        self.chain = chain
        self.key = key
        self.root = root
    }

    /// The mesh it belongs to.
    public var mesh: MeshID { root.meshID }

    /// The mesh's name.
    public var trustDomain: TrustDomain { own.id.trustDomain }

    /// The presented certificates as one PEM text, leaf first.
    public var chainPEM: [UInt8] { chain.flatMap(\.pem) }

    /// A verifier of the peers that this credential meets.
    public func verifier() throws(IdentityError) -> PeerVerifier { try PeerVerifier(roots: [root]) }

    private static func mismatch(_ why: String) -> IdentityError {
        IdentityError(
            .mismatch, what: "put an identity together", why: why,
            next: "restore all files of the identity from one place, or make it again")
    }
}
