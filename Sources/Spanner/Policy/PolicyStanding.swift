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

/// From when on the age of what is in force counts, and what its leaf says of it.
struct PolicyAge: Hashable, Sendable {
    var made: WallTime
    var terms: PolicyTerms
}

extension PolicyTerms {
    /// The standing of a policy under these terms at an instant, where its owner was last heard of at `since`.
    public func standing(now: WallTime, since: WallTime) -> PolicyStanding {
        guard let maxAgeSeconds else { return .fresh }
        let skew = PolicyLimits.clockSkewSeconds * 1000
        guard since.milliseconds <= now.milliseconds || since.milliseconds - now.milliseconds <= skew
        else { return .ageUnknown }
        let age = now.milliseconds > since.milliseconds ? now.milliseconds - since.milliseconds : 0
        let maxAge = maxAgeSeconds * 1000
        if age > maxAge { return .expired(expiry) }
        return age > maxAge - maxAge / 4 ? .aging : .fresh
    }
}

extension PolicyAge: CanonicalValue {
    func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(made.milliseconds)
        terms.encode(to: &encoder)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        made = try PolicyCoding.time(&decoder)
        terms = try PolicyTerms(from: &decoder)
    }
}
