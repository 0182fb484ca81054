/// Numbers with the word that they count.
public enum Plural {
    /// `1 bolt`, `2 bolts`, `0 bolts`; `many` where adding an s is not enough.
    public static func text(_ count: some BinaryInteger, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }

    /// `a.north is sealed`, `a.north, b.north are sealed`.
    public static func are(_ names: [String], _ what: String) -> String {
        "\(names.joined(separator: ", ")) \(names.count == 1 ? "is" : "are") \(what)"
    }
}
