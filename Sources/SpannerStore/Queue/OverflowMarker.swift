/// The record that stands in a queue for those that found it full (P6): `{"overflow":{"dropped":17}}`.
public enum OverflowMarker {
    private static let prefix = "{\"overflow\":{\"dropped\":"
    private static let suffix = "}}"

    /// The body of a marker for this many records.
    public static func body(dropped: UInt64) -> [UInt8] { Array("\(prefix)\(dropped)\(suffix)".utf8) }

    /// How many records a body stands for; nil where it is no marker.
    public static func dropped(in body: [UInt8]) -> UInt64? {
        guard body.starts(with: prefix.utf8), body.count > prefix.utf8.count + suffix.utf8.count else { return nil }
        let digits = body.dropFirst(prefix.utf8.count).dropLast(suffix.utf8.count)
        guard let count = UInt64(String(decoding: digits, as: UTF8.self)) else { return nil }
        return self.body(dropped: count) == body ? count : nil
    }
}
