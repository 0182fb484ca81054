/// Whether a partition journals new writes of a slice: one rule, for the daemon and for the simulator that proves it.
public enum SliceGate {
    /// Whether the slice is open at a partition: by what is known there of owners it is the partition's, no handoff has
    /// sealed it or handed it on, and it was adopted. That the last of this is safe is not asked. Nobody hands on what
    /// an operator took over: that is served as it is.
    ///
    /// - Parameters:
    ///   - partition: Who asks; it has a primary.
    ///   - walk: The slice's owners, as far as they are known there.
    ///   - source: The slice's handoff away from there that has not ended, where there is one.
    ///   - isAdopted: Whether the register in force began with a hand-on to there that was adopted.
    public static func isOpen(
        at partition: PartitionName, walk: SliceWalk, source: HandoffSource?, isAdopted: Bool
    ) -> Bool {
        guard walk.owner == partition, source?.isTaking ?? true else { return false }
        guard let last = walk.path.last?.transition, last.isHandOn else { return true }
        return isAdopted
    }
}

extension SliceWalk {
    /// Whether an offer of a handoff that is not known here is looked at. One that is earlier than what the roster
    /// brings waits: its source says it again. One of a slice that was handed on to here already comes where this
    /// partition lost what it knew of the handoff.
    public func admits(offer order: HandoffOrder) -> Bool {
        register == order.register || outlook(of: order) == .handedOn(register.hash)
    }
}
