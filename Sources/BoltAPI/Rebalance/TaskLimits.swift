public import Spanner

/// What the handoffs of a task may take at once. Changed while it runs.
public struct TaskLimits: Hashable, Sendable, Codable {
    /// Slices in flight: 1...`HandoffLimits.slicesInFlightMax`.
    public var slices: Int
    /// Bytes a second, 1 at least; nil: as fast as it goes.
    public var bytesPerSecond: UInt64?
    /// By how many milliseconds the 99th percentile of check-ins may rise before handoffs slow down; nil: any.
    public var addedMilliseconds: UInt64?

    /// Limits as they are asked for; what is out of bounds is refused by whoever takes them.
    public init(slices: Int, bytesPerSecond: UInt64? = nil, addedMilliseconds: UInt64? = nil) {
        (self.slices, self.bytesPerSecond, self.addedMilliseconds) = (slices, bytesPerSecond, addedMilliseconds)
    }

    /// The limits of a budget.
    public init(_ limits: HandoffBudget.Limits) {
        self.init(
            slices: limits.slices, bytesPerSecond: limits.bytesPerSecond, addedMilliseconds: limits.addedMilliseconds)
    }

    /// The budget's limits; nil where a value is out of bounds.
    public var limits: HandoffBudget.Limits? {
        guard (1...HandoffLimits.slicesInFlightMax).contains(slices), bytesPerSecond != 0 else { return nil }
        return HandoffBudget.Limits(
            slices: slices, bytesPerSecond: bytesPerSecond, addedMilliseconds: addedMilliseconds)
    }

    enum CodingKeys: String, CodingKey {
        case slices
        case bytesPerSecond = "bytes_per_second"
        case addedMilliseconds = "added_ms"
    }
}
