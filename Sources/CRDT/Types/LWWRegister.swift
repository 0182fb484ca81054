/// A register in which the last writer wins, by hybrid time, then replica, then value.
///
/// A write that has seen another always wins over it, however wrong the clocks are; clocks only decide between
/// concurrent writes. For what people read, not for who is admitted.
public struct LWWRegister<Value: LatticeElement>: Lattice {
    /// What orders writes.
    public struct Stamp: Comparable, Hashable, Sendable {
        /// When, by the writer's hybrid clock.
        public let time: HybridTimestamp
        /// Who; decides where times are equal.
        public let replica: ReplicaID

        /// A stamp.
        public init(time: HybridTimestamp, replica: ReplicaID) {
            self.time = time
            self.replica = replica
        }

        /// By time, then by replica.
        public static func < (left: Stamp, right: Stamp) -> Bool {
            left.time == right.time ? left.replica < right.replica : left.time < right.time
        }
    }

    private var content: (stamp: Stamp, value: Value)?

    /// A register without a value.
    public init() {}

    /// The value; nil before the first write.
    public var value: Value? { content?.value }

    /// The stamp of the value; nil before the first write.
    public var stamp: Stamp? { content?.stamp }

    /// Writes a value and returns the delta. The stamp is the clock's next moment or, where a value from a clock far
    /// ahead is being replaced, the moment after that one; the clock itself is not dragged along.
    @discardableResult
    public mutating func set(
        _ value: Value, by replica: ReplicaID, clock: inout HybridClock, physicalMilliseconds: UInt64
    ) -> LWWRegister {
        let now = clock.tick(physicalMilliseconds: physicalMilliseconds)
        let after = content?.stamp.time.successor ?? .zero
        content = (Stamp(time: max(now, after), replica: replica), value)
        return self
    }

    /// The later write.
    public mutating func merge(_ other: LWWRegister) {
        if !includes(other) { content = other.content }
    }

    /// Whether the write here is at least as late as that of `other`.
    public func includes(_ other: LWWRegister) -> Bool {
        guard let theirs = other.content else { return true }
        guard let mine = content else { return false }
        return mine.stamp == theirs.stamp ? theirs.value <= mine.value : theirs.stamp < mine.stamp
    }

    /// Same write.
    public static func == (left: LWWRegister, right: LWWRegister) -> Bool {
        left.stamp == right.stamp && left.value == right.value
    }
}

extension LWWRegister: CanonicalValue {
    /// Presence, then time, replica and value.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(content) { encoder, content in
            content.stamp.time.encode(to: &encoder)
            content.stamp.replica.encode(to: &encoder)
            content.value.encode(to: &encoder)
        }
    }

    /// Reads a register.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard try decoder.flag() else { return }
        let stamp = Stamp(time: try HybridTimestamp(from: &decoder), replica: try ReplicaID(from: &decoder))
        content = (stamp, try Value(from: &decoder))
    }
}
