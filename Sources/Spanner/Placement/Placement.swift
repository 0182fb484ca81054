/// Where an envoy belongs: its slice, and the partition that serves it. Pure functions of fixed definitions, so that
/// all bolts, envoys and versions agree without asking.
public enum Placement {
    /// One partition as a candidate for ownership.
    public struct Candidate: Hashable, Sendable {
        /// Which partition.
        public let partition: PartitionName
        /// Its share: 0...`weightMax`. Twice the weight, twice the envoys. 0: it gets none.
        public let weight: UInt32

        /// A candidate with a weight.
        public init(partition: PartitionName, weight: UInt32 = 1) {
            (self.partition, self.weight) = (partition, weight)
        }
    }

    /// Highest weight; higher ones count as this.
    public static let weightMax: UInt32 = 1 << 16
    /// Most slices of one group.
    public static let slicesMax: UInt32 = 1 << 16

    /// The slice of an envoy in a group of `slices` slices: `hash(id) mod slices`. 0 where `slices` is 0.
    public static func slice(of envoy: PrincipalID, slices: UInt32) -> UInt32 {
        guard slices > 0 else { return 0 }
        return UInt32(PlacementHash.value(envoy.bytes) % UInt64(slices))
    }

    /// The partition that owns `id`, by weighted rendezvous hashing: each candidate draws a number from (id, partition)
    /// that its weight scales, and the lowest wins. When a candidate comes or goes, only ids that it wins or held move.
    ///
    /// The draw is −log2(u) with u = (hash of id ‖ name, + 1) / 2^64 in fixed point, divided by the weight; the lower
    /// name wins a tie, which the width of the numbers makes unobservable. Nil where no candidate has a weight. The
    /// order of the candidates doesn't matter.
    public static func owner(of id: PrincipalID, among candidates: [Candidate]) -> PartitionName? {
        owner(ofKey: id.bytes, among: candidates)
    }

    /// The partition that owns the thing with these bytes as its key.
    public static func owner(ofKey key: [UInt8], among candidates: [Candidate]) -> PartitionName? {
        var best: (draw: UInt64, weight: UInt64, partition: PartitionName)?
        for candidate in candidates where candidate.weight > 0 {
            let draw = FixedLogarithm.negativeLog2(PlacementHash.value(key + Array(candidate.partition.text.utf8)))
            let weight = UInt64(min(candidate.weight, weightMax))
            guard let known = best else {
                best = (draw, weight, candidate.partition)
                continue
            }
            // draw / weight < known.draw / known.weight, without dividing: both sides are below 2^64.
            let (mine, theirs) = (draw &* known.weight, known.draw &* weight)
            if mine < theirs || (mine == theirs && candidate.partition < known.partition) {
                best = (draw, weight, candidate.partition)
            }
        }
        return best?.partition
    }

    /// Equal weights.
    public static func owner(of id: PrincipalID, partitions: [PartitionName]) -> PartitionName? {
        owner(of: id, among: partitions.map { Candidate(partition: $0) })
    }
}

/// −log2 in fixed point with integers only: no platform's mathematics library has a say in who owns what.
enum FixedLogarithm {
    /// Bits behind the point. With 7 bits before it (0 ≤ −log2 u ≤ 64) and weights of 17 bits, products stay below
    /// 2^64.
    static let fractionBits: UInt64 = 40

    /// −log2((value + 1) / 2^64), at least 1 so that a weight always tells, rounded down to 2^−40.
    static func negativeLog2(_ value: UInt64) -> UInt64 {
        // value + 1 would need 65 bits where all bits are set: u is 1 then, its logarithm 0.
        guard value < UInt64.max else { return 1 }
        var mantissa = value + 1
        let shift = UInt64(mantissa.leadingZeroBitCount)
        mantissa <<= shift
        // log2 of mantissa / 2^63, which is in 1..<2, a bit at a time: squaring doubles the logarithm.
        var fraction: UInt64 = 0
        for _ in 0..<fractionBits {
            let (high, low) = mantissa.multipliedFullWidth(by: mantissa)
            fraction <<= 1
            if high >> 63 == 1 {
                fraction |= 1
                mantissa = high
            } else {
                mantissa = high << 1 | low >> 63
            }
        }
        // log2(value + 1) = 63 − shift + fraction; minus that from 64.
        return max(1, ((shift + 1) << fractionBits) - fraction)
    }
}
