/// A run of consecutive events of one replica.
public struct DotRange: Hashable, Sendable {
    /// The writer.
    public let replica: ReplicaID
    /// The counters, both ends included.
    public let counters: ClosedRange<UInt64>

    /// The events `counters` of `replica`.
    public init(_ replica: ReplicaID, _ counters: ClosedRange<UInt64>) {
        self.replica = replica
        self.counters = counters
    }
}

extension DotRange: CustomStringConvertible {
    /// `replica#first...last`.
    public var description: String { "\(replica)#\(counters)" }
}
