import BoltAPI
import Spanner

/// Spans of time as people read them.
enum AboutText {
    /// `5 s`, `3 min`, `2 h`, `4 d`: as exact as it is of use.
    static func span(_ seconds: Double) -> String {
        guard seconds.isFinite else { return "for ever" }
        switch max(0, seconds) {
        case ..<1: return "less than a second"
        case ..<90: return "\(Int(seconds.rounded())) s"
        case ..<5400: return "\(Int((seconds / 60).rounded())) min"
        case ..<172_800: return "\(Int((seconds / 3600).rounded())) h"
        case _: return "\(Int(min(seconds / 86_400, 100_000).rounded())) d"
        }
    }

    /// What is left, told from a rate: `about 2 min`, `less than a second`.
    static func left(_ seconds: Double) -> String { seconds < 1 ? span(seconds) : "about \(span(seconds))" }

    /// How long ago an instant was, by this machine's clock; nothing for one that lies ahead.
    static func since(_ time: WallTime, now: WallTime = .now) -> String {
        span(now.milliseconds > time.milliseconds ? Double(now.milliseconds - time.milliseconds) / 1000 : 0)
    }
}
