/// A moment of a hybrid clock: physical milliseconds, and a logical count where those do not move on.
public struct HybridTimestamp: LatticeElement {
    /// Milliseconds since 1970 by the writer's clock, or by the furthest clock it believed.
    public let milliseconds: UInt64
    /// Order among moments of one millisecond.
    public let logical: UInt32

    /// A moment.
    public init(milliseconds: UInt64, logical: UInt32) {
        self.milliseconds = milliseconds
        self.logical = logical
    }

    /// Before every moment that a clock gives.
    public static let zero = HybridTimestamp(milliseconds: 0, logical: 0)

    /// The next moment: one logical step, or a millisecond where those are used up. The last moment is its own
    /// successor.
    public var successor: HybridTimestamp {
        if logical < .max { return HybridTimestamp(milliseconds: milliseconds, logical: logical + 1) }
        return milliseconds < .max ? HybridTimestamp(milliseconds: milliseconds + 1, logical: 0) : self
    }

    /// By milliseconds, then by the logical count.
    public static func < (left: HybridTimestamp, right: HybridTimestamp) -> Bool {
        left.milliseconds == right.milliseconds
            ? left.logical < right.logical : left.milliseconds < right.milliseconds
    }

    /// Both parts in LEB128.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.integer(milliseconds)
        encoder.integer(UInt64(logical))
    }

    /// Reads both parts.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        milliseconds = try decoder.integer()
        guard let logical = UInt32(exactly: try decoder.integer()) else { throw .invalid(what: "logical time") }
        self.logical = logical
    }
}

/// A hybrid logical clock (Kulkarni et al., 2014): never runs back, keeps causal order, and stays within
/// `driftMaxMilliseconds` of the physical time it is given, however far off another's clock is.
///
/// Owns no clock: physical time is an argument. For display and audit; nothing that decides about membership uses it.
public struct HybridClock: Sendable {
    /// The latest moment given out or believed.
    public private(set) var latest: HybridTimestamp
    /// How far ahead of the physical time another's moment may be and still be believed.
    public let driftMaxMilliseconds: UInt64

    /// A clock that continues from `latest`, which should be read back after a restart.
    public init(latest: HybridTimestamp = .zero, driftMaxMilliseconds: UInt64 = 300) {
        self.latest = latest
        self.driftMaxMilliseconds = driftMaxMilliseconds
    }

    /// The moment of a local event: later than all before it, also when physical time stands still or jumps back.
    public mutating func tick(physicalMilliseconds: UInt64) -> HybridTimestamp {
        let physical = HybridTimestamp(milliseconds: physicalMilliseconds, logical: 0)
        latest = physical > latest ? physical : latest.successor
        return latest
    }

    /// Takes note of another's moment, so that later local moments come after it. Returns false when it was too far
    /// ahead and only the allowed drift was believed.
    @discardableResult
    public mutating func observe(_ remote: HybridTimestamp, physicalMilliseconds: UInt64) -> Bool {
        let (sum, overflow) = physicalMilliseconds.addingReportingOverflow(driftMaxMilliseconds)
        let bound = HybridTimestamp(milliseconds: overflow ? .max : sum, logical: .max)
        latest = max(latest, min(remote, bound))
        return remote <= bound
    }
}
