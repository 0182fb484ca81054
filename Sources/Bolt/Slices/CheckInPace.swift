/// How long check-ins take, second by second: by it handoffs know whether they slow anybody down.
struct CheckInPace {
    /// Samples of one second at most; more of them say nothing more about its 99th percentile.
    private static let samplesMax = 4096
    /// How much of a new second goes into what is usual: one part in this many.
    private static let memory = 5.0

    private var samples: [Duration] = []
    /// The 99th percentile, in milliseconds, while nothing was handed on.
    private var usual: Double?

    /// A check-in was answered after so long.
    mutating func note(_ duration: Duration) {
        if samples.count < CheckInPace.samplesMax { samples.append(duration) }
    }

    /// A second is over: by how many milliseconds check-ins are slower than usual, where slices are on their way and
    /// both can be told.
    mutating func turn(isMoving: Bool) -> UInt64? {
        defer { samples.removeAll(keepingCapacity: true) }
        guard !samples.isEmpty else { return nil }
        samples.sort()
        let late = samples[min(samples.count - 1, samples.count * 99 / 100)] / Duration.milliseconds(1)
        guard isMoving else {
            usual = usual.map { $0 + (late - $0) / CheckInPace.memory } ?? late
            return nil
        }
        return usual.map { UInt64(max(0, late - $0)) }
    }
}
