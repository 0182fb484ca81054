internal import Foundation
internal import Spanner

/// This machine's clock, for people and for the expiry of tokens. No decision of safety reads it.
enum WallClock {
    /// Now.
    static func now() -> WallTime {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let milliseconds = Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        return WallTime(milliseconds: UInt64(max(0, milliseconds)))
    }
}
