internal import CRDT

/// What is kept of one replica's history, without its bodies.
struct History: Sendable {
    let replica: ReplicaID
    private(set) var head: ChainHead
    /// The head that was signed last.
    private(set) var signed: SignedHead?
    /// Heads at recent run boundaries, oldest first: a second story that parts from one of them is seen.
    private(set) var recent: [Recent]
    /// Last counter whose event may be in force; nil without a cut.
    var cut: UInt64?

    struct Recent: Sendable {
        let counter: UInt64
        let hash: Bytes32
    }

    init(replica: ReplicaID, head: ChainHead) {
        self.replica = replica
        self.head = head
        recent = [Recent(counter: head.counter, hash: head.hash)]
    }

    mutating func advance(to next: ChainHead, signed: SignedHead?) {
        head = next
        self.signed = signed
        // The first stays: it is h(0), from which every history can be judged.
        if recent.count >= RosterLimits.recentHeadsMax { recent.remove(at: 1) }
        recent.append(Recent(counter: next.counter, hash: next.hash))
    }

    /// The chain's value after `counter`, where it is still known.
    func hash(at counter: UInt64) -> Bytes32? {
        recent.last { $0.counter == counter }?.hash
    }
}
