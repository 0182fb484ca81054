/// How much one decoded value may hold. Exceeding a limit throws `DecodingFailure.overLimit` before memory is taken.
public struct DecodingLimits: Sendable {
    /// Most replicas named in one value.
    public var replicasMax: Int
    /// Most runs of dots in one value, over all replicas.
    public var intervalsMax: Int
    /// Most elements, rows or amendments in one value.
    public var rowsMax: Int

    /// Limits of one's own.
    public init(replicasMax: Int, intervalsMax: Int, rowsMax: Int) {
        self.replicasMax = replicasMax
        self.intervalsMax = intervalsMax
        self.rowsMax = rowsMax
    }

    /// For one message from a peer: 1,024 replicas, 65,536 runs, 65,536 rows.
    public static let message = DecodingLimits(replicasMax: 1024, intervalsMax: 65_536, rowsMax: 65_536)

    /// For a whole state from one's own disk: 65,536 replicas, 2^24 runs, 2^26 rows.
    public static let snapshot = DecodingLimits(replicasMax: 65_536, intervalsMax: 1 << 24, rowsMax: 1 << 26)
}
