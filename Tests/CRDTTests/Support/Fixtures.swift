import CRDT

/// The `index`th replica of a test; ordered by index.
func replica(_ index: Int, incarnation: UInt64 = 1) -> ReplicaID {
    ReplicaID(key: Bytes32(words: (UInt64(index) + 1, 0, 0, 7)), incarnation: incarnation)
}

func dot(_ index: Int, _ counter: UInt64) -> Dot { Dot(replica(index), counter) }

/// A short stream of seeds for one law: enough for a smoke run, each printed when it fails.
func seeds(_ count: Int) -> [UInt64] { (1...UInt64(count)).map { $0 &* 0x0005_DEEC_E66D } }

extension CausalContext {
    /// Every dot, for small contexts.
    var allDots: [Dot] { ranges.flatMap { range in range.counters.map { Dot(range.replica, $0) } } }
}

/// The value that these bytes are the whole encoding of.
func decoded<Value: CanonicalValue>(_ bytes: [UInt8], as: Value.Type = Value.self) throws -> Value {
    var decoder = CanonicalDecoder(bytes)
    let value = try Value(from: &decoder)
    try decoder.finish()
    return value
}
