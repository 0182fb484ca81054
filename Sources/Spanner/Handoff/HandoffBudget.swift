public import CRDT

/// How much handoffs may take at once: slices in flight, bytes a second, and how much slower check-ins may get. Changed
/// live; a change counts from the next piece on.
///
/// A bucket of bytes that refills with time, in debt while a piece larger than what is in it is on its way. Time is the
/// shell's monotonic clock.
public struct HandoffBudget: Hashable, Sendable {
    /// What an operator sets.
    public struct Limits: Hashable, Sendable {
        /// Slices in flight: 1...`HandoffLimits.slicesInFlightMax`.
        public let slices: Int
        /// Bytes a second, 1 at least; nil: as fast as it goes.
        public let bytesPerSecond: UInt64?
        /// By how many milliseconds the 99th percentile of check-ins may rise before handoffs slow down; nil: any.
        public let addedMilliseconds: UInt64?

        /// Limits, brought into their bounds.
        public init(slices: Int = 16, bytesPerSecond: UInt64? = nil, addedMilliseconds: UInt64? = nil) {
            self.slices = min(max(1, slices), HandoffLimits.slicesInFlightMax)
            self.bytesPerSecond = bytesPerSecond.map { max(1, $0) }
            self.addedMilliseconds = addedMilliseconds
        }
    }

    /// What is allowed.
    public private(set) var limits: Limits
    /// Slices in flight.
    public private(set) var inFlight = 0
    /// The part of the rate that is used, in 64ths: below 64 while check-ins are slower than allowed.
    public private(set) var share: UInt64 = 64

    private static let shareMin: UInt64 = 1
    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000
    /// Where no rate is set and check-ins suffer, the share is one of this.
    private static let unlimitedRate: UInt64 = 64 * 1024 * 1024

    /// When, in nanoseconds of the shell's clock, all that was reserved is sent at the present rate.
    private var paidUntil: UInt64 = 0

    /// A budget with nothing in flight.
    public init(limits: Limits = Limits()) { self.limits = limits }

    /// Sets other limits. Slices beyond a lower limit go on; no new one begins.
    public mutating func change(to limits: Limits) {
        // What was reserved at another rate is nobody's debt at this one.
        if limits.bytesPerSecond != self.limits.bytesPerSecond { paidUntil = 0 }
        self.limits = limits
        if limits.addedMilliseconds == nil { share = 64 }
    }

    /// Whether another slice may begin.
    public var hasRoom: Bool { inFlight < limits.slices }

    /// A slice begins; false where there is no room.
    @discardableResult
    public mutating func begin() -> Bool {
        guard hasRoom else { return false }
        inFlight += 1
        return true
    }

    /// A slice ended.
    public mutating func end() { inFlight = max(0, inFlight - 1) }

    /// Reserves the sending of so many bytes; how long to wait before that, from `now`. A burst of up to one second's
    /// bytes does not wait.
    public mutating func reserve(bytes: Int, at now: Duration) -> Duration {
        guard let rate else { return .zero }
        let now = HandoffBudget.nanoseconds(now)
        let burst = HandoffBudget.nanosecondsPerSecond
        let (product, isOver) = UInt64(max(0, bytes)).multipliedReportingOverflow(
            by: HandoffBudget.nanosecondsPerSecond)
        let cost = isOver ? UInt64.max / 4 : product / rate
        let begin = max(paidUntil, now >= burst ? now - burst : 0)
        let wait = begin > now ? begin - now : 0
        paidUntil = begin &+ min(cost, UInt64.max / 4)
        return .nanoseconds(Int64(clamping: wait))
    }

    /// How much slower check-ins are than before: over the limit the share is halved, below it grows slowly.
    public mutating func observe(addedMilliseconds: UInt64) {
        guard let allowed = limits.addedMilliseconds else { return }
        share = addedMilliseconds > allowed ? max(HandoffBudget.shareMin, share / 2) : min(64, share + 4)
    }

    /// Bytes a second at present; nil: unlimited.
    public var rate: UInt64? {
        guard limits.bytesPerSecond != nil || share < 64 else { return nil }
        let full = limits.bytesPerSecond ?? HandoffBudget.unlimitedRate
        return max(1, full / 64 * share + full % 64 * share / 64)
    }

    private static func nanoseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, isOver) = UInt64(seconds).multipliedReportingOverflow(by: nanosecondsPerSecond)
        return isOver ? UInt64.max / 2 : whole &+ UInt64(attoseconds / 1_000_000_000)
    }
}

extension HandoffBudget.Limits: CanonicalValue {
    /// Slices, rate, latency.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.count(slices)
        encoder.optional(bytesPerSecond) { encoder, value in encoder.integer(value) }
        encoder.optional(addedMilliseconds) { encoder, value in encoder.integer(value) }
    }

    /// Reads what `encode(to:)` wrote; values out of bounds are refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        let slices = try decoder.integer()
        guard (1...UInt64(HandoffLimits.slicesInFlightMax)).contains(slices) else { throw .invalid(what: "slices") }
        let rate = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
        guard rate != 0 else { throw .invalid(what: "bytes a second") }
        let added = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
        self.init(slices: Int(slices), bytesPerSecond: rate, addedMilliseconds: added)
    }
}
