/// A disk on which a bit flipped, so that its partition's database is not what was written.
public struct RotStrike: Hashable, Sendable, Codable {
    /// Whose.
    public var bolt: String
    /// What is wrong with it, as a reader of all of it says.
    public var finding: String
    /// What its bolt said of that, within the time that it had; nil where it went on.
    public var found: String?

    /// A strike.
    public init(bolt: String, finding: String, found: String?) {
        (self.bolt, self.finding, self.found) = (bolt, finding, found)
    }
}

/// A standby that came back with an emptied disk under its old name and keys.
public struct EmptyReturn: Hashable, Sendable, Codable {
    /// Whose.
    public var bolt: String
    /// Whether its primary counted it in sync.
    public var isCounted: Bool
    /// Whether it could be promoted.
    public var isPromoted: Bool

    /// A return.
    public init(bolt: String, isCounted: Bool, isPromoted: Bool) {
        (self.bolt, self.isCounted, self.isPromoted) = (bolt, isCounted, isPromoted)
    }
}
