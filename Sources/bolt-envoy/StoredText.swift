import BoltAPI

/// How far an owner has this machine's results, for people.
enum StoredText {
    /// What a new primary does not know yet to be released is not told as released less: nothing is ever taken back.
    static func text(_ stored: UInt64, _ released: UInt64, _ level: AckLevel) -> String {
        guard released == 0, stored > 0 else { return "\(stored), released through \(released) (\(level))" }
        return "\(stored) (\(level)), nothing more released yet: it stays in the queue until all disks in sync have it"
    }
}
