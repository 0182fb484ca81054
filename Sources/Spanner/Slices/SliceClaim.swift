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
    /// The proof that leads an envoy from the register it remembers to the one in force. Nil where none can be given
    /// within `SliceLimits.proofMax` transitions: what it remembers is not known here, or is better.
    public func claim(
        _ walk: SliceWalk, epoch: PartitionEpoch, remembered: Bytes32
    ) -> SliceClaim? {
        var claim = SliceClaim(register: walk.register, epoch: epoch)
        guard remembered != walk.register.hash else { return claim }
        // Back from what it remembers to a register that the walk passed.
        var lost: [SignedTransition] = []
        var at = remembered
        while walk.passed(at) == nil {
            guard lost.count < SliceLimits.proofMax, let signed = transition(at, of: walk.register.slice) else {
                return nil
            }
            lost.append(signed)
            at = signed.transition.base
        }
        guard let fork = walk.passed(at) else { return nil }
        let steps = walk.path.drop { $0.register.position <= fork.position }
        guard steps.count + lost.count <= SliceLimits.proofMax else { return nil }
        claim.lost = lost.reversed()
        claim.path = steps.compactMap { transition($0.register.hash, of: walk.register.slice) }
        return claim.path.count == steps.count && !claim.path.isEmpty ? claim : nil
    }
}
