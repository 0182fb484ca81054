public import CRDT

/// Who owns a slice, as one end of a chain of transitions.
public struct SliceRegister: Hashable, Sendable {
    /// The slice.
    public let slice: SliceID
    /// Its owner.
    public let owner: PartitionName
    /// Transitions since the genesis, which is 0.
    public let position: UInt64
    /// The register's name: hash of the last transition, or of the genesis. Stands for everything before it too.
    public let hash: Bytes32

    /// A register.
    public init(slice: SliceID, owner: PartitionName, position: UInt64, hash: Bytes32) {
        (self.slice, self.owner, self.position, self.hash) = (slice, owner, position, hash)
    }
}

extension SliceRegister: CanonicalValue {
    /// Slice, owner, position, hash.
    public func encode(to encoder: inout CanonicalEncoder) {
        slice.encode(to: &encoder)
        encoder.text(owner.text)
        encoder.integer(position)
        encoder.fixed(hash)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        slice = try SliceID(from: &decoder)
        owner = try PartitionName.read(&decoder)
        position = try decoder.integer()
        hash = try decoder.fixed()
    }
}

/// A transition that lost against another of the same base, with all that was built on it.
public struct SliceLoser: Hashable, Sendable {
    /// The register that both ended.
    public let base: SliceRegister
    /// The transition that lost.
    public let transition: SliceTransition
    /// Its hash.
    public let hash: Bytes32
    /// All partitions that the lost branch made owners, by name: they may hold data that the owner lacks, and hand it
    /// over.
    public let holders: [PartitionName]
    /// How many transitions the lost branch has, the loser included.
    public let count: Int
}

/// Two hand-ons of one register: only a key that was copied, or a partition gone mad, makes them. Both are kept as
/// proof.
public struct SliceEquivocation: Hashable, Sendable {
    /// The partition whose key signed both.
    public let partition: PartitionName
    /// The register that both ended.
    public let base: SliceRegister
    /// The hashes of all hand-ons of that register, ascending; the first is in force.
    public let hashes: [Bytes32]
}

/// What the transitions of one slice say, walked from the genesis: a pure function of the set of them.
public struct SliceWalk: Hashable, Sendable {
    /// One transition that counts.
    public struct Step: Hashable, Sendable {
        /// The transition.
        public let transition: SliceTransition
        /// The register that it began.
        public let register: SliceRegister
    }

    /// The register of the genesis.
    public let genesis: SliceRegister
    /// The transitions that count, in order; positions 1, 2, 3, …
    public let path: [Step]
    /// What lost, in the order of the walk, then by hash.
    public let losers: [SliceLoser]
    /// Keys that signed two hand-ons of one register.
    public let equivocations: [SliceEquivocation]
    /// Transitions that nothing reaches, ascending: what comes before them is not here, or they name an owner or a
    /// position that their base has not.
    public let inert: [Bytes32]

    /// The register in force.
    public var register: SliceRegister { path.last?.register ?? genesis }
    /// The owner.
    public var owner: PartitionName { register.owner }

    /// Whether this partition owned the slice before the register in force, by the transitions that count.
    public func wasOwner(_ partition: PartitionName) -> Bool {
        genesis.owner == partition || path.contains { $0.register.owner == partition }
    }

    /// The register that this hash names, if the walk passed it.
    public func passed(_ hash: Bytes32) -> SliceRegister? {
        if genesis.hash == hash { return genesis }
        return path.first { $0.register.hash == hash }?.register
    }
}
