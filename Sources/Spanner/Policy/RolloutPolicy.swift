public import CRDT

/// How a new version of a policy reaches the machines.
public struct RolloutPolicy: Hashable, Sendable, CanonicalValue, Codable {
    /// Most machines that are given the new version and have not yet reported; nil: all at once.
    public var maxConcurrent: UInt64?
    /// So many machines stay on what they have until the others succeeded.
    public var minStanding: UInt64
    /// With more failures than this the roll-out halts.
    public var maxFail: UInt64

    /// A policy.
    public init(maxConcurrent: UInt64? = nil, minStanding: UInt64 = 0, maxFail: UInt64 = 0) {
        (self.maxConcurrent, self.minStanding, self.maxFail) = (maxConcurrent, minStanding, maxFail)
    }

    /// The three numbers.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(maxConcurrent) { $0.integer($1) }
        encoder.integer(minStanding)
        encoder.integer(maxFail)
    }

    /// Reads the three numbers.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        maxConcurrent = try decoder.optional { (inner) throws(DecodingFailure) in try inner.integer() }
        minStanding = try decoder.integer()
        maxFail = try decoder.integer()
    }
}
