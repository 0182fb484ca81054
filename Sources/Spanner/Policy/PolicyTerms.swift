public import CRDT

/// How old a policy may become at a machine, and what is done with one that is older.
///
/// It is part of each leaf, not of the head: an envoy asks by the hash of its leaf, and hears of nothing that leaves
/// that as it is.
public struct PolicyTerms: Hashable, Sendable {
    /// How many seconds after the owner was last heard of it is too old, `PolicyLimits.ageSecondsMax` at most; nil:
    /// never.
    public let maxAgeSeconds: UInt64?
    /// What an envoy does then.
    public let expiry: PolicyExpiry

    /// Terms; without any a policy is never too old. A higher age is lowered to what `PolicyLimits` allows.
    public init(maxAgeSeconds: UInt64? = nil, expiry: PolicyExpiry = .enforceLast) {
        self.maxAgeSeconds = maxAgeSeconds.map { min($0, PolicyLimits.ageSecondsMax) }
        self.expiry = expiry
    }
}

extension PolicyTerms: CanonicalValue {
    /// The age, what is done then.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(maxAgeSeconds) { encoder, seconds in encoder.integer(seconds) }
        encoder.byte(expiry.rawValue)
    }

    /// Reads what `encode(to:)` wrote, within the limit.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        maxAgeSeconds = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let seconds = try decoder.integer()
            guard seconds <= PolicyLimits.ageSecondsMax else { throw .invalid(what: "age of a policy") }
            return seconds
        }
        guard let expiry = PolicyExpiry(rawValue: try decoder.byte()) else { throw .invalid(what: "expiry") }
        self.expiry = expiry
    }
}
