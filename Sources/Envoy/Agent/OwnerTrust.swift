internal import BoltAPI
public import Identity
public import Spanner

/// How an agent verifies who owns its slice: the mesh, and the cryptography under the root that it was enrolled with.
public struct OwnerTrust: Sendable {
    let mesh: MeshID
    let witness: any SliceWitness

    /// Trust in whom a witness certifies, in this mesh.
    public init(mesh: MeshID, witness: any SliceWitness) { (self.mesh, self.witness) = (mesh, witness) }

    /// Trust in the mesh of an identity. Fails where its root is not one.
    public init(_ credential: TLSCredential) throws(IdentityError) {
        let roster = RosterWitness(verifier: try credential.verifier())
        self.init(mesh: credential.mesh, witness: BoltSliceWitness(roster))
    }

    /// What an agent that has seen nothing of its owner begins with: the register that it was admitted with, where
    /// there was one. One that does not verify is refused.
    func begin(_ sight: OwnerSight, with claim: [UInt8]) throws(OwnerSight.Refusal) -> OwnerSight {
        var begun = sight
        let voucher: SliceVoucher
        do { voucher = try SliceVoucher(claim) } catch { throw OwnerSight.Refusal.forged }
        try begun.begin(with: voucher, mesh: mesh, witness: witness)
        return begun
    }

    /// The voucher that an answer brings; nil where it brings none. One that cannot be read is forged.
    static func voucher(of response: CheckInResponse) throws(OwnerSight.Refusal) -> SliceVoucher? {
        guard let claim = response.claim else { return nil }
        do {
            return try SliceVoucher(claim.bytes)
        } catch { throw OwnerSight.Refusal.forged }
    }
}
