/// A run of dots of one replica whose length is a power of two and whose start is a multiple of it.
public struct AlignedRange: Hashable, Comparable, Sendable {
    /// The writer.
    public let replica: ReplicaID
    /// First counter, a multiple of the length.
    public let first: UInt64
    /// Binary logarithm of the length, `0...48`.
    public let log2Width: Int

    /// All counters of a replica.
    public init(all replica: ReplicaID) {
        self.replica = replica
        first = 0
        log2Width = 48
    }

    /// The range of `2^log2Width` counters that holds `counter`; nil where one of both is out of range.
    public init?(_ replica: ReplicaID, holding counter: UInt64, log2Width: Int) {
        guard counter <= Dot.counterMax, (0...48).contains(log2Width) else { return nil }
        self.replica = replica
        self.log2Width = log2Width
        first = counter & ~((1 << UInt64(log2Width)) - 1)
    }

    /// The counters, both ends included. Starts at 0, which no event has, for the first range.
    public var counters: ClosedRange<UInt64> { first...(first | ((1 << UInt64(log2Width)) - 1)) }

    /// The range in `2^bits` equal parts, in order; fewer where it has fewer counters. `bits` is held to `0...8`.
    public func split(bits: Int) -> [AlignedRange] {
        let bits = min(max(bits, 0), 8, log2Width)
        let width = log2Width - bits
        return (0..<UInt64(1) << UInt64(bits)).compactMap { part in
            AlignedRange(replica, holding: first + part << UInt64(width), log2Width: width)
        }
    }

    /// By replica, start, width.
    public static func < (left: AlignedRange, right: AlignedRange) -> Bool {
        left.replica == right.replica
            ? (left.first, left.log2Width) < (right.first, right.log2Width) : left.replica < right.replica
    }
}

/// Summary of the live rows of some dots: their number and the sum, modulo 2^128, of a keyed hash of each.
///
/// Equal rows give equal digests in any order of arrival; digests of disjoint ranges add up. Different rows give equal
/// digests with probability 2^-128 for whoever does not know the key. For audits between replicas that trust each
/// other's events, not a proof against one that knows the key.
public struct RangeDigest: Hashable, Sendable {
    /// How many rows are alive.
    public private(set) var count: UInt64 = 0
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    /// The digest of nothing.
    public init() {}

    /// Adds the digest of other dots.
    public mutating func add(_ other: RangeDigest) {
        let (sum, carry) = low.addingReportingOverflow(other.low)
        low = sum
        high = high &+ other.high &+ (carry ? 1 : 0)
        count &+= other.count
    }

    /// Takes away the digest of dots that were added.
    public mutating func subtract(_ other: RangeDigest) {
        let (rest, borrow) = low.subtractingReportingOverflow(other.low)
        low = rest
        high = high &- other.high &- (borrow ? 1 : 0)
        count &-= other.count
    }

    /// The digest of bytes taken as one row.
    init(hashing bytes: [UInt8], key: SipKey) {
        (low, high) = SipHash.hash128(bytes, key: key)
        count = 1
    }

    /// The digest of one row: SipHash-2-4-128 of its dot and its encoding.
    public init(dot: Dot, row: some CanonicalValue, key: SipKey) {
        var encoder = CanonicalEncoder()
        dot.encode(to: &encoder)
        row.encode(to: &encoder)
        self.init(hashing: encoder.bytes, key: key)
    }
}

extension RangeDigest: CanonicalValue {
    /// The count, then 16 bytes.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(count)
        for word in [high, low] { withUnsafeBytes(of: word.bigEndian) { encoder.raw(Array($0)) } }
    }

    /// Reads a digest.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        count = try decoder.integer()
        high = try decoder.raw(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = try decoder.raw(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension ORSet {
    /// The digest of the live additions in a range. Costs in proportion to the rows in it, and the pages of its
    /// replica.
    public func digest(of range: AlignedRange, key: SipKey) -> RangeDigest {
        var digest = RangeDigest()
        for page in store.columns.orderedPages(range.replica) {
            let number = store.columns.pages[page].number
            guard number << 6 <= range.counters.upperBound, number << 6 | 63 >= range.first else { continue }
            for (dot, row) in store.columns.rows(ofPage: page) where range.counters.contains(dot.counter) {
                digest.add(RangeDigest(dot: dot, row: row.key, key: key))
            }
        }
        return digest
    }

    /// The digest of everything known: what lives, and what has been seen.
    public func digest(key: SipKey) -> StateDigest {
        var rows = RangeDigest()
        for page in store.columns.pages.indices {
            for (dot, row) in store.columns.rows(ofPage: page) {
                rows.add(RangeDigest(dot: dot, row: row.key, key: key))
            }
        }
        return StateDigest(context: context, rows: rows, key: key)
    }
}
