/// How long a source is left alone between two looks: about the interval, and longer with each failure in a row, so
/// that many bolts do not ask a remote at once when it comes back.
struct PolicyPace: Sendable {
    /// Longest pause after failures, where the interval itself is not longer.
    static let pauseMax: Duration = .seconds(900)
    /// Failures that are counted.
    private static let doublingsMax: UInt64 = 10

    /// Pause where nothing failed.
    let interval: Duration

    /// The pause after so many failures in a row. Without one: the interval, a tenth less to a tenth more. Else
    /// anything from half the interval to the interval doubled with each of them.
    func pause(failures: UInt64, _ bits: inout some RandomNumberGenerator) -> Duration {
        let part = Double.random(in: 0..<1, using: &bits)
        guard failures > 0 else { return interval * (0.9 + 0.2 * part) }
        let factor = Double(1 << min(failures, PolicyPace.doublingsMax))
        let longest = min(interval * factor, max(PolicyPace.pauseMax, interval))
        return interval / 2 + (longest - interval / 2) * part
    }
}
