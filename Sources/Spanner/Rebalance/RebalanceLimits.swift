/// Bounds of planning.
public enum RebalanceLimits {
    /// Slices of one plan, over all groups.
    public static let slicesMax = 1 << 20
    /// Partitions.
    public static let partitionsMax = 256
    /// Groups.
    public static let groupsMax = 256
    /// Envoys of one mesh. Products with weights and thousandths stay below 2^63.
    public static let envoysMax: UInt64 = 1 << 36
    /// Tolerance where none is named: 2 % on either side of a partition's share, in ten-thousandths.
    public static let toleranceDefault = 200
    /// Widest tolerance, in ten-thousandths.
    public static let toleranceMax = 5_000
    /// Slices that one improvement may move on in a row, each to where the one before it made room.
    static let chainHopsMax = 4
    /// Exchanges of a heavier slice for a lighter one in a plan.
    static let exchangesMax = 64
    /// Slices that can move, up to which a plan is compared with every other one.
    static let exactSlicesMax = 32
    /// Steps of that comparison.
    static let exactNodesMax = 50_000
    /// How often a plan that was made smaller may be brought nearer to the shares again.
    static let exactRoundsMax = 8
    /// A move pays if it brings a partition into tolerance, or if this part of what it moves is balance gained.
    static let payingPart: Int64 = 4
}
