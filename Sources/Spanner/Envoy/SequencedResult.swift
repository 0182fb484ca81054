/// One result as an envoy numbered it.
public struct SequencedResult: Hashable, Sendable {
    /// Its place in its queue; the first is 1.
    public var sequence: UInt64
    /// Opaque bytes; a store takes at most `PartitionLimits.resultBytesMax` of them.
    public var body: [UInt8]

    /// A result.
    public init(sequence: UInt64, body: [UInt8]) { (self.sequence, self.body) = (sequence, body) }
}
