import CRDT
import Spanner

/// What the names along a verified path mean, and whether each was allowed to vouch for the one below.
struct PathNames {
    let trustDomain: TrustDomain

    /// The peer at the bottom of a path (leaf first, root last) whose signatures have been checked.
    func peer(of path: [Certificate]) throws(PeerRejection) -> VerifiedPeer {
        guard let leaf = path.first else { throw PeerRejection(.noCertificate, "no certificate was presented") }
        let id = try soleID(of: leaf)
        guard path.count >= 3 else {
            throw PeerRejection(.wrongRole, "\(id) was not issued by an issuing CA")
        }
        let issuer = try soleID(of: path[1])
        for above in path[2...] {
            let aboveID = try soleID(of: above)
            guard aboveID.subject == .root else {
                throw PeerRejection(.wrongRole, "\(aboveID) stands above \(issuer), where only the root may")
            }
        }
        guard !leaf.isCA else { throw PeerRejection(.wrongRole, "\(id) is a CA, not a peer") }
        let role = try role(of: id, vouchedForBy: issuer)
        try checkProfile(of: leaf, id: id, role: role.kind)
        let validity = path.map(\.validity).reduce(leaf.validity) { $0.clipped(to: $1) }
        return VerifiedPeer(
            role: role, id: id, fingerprint: leaf.publicKey.fingerprint, signingKey: leaf.signingKey,
            sealingKey: leaf.sealingKey, notAfter: leaf.validity.notAfter, validity: validity, leaf: leaf.der)
    }

    private func soleID(of certificate: Certificate) throws(PeerRejection) -> SPIFFEID {
        switch certificate.uris.count {
        case 0 where certificate.hasCommonName:
            throw PeerRejection(.cnOnly, "it has a common name and no URI name; common names identify nobody here")
        case 0: throw PeerRejection(.missingURISAN, "it has no URI name")
        case 1: break
        default: throw PeerRejection(.extraURISAN, "it has \(certificate.uris.count) URI names; exactly one is taken")
        }
        guard let id = SPIFFEID(certificate.uris[0]) else {
            throw PeerRejection(.badSPIFFEID, "\(certificate.uris[0].prefix(200)) is no SPIFFE id of a mesh")
        }
        guard id.trustDomain == trustDomain else {
            throw PeerRejection(.foreignTrustDomain, "\(id) is not of the mesh \(trustDomain)")
        }
        return id
    }

    private func role(of id: SPIFFEID, vouchedForBy issuer: SPIFFEID) throws(PeerRejection) -> VerifiedPeer.Role {
        switch (issuer.subject, id.subject) {
        case (.boltsCA, .bolt(let partition, let name)): return .bolt(partition, name)
        case (.operatorsCA, .operator(let name)): return .operator(name)
        case (.envoysCA(let issuing), .envoy(let partition, let principal)) where issuing == partition:
            return .envoy(partition, principal)
        default: throw PeerRejection(.wrongRole, "\(issuer) may not vouch for \(id)")
        }
    }

    private func checkProfile(
        of leaf: Certificate, id: SPIFFEID, role: PrincipalRole
    ) throws(PeerRejection) {
        let usages: ExtendedUsages = role == .bolt ? [.server, .client] : .client
        guard leaf.usages == usages else {
            throw PeerRejection(.wrongEKU, "the extended key usage of \(id) is not that of its role")
        }
        let hasHostNames = !leaf.hosts.isEmpty || !leaf.addresses.isEmpty
        guard !leaf.hasOtherNames, role == .bolt || !hasHostNames else {
            throw PeerRejection(.extraURISAN, "\(id) has alternative names that its role may not have")
        }
        let needsSigning = role != .envoy
        guard (leaf.signingKey != nil) == needsSigning, (leaf.sealingKey != nil) == !needsSigning else {
            throw PeerRejection(
                .wrongKeys, "\(id) must certify \(needsSigning ? "a signing key" : "a sealing key") and no other")
        }
    }
}
