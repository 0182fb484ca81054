public import Spanner

/// One partition, as a bolt sees it.
public struct PartitionView: Hashable, Sendable, Codable {
    /// Its name.
    public var name: PartitionName
    /// Its bolts, `name.partition`.
    public var bolts: [String]
    /// How many of them can be reached.
    public var reachable: Int
    /// The bolt that accepts writes, where one is known to be reachable.
    public var primary: String?
    /// Envoys in force whose slice it owns.
    public var envoys: Int

    /// A partition.
    public init(name: PartitionName, bolts: [String], reachable: Int, primary: String?, envoys: Int) {
        (self.name, self.bolts, self.reachable) = (name, bolts, reachable)
        (self.primary, self.envoys) = (primary, envoys)
    }
}

/// `GET /v1/partitions`.
public struct PartitionsResponse: Hashable, Sendable, Codable {
    /// By name.
    public var partitions: [PartitionView]
    /// Age and completeness.
    public var freshness: Freshness

    /// A list of partitions.
    public init(partitions: [PartitionView], freshness: Freshness) {
        (self.partitions, self.freshness) = (partitions, freshness)
    }
}
