/// One event: which replica made it, and the how-manieth of that replica it is.
///
/// Counters are dense and start at 1; 0 stands for "nothing yet". See Almeida et al., *Delta state replicated data
/// types* (arXiv 1603.01529).
public struct Dot: Hashable, Comparable, Sendable {
    /// The writer.
    public let replica: ReplicaID
    /// 1 for a replica's first event; never above `Dot.counterMax`.
    public let counter: UInt64

    /// Highest counter that is accepted anywhere: 2^48 − 1. A peer that sends more is refused.
    public static let counterMax: UInt64 = (1 << 48) - 1

    /// The event `counter` of `replica`.
    public init(_ replica: ReplicaID, _ counter: UInt64) {
        self.replica = replica
        self.counter = counter
    }

    /// By replica, then counter.
    public static func < (left: Dot, right: Dot) -> Bool {
        left.replica == right.replica ? left.counter < right.counter : left.replica < right.replica
    }

    /// The replica, then the counter.
    public func encode(to encoder: inout CanonicalEncoder) {
        replica.encode(to: &encoder)
        encoder.integer(counter)
    }

    /// Reads a dot with a counter in `1...counterMax`.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        replica = try ReplicaID(from: &decoder)
        counter = try decoder.integer()
        guard counter >= 1, counter <= Dot.counterMax else { throw .invalid(what: "dot counter") }
    }
}

extension Dot: CustomStringConvertible {
    /// `replica#counter`.
    public var description: String { "\(replica)#\(counter)" }
}
