public import CRDT

/// How many machines may be given a new version at once, and when that stops.
public struct RolloutPolicy: Hashable, Sendable, Codable {
    /// How many machines may be at it at the same time: given, and not heard of since. Nil: all of them.
    public var maxConcurrent: UInt64?
    /// How many machines have to stand at each instant: neither at it, nor failed, nor silent.
    public var minStanding: UInt64
    /// How many machines may fail; one more, and nobody else is given the version.
    public var maxFail: UInt64

    /// A policy; by default everybody is given a version at once, and nothing stops it.
    public init(maxConcurrent: UInt64? = nil, minStanding: UInt64 = 0, maxFail: UInt64 = .max) {
        (self.maxConcurrent, self.minStanding, self.maxFail) = (maxConcurrent, minStanding, maxFail)
    }

    /// Why this policy would let nobody of a partition of so many machines ever be given a version; nil where it lets
    /// them. A partition without machines has nobody to block.
    public func blocks(of machines: UInt64) -> String? {
        if maxConcurrent == 0 {
            return "max_concurrent is 0: no machine could ever be given a version; it has to be at least 1"
        }
        if machines > 0, minStanding >= machines {
            return "min_standing is \(minStanding) and there are \(machines) machines: none could ever be given a "
                + "version; it can be at most \(machines - 1)"
        }
        return nil
    }

    /// The names as a stack and the API have them.
    private enum CodingKeys: String, CodingKey {
        case maxConcurrent = "max_concurrent"
        case minStanding = "min_standing"
        case maxFail = "max_fail"
    }

    /// Reads what `encode(to:)` wrote; what is left out is as `init` has it.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        maxConcurrent = try container.decodeIfPresent(UInt64.self, forKey: .maxConcurrent)
        minStanding = try container.decodeIfPresent(UInt64.self, forKey: .minStanding) ?? 0
        maxFail = try container.decodeIfPresent(UInt64.self, forKey: .maxFail) ?? .max
    }

    /// Writes what differs from no limit at all, and `min_standing` always.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(maxConcurrent, forKey: .maxConcurrent)
        try container.encode(minStanding, forKey: .minStanding)
        if maxFail < .max { try container.encode(maxFail, forKey: .maxFail) }
    }
}

extension RolloutPolicy: CanonicalValue {
    /// All fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.optional(maxConcurrent) { encoder, count in encoder.integer(count) }
        encoder.integer(minStanding)
        encoder.integer(maxFail)
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        maxConcurrent = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
        minStanding = try decoder.integer()
        maxFail = try decoder.integer()
    }
}
