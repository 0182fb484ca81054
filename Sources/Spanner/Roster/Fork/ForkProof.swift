public import CRDT

/// Proof that one replica told two stories: two runs, both signed by its own key, that follow the same event and
/// differ in the next. Whoever knows the author's key can check it, with nothing else at hand. Never merged away.
public struct ForkProof: Hashable, Sendable {
    /// One of the stories, from the event in which it differs to the end of a run.
    public struct Story: Hashable, Sendable {
        /// Bodies from `agreedThrough + 1` on; 1...`RosterLimits.runEventsMax`.
        public let bodies: [[UInt8]]
        /// 64 bytes of Ed25519 over the chain's value after the last of them.
        public let signature: [UInt8]

        /// A story as its author signed it.
        public init(bodies: [[UInt8]], signature: [UInt8]) { (self.bodies, self.signature) = (bodies, signature) }
    }

    /// Whose histories.
    public let replica: ReplicaID
    /// The last counter on which both agree; 0 where they differ from the start.
    public let agreedThrough: UInt64
    /// The hash chain's value there.
    public let base: Bytes32
    /// The story whose first body is the lesser.
    public let first: Story
    /// The other one.
    public let second: Story

    /// A proof of two stories, in either order.
    public init(replica: ReplicaID, agreedThrough: UInt64, base: Bytes32, _ one: Story, _ other: Story) {
        (self.replica, self.agreedThrough, self.base) = (replica, agreedThrough, base)
        (first, second) = ForkProof.inOrder(one, other) ? (one, other) : (other, one)
    }

    private static func inOrder(_ one: Story, _ other: Story) -> Bool {
        guard let left = one.bodies.first, let right = other.bodies.first else { return true }
        return !right.lexicographicallyPrecedes(left)
    }

    /// Both heads as their author signed them: what is shown to people.
    public func heads(_ chain: EventChain) -> (first: SignedHead, second: SignedHead) {
        (head(of: first, chain), head(of: second, chain))
    }

    private func head(of story: Story, _ chain: EventChain) -> SignedHead {
        SignedHead(
            counter: agreedThrough &+ UInt64(story.bodies.count), hash: chain.head(after: base, story.bodies),
            signature: story.signature)
    }
}

extension ForkProof: CanonicalValue {
    /// Replica, counter, base, then for each story its bodies and signature.
    public func encode(to encoder: inout CanonicalEncoder) {
        replica.encode(to: &encoder)
        encoder.integer(agreedThrough)
        encoder.fixed(base)
        for story in [first, second] {
            encoder.list(story.bodies) { encoder, body in encoder.string(body) }
            encoder.raw(story.signature)
        }
    }

    /// Reads a proof within the limits of `RosterLimits`; whether it proves anything is `Roster.isValid`'s word.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let replica = try ReplicaID(from: &decoder)
        let agreedThrough = try decoder.integer()
        guard agreedThrough < Dot.counterMax - UInt64(RosterLimits.runEventsMax) else {
            throw .invalid(what: "fork counter")
        }
        let base = try decoder.fixed()
        let (one, other) = (try ForkProof.story(&decoder), try ForkProof.story(&decoder))
        guard one.bodies[0].lexicographicallyPrecedes(other.bodies[0]) else { throw .notCanonical(what: "stories") }
        self.init(replica: replica, agreedThrough: agreedThrough, base: base, one, other)
    }

    private static func story(_ decoder: inout CanonicalDecoder) throws(DecodingFailure) -> Story {
        let bodies = try decoder.list("story", limit: RosterLimits.runEventsMax) { decoder throws(DecodingFailure) in
            try decoder.string("event", limit: RosterLimits.eventBytesMax)
        }
        guard !bodies.isEmpty else { throw .invalid(what: "story without events") }
        let bytes = bodies.reduce(0) { $0 + $1.count }
        guard bytes <= RosterLimits.runBytesMax else {
            throw .overLimit(what: "story", value: UInt64(bytes), limit: RosterLimits.runBytesMax)
        }
        return Story(bodies: bodies, signature: try decoder.raw(64))
    }
}
