/// Why no plan can be made of an input. Nothing was changed; the caller has to bring another one.
public enum RebalanceError: Error, Hashable, Sendable {
    /// More slices, partitions or groups than `RebalanceLimits` allows; how many and how many are allowed.
    case tooMany(what: String, count: Int, limit: Int)
    /// More envoys than `RebalanceLimits.envoysMax`.
    case tooManyEnvoys
    /// One slice stands twice.
    case repeatedSlice(SliceID)
    /// One partition stands twice.
    case repeatedPartition(PartitionName)
    /// One group stands twice.
    case repeatedGroup(GroupID)
    /// A slice is of a group that is not listed.
    case unknownGroup(SliceID)
    /// The tolerance is not within its bounds.
    case badTolerance(Int)
}
