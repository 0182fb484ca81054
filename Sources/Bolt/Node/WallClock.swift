internal import Foundation
internal import Spanner

/// This machine's clock, for people and for the expiry of tokens. No decision of safety reads it.
enum WallClock {
    /// Now.
    static func now() -> WallTime {
        WallTime(milliseconds: UInt64(max(0, Date().timeIntervalSince1970 * 1000)))
    }
}
