/// How old and how complete an answer is that was read from replicated data.
public struct Freshness: Hashable, Sendable, Codable {
    /// Seconds since every bolt that can be reached was last heard; 0 for a mesh of one.
    public var ageSeconds: Double
    /// Whether all bolts of the roster were heard within the freeze timeout.
    public var complete: Bool
    /// Bolts heard, with the one that answers.
    public var boltsHeard: Int
    /// Bolts of the roster.
    public var boltsTotal: Int

    /// Age and completeness.
    public init(ageSeconds: Double, complete: Bool, boltsHeard: Int, boltsTotal: Int) {
        (self.ageSeconds, self.complete) = (ageSeconds, complete)
        (self.boltsHeard, self.boltsTotal) = (boltsHeard, boltsTotal)
    }

    enum CodingKeys: String, CodingKey {
        case complete
        case ageSeconds = "age_seconds"
        case boltsHeard = "bolts_heard"
        case boltsTotal = "bolts_total"
    }
}
