/// Two 128-bit hashes that two replicas compare to learn whether they know the same: a hash of the context, and the
/// digest of the live rows.
///
/// Equal contexts with different row digests mean a fault (lost row, double use of a dot), never mere lag.
public struct StateDigest: Hashable, Sendable {
    /// Hash of what has been seen: differs wherever one replica lacks an event.
    public let context: RangeDigest
    /// Digest of what is alive.
    public let rows: RangeDigest

    /// The digest of a context and of rows.
    public init(context: CausalContext, rows: RangeDigest, key: SipKey) {
        self.context = RangeDigest(hashing: context.canonicalBytes, key: key)
        self.rows = rows
    }
}

extension StateDigest: CanonicalValue {
    /// Hash of the context, digest of the rows.
    public func encode(to encoder: inout CanonicalEncoder) {
        context.encode(to: &encoder)
        rows.encode(to: &encoder)
    }

    /// Reads a digest.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        context = try RangeDigest(from: &decoder)
        rows = try RangeDigest(from: &decoder)
    }
}

extension AmendableORSet {
    /// The digest of everything known: what lives, and what has been seen. O(n).
    public func digest(key: SipKey) -> StateDigest {
        var rows = RangeDigest()
        for (dot, row) in admissions.columns.ordered {
            rows.add(RangeDigest(dot: dot, row: RowBytes(row.key, row.value, row.length), key: key))
        }
        for (admission, amendment) in orderedAmendments {
            rows.add(
                RangeDigest(dot: amendment.dot, row: RowBytes(admission, amendment.value, amendment.length), key: key))
        }
        return StateDigest(context: context, rows: rows, key: key)
    }
}

/// Three values that are hashed together.
private struct RowBytes<First: CanonicalValue, Second: CanonicalValue>: CanonicalValue {
    let first: First
    let second: Second
    let third: UInt64

    init(_ first: First, _ second: Second, _ third: UInt64) {
        self.first = first
        self.second = second
        self.third = third
    }

    func encode(to encoder: inout CanonicalEncoder) {
        first.encode(to: &encoder)
        second.encode(to: &encoder)
        third.encode(to: &encoder)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        first = try First(from: &decoder)
        second = try Second(from: &decoder)
        third = try UInt64(from: &decoder)
    }
}
