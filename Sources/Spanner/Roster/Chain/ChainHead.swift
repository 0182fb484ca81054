public import CRDT

/// Where a replica's history stands: how many events, the hash chain's value after them, and who writes it.
public struct ChainHead: Hashable, Sendable {
    /// Counter of the last event; 0 before the first.
    public let counter: UInt64
    /// The chain's value after that event; h(0) before the first.
    public let hash: Bytes32
    /// The author that the first event certified; nil before the first.
    public let author: Author?

    /// A place in a history.
    public init(counter: UInt64, hash: Bytes32, author: Author?) {
        (self.counter, self.hash, self.author) = (counter, hash, author)
    }
}

/// A head with the author's signature: what two of, for one counter, prove that the author told two stories.
public struct SignedHead: Hashable, Sendable {
    /// Counter of the last event under the signature.
    public let counter: UInt64
    /// The chain's value there.
    public let hash: Bytes32
    /// 64 bytes of Ed25519 over `EventChain.message`.
    public let signature: [UInt8]

    /// A head as its author signed it.
    public init(counter: UInt64, hash: Bytes32, signature: [UInt8]) {
        (self.counter, self.hash, self.signature) = (counter, hash, signature)
    }
}

/// One replica, two histories: both signed by its own key, as seen when a run was refused.
public struct ForkEvidence: Hashable, Sendable {
    /// Whose histories.
    public let replica: ReplicaID
    /// The highest counter up to which both histories are known to agree; they part at a later one.
    public let agreedThrough: UInt64
    /// The history that is held here.
    public let held: SignedHead
    /// The history that was refused.
    public let other: SignedHead

    /// Evidence of two histories.
    public init(replica: ReplicaID, agreedThrough: UInt64, held: SignedHead, other: SignedHead) {
        (self.replica, self.agreedThrough, self.held, self.other) = (replica, agreedThrough, held, other)
    }
}
