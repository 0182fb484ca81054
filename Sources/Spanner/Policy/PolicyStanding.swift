internal import CRDT

/// How old the policy is that an envoy enforces, counted from when its owner was last heard of. Only how much is still
/// enforced hangs on it, never what is accepted: clocks lie.
public enum PolicyStanding: Hashable, Sendable {
    /// There is none.
    case none
    /// It may be enforced.
    case fresh
    /// It may be enforced, and has used up three quarters of the age that it may reach.
    case aging
    /// It is too old: this is what its owner wants done then.
    case expired(PolicyExpiry)
    /// The clock stands before the owner's last word, so that there is no age: it is enforced as a fresh one is.
    case ageUnknown
}

/// What says how old a policy may become.
struct PolicyTerms: Hashable, Sendable {
    var made: WallTime
    var maxAgeSeconds: UInt64?
    var expiry: PolicyExpiry

    init(_ head: PolicyHead) {
        (made, maxAgeSeconds, expiry) = (head.made, head.maxAgeSeconds, head.expiry)
    }

    /// The standing at an instant, where the owner was heard of at `heard`.
    func standing(now: WallTime, heard: WallTime?) -> PolicyStanding {
        guard let maxAgeSeconds else { return .fresh }
        let since = max(made, heard ?? made)
        let skew = PolicyLimits.clockSkewSeconds * 1000
        guard since.milliseconds <= now.milliseconds || since.milliseconds - now.milliseconds <= skew
        else { return .ageUnknown }
        let age = now.milliseconds > since.milliseconds ? now.milliseconds - since.milliseconds : 0
        let maxAge = maxAgeSeconds * 1000
        if age > maxAge { return .expired(expiry) }
        return age > maxAge - maxAge / 4 ? .aging : .fresh
    }
}

extension PolicyTerms: CanonicalValue {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(made.milliseconds)
        encoder.optional(maxAgeSeconds) { encoder, seconds in encoder.integer(seconds) }
        encoder.byte(expiry.rawValue)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        made = try PolicyCoding.time(&decoder)
        maxAgeSeconds = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            let seconds = try decoder.integer()
            guard seconds <= PolicyLimits.ageSecondsMax else { throw .invalid(what: "age of a policy") }
            return seconds
        }
        guard let expiry = PolicyExpiry(rawValue: try decoder.byte()) else { throw .invalid(what: "expiry") }
        self.expiry = expiry
    }
}
