import CRDT

/// What an envoy remembers of its slice: the highest register and, under it, the highest epoch of its owner. Whoever
/// speaks with less is old: a restored bolt, a deposed primary, a former owner (P2, P6).
public struct SliceFreshness: Hashable, Sendable {
    /// The register.
    public private(set) var register: SliceRegister
    /// The owner's epoch.
    public private(set) var epoch: PartitionEpoch

    /// Why a claim was refused. What is remembered stays as it was.
    public enum Refusal: Error, Hashable, Sendable {
        /// Of another slice.
        case otherSlice
        /// The register is the one remembered, the epoch is lower.
        case olderEpoch
        /// The register comes before the one remembered, or loses against it.
        case olderRegister
        /// Nothing shows how the register came from the one remembered. The owner should prove it; one that cannot is
        /// not believed.
        case unproved
        /// The proof holds a transition that no key signed that may, or is longer than allowed.
        case forged
    }

    /// What is remembered at first: what the envoy was admitted with.
    public init(register: SliceRegister, epoch: PartitionEpoch) { (self.register, self.epoch) = (register, epoch) }

    /// Takes a claim, or refuses it.
    ///
    /// The same register with an epoch not lower is taken. A register that extends the remembered one, or that wins
    /// over it at the fork, is taken with whatever epoch: it is another partition's reign.
    public mutating func accept(
        _ claim: SliceClaim, mesh: MeshID, witness: some SliceWitness
    ) throws(Refusal) {
        guard claim.register.slice == register.slice else { throw .otherSlice }
        if claim.register == register {
            guard claim.epoch >= epoch else { throw .olderEpoch }
            epoch = claim.epoch
            return
        }
        try prove(claim, mesh: mesh, witness: witness)
        (register, epoch) = (claim.register, claim.epoch)
    }

    private func prove(_ claim: SliceClaim, mesh: MeshID, witness: some SliceWitness) throws(Refusal) {
        guard claim.path.count + claim.lost.count <= SliceLimits.proofMax else { throw .forged }
        guard let first = claim.path.first else {
            throw claim.register.position < register.position ? .olderRegister : .unproved
        }
        let ahead = try SliceFreshness.chain(claim.path, mesh: mesh, witness: witness)
        guard ahead.last == claim.register else { throw .unproved }
        if claim.lost.isEmpty {
            // It extends what is remembered: the path begins there, or passes it.
            let begins =
                first.transition.base == register.hash && SliceFamily.isValid(first.transition, after: register)
            guard begins || ahead.dropLast().contains(register) else {
                throw claim.register.position < register.position ? .olderRegister : .unproved
            }
            return
        }
        let behind = try SliceFreshness.chain(claim.lost, mesh: mesh, witness: witness)
        guard let loser = claim.lost.first?.transition, behind.last == register,
            let mine = ahead.first, let theirs = behind.first,
            loser.base == first.transition.base, loser.from == first.transition.from,
            loser.position == first.transition.position, mine.hash != theirs.hash
        else { throw .unproved }
        guard SliceFamily.beats((first.transition, mine.hash), (loser, theirs.hash)) else { throw .olderRegister }
    }

    /// The registers that a chain of transitions begins one after the other.
    private static func chain(
        _ path: [SignedTransition], mesh: MeshID, witness: some SliceWitness
    ) throws(Refusal) -> [SliceRegister] {
        var registers: [SliceRegister] = []
        for signed in path {
            guard signed.isAuthentic(in: mesh, witness: witness) else { throw .forged }
            if let last = registers.last {
                guard SliceFamily.isValid(signed.transition, after: last) else { throw .unproved }
            }
            registers.append(signed.transition.register(hash: signed.transition.hash(by: witness)))
        }
        return registers
    }
}
