import Foundation

/// Instants as people read them.
public enum TimeText {
    /// `2027-01-15T08:00:00Z`, from milliseconds since 1970.
    public static func text(milliseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}
