public import CRDT

/// What an owner says to an envoy: this is the register and this my partition's epoch, and this is how the register
/// came from what you knew.
public struct SliceClaim: Hashable, Sendable {
    /// The register in force, as the owner has it.
    public var register: SliceRegister
    /// The owner's epoch.
    public var epoch: PartitionEpoch
    /// Transitions that lead to `register`: from what the envoy remembers, or from a fork before it. Empty where the
    /// envoy remembers the same register.
    public var path: [SignedTransition]
    /// Transitions that lead from that fork to what the envoy remembers; empty where there is no fork.
    public var lost: [SignedTransition]

    /// A claim.
    public init(
        register: SliceRegister, epoch: PartitionEpoch, path: [SignedTransition] = [], lost: [SignedTransition] = []
    ) {
        (self.register, self.epoch) = (register, epoch)
        (self.path, self.lost) = (path, lost)
    }
}

extension SliceRegisterSet {
    /// The proof that leads an envoy from the register it remembers to the one in force, or, where that takes more than
    /// `limit` transitions, as far as so many lead: then the claim is of the register that they come to, in no epoch,
    /// and the envoy asks again from there. Nil where none can be given: what it remembers is not known here, or is the
    /// end of a lost branch of `limit` transitions and more.
    public func claim(
        _ walk: SliceWalk, epoch: PartitionEpoch, remembered: Bytes32, limit: Int = SliceLimits.proofMax
    ) -> SliceClaim? {
        var claim = SliceClaim(register: walk.register, epoch: epoch)
        guard remembered != walk.register.hash else { return claim }
        let limit = min(limit, SliceLimits.proofMax)
        // Back from what it remembers to a register that the walk passed.
        var lost: [SignedTransition] = []
        var at = remembered
        while walk.passed(at) == nil {
            guard lost.count < limit, let signed = transition(at, of: walk.register.slice) else { return nil }
            lost.append(signed)
            at = signed.transition.base
        }
        guard let fork = walk.passed(at) else { return nil }
        let steps = walk.path.drop { $0.register.position <= fork.position }
        let shown = steps.prefix(limit - lost.count)
        guard let last = shown.last else { return nil }
        claim.lost = lost.reversed()
        claim.path = shown.compactMap { transition($0.register.hash, of: walk.register.slice) }
        if shown.count < steps.count { (claim.register, claim.epoch) = (last.register, PartitionEpoch.none) }
        return claim.path.count == shown.count ? claim : nil
    }
}
