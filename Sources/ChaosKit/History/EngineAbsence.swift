/// A time in which the lease engine was away, for one partition.
public struct EngineAbsence: Hashable, Sendable, Codable {
    /// The partition.
    public var partition: String
    /// When it was away for sure, by the run's clock.
    public var from: UInt64
    /// When it came back.
    public var to: UInt64
    /// Whether nothing else happened to the partition: its primary had no reason to stop.
    public var isCalm: Bool

    /// An absence.
    public init(partition: String, from: UInt64, to: UInt64, isCalm: Bool) {
        (self.partition, self.from, self.to, self.isCalm) = (partition, from, to, isCalm)
    }
}
