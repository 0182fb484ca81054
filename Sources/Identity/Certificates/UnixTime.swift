import COpenSSL
import Glibc

/// An instant in whole seconds since 1970-01-01T00:00:00Z, as certificates count time.
public struct UnixTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Seconds since 1970 began; negative before.
    public let seconds: Int64

    /// The instant that many seconds after 1970 began.
    public init(seconds: Int64) { self.seconds = seconds }

    /// What this machine's clock says.
    public static func now() -> UnixTime {
        var time = timespec()
        _ = clock_gettime(CLOCK_REALTIME, &time)
        return UnixTime(seconds: Int64(time.tv_sec))
    }

    /// This instant moved by whole seconds of `duration`; stays at the end of the range when it would leave it.
    public func adding(_ duration: Duration) -> UnixTime {
        let (sum, overflow) = seconds.addingReportingOverflow(duration.components.seconds)
        if overflow { return UnixTime(seconds: duration < .zero ? .min : .max) }
        return UnixTime(seconds: sum)
    }

    /// Earlier before later.
    public static func < (left: UnixTime, right: UnixTime) -> Bool { left.seconds < right.seconds }

    /// Such as `2031-05-02T10:00:00Z`.
    public var description: String {
        var clock = time_t(seconds)
        var parts = tm()
        guard gmtime_r(&clock, &parts) != nil else { return "\(seconds) s after 1970" }
        let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)].map(Self.padded)
        let time = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)].map(Self.padded)
        return "\(date.joined(separator: "-"))T\(time.joined(separator: ":"))Z"
    }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

/// From when until when a certificate is valid, both ends included.
public struct Validity: Hashable, Sendable {
    /// First valid second.
    public let notBefore: UnixTime
    /// Last valid second.
    public let notAfter: UnixTime

    /// A span as given; an empty one (`notAfter` before `notBefore`) is never valid.
    public init(notBefore: UnixTime, notAfter: UnixTime) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// `duration` from `start`, backdated by `IdentityLimits.backdating` for clocks that run behind.
    public init(from start: UnixTime = .now(), lasting duration: Duration) {
        notBefore = start.adding(.zero - IdentityLimits.backdating)
        notAfter = start.adding(duration)
    }

    /// Usual validity of a root: 10 years.
    public static let rootDuration = Duration.seconds(3_650 * 86_400)
    /// Usual validity of an issuing CA: 5 years.
    public static let issuerDuration = Duration.seconds(1_825 * 86_400)
    /// Usual validity of a bolt or an operator: 1 year.
    public static let leafDuration = Duration.seconds(365 * 86_400)
    /// Usual validity of an envoy: 90 days, renewed by itself.
    public static let envoyDuration = Duration.seconds(90 * 86_400)

    /// Whether `time` is within.
    public func contains(_ time: UnixTime) -> Bool { notBefore <= time && time <= notAfter }

    /// The part that lies within another span.
    func clipped(to other: Validity) -> Validity {
        Validity(notBefore: max(notBefore, other.notBefore), notAfter: min(notAfter, other.notAfter))
    }
}
