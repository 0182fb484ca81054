/// A small generator that always gives the same numbers for the same seed: the only randomness inside a core.
///
/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Fit for jitter and choices, never for secrets.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator whose creator chose the seed: from the system in a daemon, from the run's seed in a simulation.
    public init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number in `0..<bound`; 0 where `bound` is 0. The bias is below 2^-32 for bounds below 2^32.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// A duration in `.zero..<bound`, in whole milliseconds: full jitter.
    public mutating func jitter(_ bound: Duration) -> Duration {
        let (seconds, attoseconds) = bound.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return .milliseconds(Int64(below(UInt64(max(0, milliseconds)))))
    }
}
