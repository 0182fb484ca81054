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

    /// The voucher that an answer brings; nil where it brings none. One that cannot be read is forged.
    static func voucher(of response: CheckInResponse) throws(OwnerSight.Refusal) -> SliceVoucher? {
        guard let claim = response.claim else { return nil }
        do {
            return try SliceVoucher(claim.bytes)
        } catch { throw OwnerSight.Refusal.forged }
    }
}
