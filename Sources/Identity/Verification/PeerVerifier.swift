import CRDT
public import Spanner

/// Decides who presented a certificate chain: a bolt, an envoy or an operator of this mesh, or nobody.
///
/// The identity is the one SPIFFE URI name of the leaf, and its role is what the *issuing CA* may vouch for: the
/// bolts' CA bolts, the operators' CA operators, a partition's envoy CA envoys of that partition. Common names, host
/// names and addresses never identify anyone. Safe to share; what verified before costs one hash.
public final class PeerVerifier: Sendable {
    /// The mesh: fingerprint of the first root's key.
    public let mesh: MeshID
    /// The mesh's name.
    public let trustDomain: TrustDomain
    private let verifier: ChainVerifier
    private let peers = VerifiedCache<VerifiedPeer>(countMax: IdentityLimits.verifiedCacheCount)
    private let authors = VerifiedCache<Author>(countMax: IdentityLimits.verifiedCacheCount)
    // Parsed CAs of chains that verified: thousands of envoys share a few, and parsing is a third of the work.
    private let issuers = VerifiedCache<Certificate>(countMax: IdentityLimits.issuerCacheCount)

    /// A verifier that trusts one root, or several during a rotation: the one in force first.
    ///
    /// Fails with `malformed` when a root is no self-signed CA named `spiffe://<trust domain>`, with `mismatch` when
    /// the roots' trust domains differ or there is none.
    public init(roots: [Certificate]) throws(IdentityError) {
        guard let first = roots.first, let id = first.spiffeID else {
            throw Self.notARoot("there is none, or it has no SPIFFE id", .mismatch)
        }
        for root in roots {
            guard let own = root.spiffeID, own.subject == .root, root.isCA else {
                throw Self.notARoot("\(root) is not a CA named spiffe://<mesh name>", .malformed)
            }
            guard own.trustDomain == id.trustDomain else {
                throw Self.notARoot("\(own) and \(id) are different meshes", .mismatch)
            }
        }
        verifier = try ChainVerifier(roots: roots)
        mesh = first.meshID
        trustDomain = id.trustDomain
        for root in roots {
            do {
                _ = try verifier.path(of: [root], asking: .init(time: nil, purpose: nil))
            } catch { throw Self.notARoot("\(root): \(error.detail)", .malformed) }
        }
    }

    /// A verifier that trusts the root with this fingerprint among certificates that a server presented.
    ///
    /// For the first contact, when only a join token pins the mesh. Fails with `mismatch` when none has it.
    public convenience init(pinned mesh: MeshID, presented: [[UInt8]]) throws(IdentityError) {
        for der in presented.prefix(IdentityLimits.chainCountMax) {
            guard let certificate = try? Certificate(der: der), certificate.meshID == mesh else { continue }
            try self.init(roots: [certificate])
            return
        }
        throw IdentityError(
            .mismatch, what: "find the mesh's root", why: "no presented certificate has the fingerprint \(mesh)",
            next: "check the address, and that the token is of this mesh")
    }

    /// The roots it trusts.
    public var roots: [Certificate] { verifier.roots }

    /// How many verified chains are remembered.
    public var rememberedCount: Int { peers.count + authors.count }

    /// Who presented `chain` (DER, leaf first, as received), if it may be at this end of a connection at `time` and
    /// has one of the expected roles. Never traps, whatever the bytes.
    public func verify(
        _ chain: [[UInt8]], at time: UnixTime, purpose: PeerPurpose, roles: Set<PrincipalRole>
    ) -> Result<VerifiedPeer, PeerRejection> {
        Result { () throws(PeerRejection) -> VerifiedPeer in
            try Self.checkSizes(chain)
            let key = Self.cacheKey(chain, kind: purpose.rawValue)
            let peer: VerifiedPeer
            if let known = peers.value(for: key, where: { $0.validity.contains(time) }) {
                peer = known
            } else {
                peer = try examine(chain, asking: .init(time: time, purpose: purpose))
                peers.insert(peer, for: key)
            }
            guard roles.contains(peer.role.kind) else {
                let expected = roles.sorted().map { "\($0)" }.joined(separator: " or ")
                throw PeerRejection(.wrongRole, "\(peer.id) is no \(expected.isEmpty ? "accepted role" : expected)")
            }
            return peer
        }
    }

    /// The author whom `chain` certifies: a bolt, an operator, or the root by its own certificate alone.
    ///
    /// Dates are not looked at: an event stays true when its author's certificate has ended. The answer depends on
    /// the chain and the roots only. Never traps, whatever the bytes.
    public func verifyAuthor(_ chain: [[UInt8]]) -> Result<Author, PeerRejection> {
        Result { () throws(PeerRejection) -> Author in
            try Self.checkSizes(chain)
            let key = Self.cacheKey(chain, kind: 0)
            if let known = authors.value(for: key, where: { _ in true }) { return known }
            let author = try examineAuthor(chain)
            authors.insert(author, for: key)
            return author
        }
    }

    /// Who `chain` would be if dates and the end of a connection did not matter: for a program's own files.
    func inspect(_ chain: [Certificate]) -> Result<VerifiedPeer, PeerRejection> {
        Result { () throws(PeerRejection) -> VerifiedPeer in
            try Self.checkSizes(chain.map(\.der))
            return try examine(chain.map(\.der), asking: .init(time: nil, purpose: nil))
        }
    }

    private func examineAuthor(_ chain: [[UInt8]]) throws(PeerRejection) -> Author {
        if let root = roots.first(where: { $0.der == chain[0] }) {
            guard let signingKey = root.signingKey else {
                throw PeerRejection(.wrongKeys, "the root certifies no signing key")
            }
            return Author(standing: .root, signingKey: signingKey, tlsKey: root.publicKey.fingerprint)
        }
        let peer = try examine(chain, asking: .init(time: nil, purpose: nil))
        let standing: Author.Standing
        switch peer.role {
        case .bolt(let partition, let name): standing = .bolt(partition, name)
        case .operator(let name): standing = .operator(name)
        case .envoy: throw PeerRejection(.wrongRole, "\(peer.id) is an envoy: envoys write no events")
        }
        guard let signingKey = peer.signingKey else {
            throw PeerRejection(.wrongKeys, "\(peer.id) certifies no signing key")
        }
        return Author(standing: standing, signingKey: signingKey, tlsKey: peer.fingerprint)
    }

    private func examine(
        _ chain: [[UInt8]], asking question: ChainVerifier.Question
    ) throws(PeerRejection) -> VerifiedPeer {
        var certificates: [Certificate] = []
        for der in chain {
            if !certificates.isEmpty, let known = issuers.value(for: SHA256.hash(der), where: { $0.der == der }) {
                certificates.append(known)
                continue
            }
            do {
                certificates.append(try CertificateParser.parse(der))
            } catch {
                let code: PeerRejection.Code =
                    error.code == .notAllowed ? .weakKey : error.code == .tooLarge ? .chainTooLong : .malformed
                throw PeerRejection(code, "certificate \(certificates.count + 1) of the chain: \(error.why)")
            }
        }
        let path = try verifier.path(of: certificates, asking: question)
        let peer = try PathNames(trustDomain: trustDomain).peer(of: path)
        for issuer in path.dropFirst() { issuers.insert(issuer, for: SHA256.hash(issuer.der)) }
        return peer
    }

    private static func checkSizes(_ chain: [[UInt8]]) throws(PeerRejection) {
        guard !chain.isEmpty else { throw PeerRejection(.noCertificate, "no certificate was presented") }
        guard chain.count <= IdentityLimits.chainCountMax else {
            throw PeerRejection(
                .chainTooLong, "\(chain.count) certificates; at most \(IdentityLimits.chainCountMax) are taken")
        }
        for der in chain where der.count > IdentityLimits.certificateBytesMax {
            throw PeerRejection(
                .chainTooLong,
                "a certificate of \(der.count) bytes; at most \(IdentityLimits.certificateBytesMax) are taken")
        }
    }

    private static func cacheKey(_ chain: [[UInt8]], kind: UInt8) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 2_048)
        encoder.byte(kind)
        for der in chain { encoder.string(der) }
        return SHA256.hash(encoder.bytes)
    }

    private static func notARoot(_ why: String, _ code: IdentityError.Code) -> IdentityError {
        IdentityError(
            code, what: "trust a root certificate", why: why, next: "give the root.crt that the mesh was made with")
    }
}

extension Certificate {
    /// The mesh of which this would be the root.
    public var meshID: MeshID { MeshID(publicKey.fingerprint.bytes) }
}

extension Result {
    init(body: () throws(Failure) -> Success) {
        do {
            self = .success(try body())
        } catch { self = .failure(error) }
    }
}
