public import CRDT

/// Where the source of a handoff stopped, and what it held then: the place of the seal in its journal, and the digest
/// of the slice's data up to there. A target that is at the same place with the same digest holds everything.
public struct SliceSeal: Hashable, Sendable {
    /// The seal's record in the source's journal.
    public let point: LogPoint
    /// Digest of the slice's rows at that record.
    public let digest: Bytes32

    /// A seal.
    public init(point: LogPoint, digest: Bytes32) { (self.point, self.digest) = (point, digest) }
}

extension SliceSeal: CanonicalValue {
    /// Point, digest.
    public func encode(to encoder: inout CanonicalEncoder) {
        point.encode(to: &encoder)
        encoder.fixed(digest)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        point = try LogPoint(from: &decoder)
        digest = try decoder.fixed()
    }
}
