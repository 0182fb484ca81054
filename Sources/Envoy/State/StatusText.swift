internal import BoltAPI

/// What `status` says of what was noted, for people.
public enum StatusText {
    /// Bolts that are named, at most.
    private static let boltsMax = 8

    /// Bolts that are asked, so many, the first of them by name: `a:1, b:1 and 3 more`.
    public static func bolts(_ addresses: [String], of count: Int) -> String {
        let named = addresses.prefix(boltsMax)
        return named.joined(separator: ", ") + (count > named.count ? " and \(count - named.count) more" : "")
    }

    /// When a version is too old, and what is done then; nil where that was not noted.
    public static func terms(of version: PolicyHistory.Version) -> String? {
        guard let expiry = version.expiry else { return nil }
        guard let seconds = version.maxAgeSeconds else { return "never" }
        return "after \(span(seconds)), then \(expiry.rawValue)"
    }

    /// What to do about a failed report; nil where there is nothing to do. Where the agent tries again by itself, it
    /// says elsewhere when: how long the bolt wanted it to wait would contradict that.
    public static func next(of failure: ReportHistory.Failure, isTriedAgain: Bool) -> String? {
        guard isTriedAgain else { return failure.next }
        let waits = #/(?: and )?try again in (?:[0-9]+ s|a moment)$/#
        let steps = failure.next.split(separator: "; ").map { $0.replacing(waits, with: "") }.filter { !$0.isEmpty }
        return steps.isEmpty ? nil : steps.joined(separator: "; ")
    }

    /// A span as somebody set it, in its largest unit that is whole.
    private static func span(_ seconds: UInt64) -> String {
        let units: [(seconds: UInt64, name: String)] = [(86_400, "d"), (3_600, "h"), (60, "min")]
        for unit in units where seconds > 0 && seconds.isMultiple(of: unit.seconds) {
            return "\(seconds / unit.seconds) \(unit.name)"
        }
        return "\(seconds) s"
    }
}
