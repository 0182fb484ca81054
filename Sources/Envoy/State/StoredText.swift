public import BoltAPI

/// How far this machine's results are stored, and by whom, for people.
public enum StoredText {
    /// What came of a pass whose last report was taken.
    public static func pass(_ response: CheckInResponse) -> String {
        if let custody = response.custody {
            return "\(kept(by: custody.keptBy, for: "\(response.owner.partition)")), through \(response.storedThrough)"
                + "; it stays in the queue"
        }
        return "checked in with \(response.owner.partition): stored through "
            + through(response.storedThrough, response.releaseThrough, response.level)
    }

    /// The last report that was taken, so long ago.
    public static func last(_ stored: ReportHistory.Stored, ago: String) -> String {
        if let bolt = stored.keptBy {
            return "\(ago) ago, \(kept(by: bolt, for: "\(stored.partition)")), through \(stored.storedThrough)"
                + "; it stays in the queue"
        }
        return "\(ago) ago at \(stored.partition), through "
            + through(stored.storedThrough, stored.releaseThrough, stored.level)
    }

    private static func kept(by bolt: String, for owner: String) -> String {
        "kept by \(bolt) for \(owner), which is away"
    }

    /// What a new primary does not know yet to be released is not told as released less: nothing is ever taken back.
    private static func through(_ stored: UInt64, _ released: UInt64, _ level: BoltAPI.AckLevel) -> String {
        guard released == 0, stored > 0 else { return "\(stored), released through \(released) (\(level))" }
        return "\(stored) (\(level)), nothing more released yet: it stays in the queue until all disks in sync have it"
    }
}
