/// A register that holds the greatest assignment by an explicit order: by rank, then by value.
///
/// The rank says which assignment is to win and carries no clock: a hand-over count, an epoch, a tuple of both. The
/// value decides between different assignments of one rank, so that every replica chooses alike.
public struct OrderedRegister<Rank: LatticeElement, Value: LatticeElement>: Lattice {
    /// One assignment.
    public struct Assignment: Comparable, Hashable, Sendable {
        /// What is compared first.
        public let rank: Rank
        /// What was assigned; compared where ranks are equal.
        public let value: Value

        /// An assignment of `value` at `rank`.
        public init(rank: Rank, value: Value) {
            self.rank = rank
            self.value = value
        }

        /// By rank, then by value.
        public static func < (left: Assignment, right: Assignment) -> Bool {
            left.rank == right.rank ? left.value < right.value : left.rank < right.rank
        }
    }

    /// The greatest assignment seen; nil before the first.
    public private(set) var current: Assignment?

    /// A register without a value.
    public init() {}

    /// A register with one assignment.
    public init(rank: Rank, value: Value) { current = Assignment(rank: rank, value: value) }

    /// The value; nil before the first assignment.
    public var value: Value? { current?.value }

    /// The rank of the value; nil before the first assignment.
    public var rank: Rank? { current?.rank }

    /// Offers an assignment and returns the delta; nil when what is there is as great.
    @discardableResult
    public mutating func assign(_ value: Value, rank: Rank) -> OrderedRegister? {
        let delta = OrderedRegister(rank: rank, value: value)
        if includes(delta) { return nil }
        merge(delta)
        return delta
    }

    /// The greater assignment.
    public mutating func merge(_ other: OrderedRegister) {
        guard let theirs = other.current else { return }
        current = max(current ?? theirs, theirs)
    }

    /// Whether what is here is at least as great as what `other` holds.
    public func includes(_ other: OrderedRegister) -> Bool {
        guard let theirs = other.current else { return true }
        guard let current else { return false }
        return theirs <= current
    }
}

extension OrderedRegister: CanonicalValue {
    /// Presence, then rank and value.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(current) { encoder, current in
            current.rank.encode(to: &encoder)
            current.value.encode(to: &encoder)
        }
    }

    /// Reads a register.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        current = try decoder.optional { decoder throws(DecodingFailure) in
            Assignment(rank: try Rank(from: &decoder), value: try Value(from: &decoder))
        }
    }
}
