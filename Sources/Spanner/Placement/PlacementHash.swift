/// The fixed hash of placement: FNV-1a over the bytes with 64 bits, then the finisher of SplitMix64. The same on every
/// machine and in every version, because who owns a slice hangs on it.
///
/// ```
/// h = 0xcbf29ce484222325; for each byte: h = (h xor byte) * 0x100000001b3
/// h = (h xor h >> 30) * 0xbf58476d1ce4e5b9; h = (h xor h >> 27) * 0x94d049bb133111eb; h = h xor h >> 31
/// ```
///
/// Not a defence against those who choose their inputs: ids are random bits that the mesh draws.
public enum PlacementHash {
    /// The hash of `bytes`.
    public static func value(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
        return hash ^ (hash >> 31)
    }
}
