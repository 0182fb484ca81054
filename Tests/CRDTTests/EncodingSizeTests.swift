import CRDT
import Testing

@Suite("Sizes on the wire")
struct EncodingSizeTests {
    /// A set of 32-byte keys whose replicas have counters around a million, and a stream that knows the replicas.
    private func stream() throws -> (set: ORSet<Bytes32>, table: ReplicaTable) {
        var set = ORSet<Bytes32>()
        for index in 0..<3 {
            for offset in UInt64(0)..<300 {
                let key = Bytes32(words: (UInt64(index), offset, 5, 6))
                try set.add(key, at: dot(index, 1_000_000 + offset))
            }
        }
        var table = ReplicaTable()
        var encoder = CanonicalEncoder()
        set.context.encode(to: &encoder, naming: &table)
        return (set, table)
    }

    private func size(_ delta: ORSet<Bytes32>, _ table: ReplicaTable) -> Int {
        var encoder = CanonicalEncoder()
        var table = table
        delta.encode(to: &encoder, naming: &table)
        return encoder.bytes.count
    }

    @Test("a removal takes at most 12 bytes, an addition at most 43, at counters of a million")
    func single() throws {
        var (set, table) = try stream()
        let added = try set.add(Bytes32(words: (9, 9, 9, 9)), at: set.context.next(replica(1)))
        #expect(size(added, table) <= 43)
        let victim = Bytes32(words: (0, 17, 5, 6))
        let removed = try #require(try set.remove(victim, at: set.context.next(replica(2))))
        #expect(size(removed, table) <= 12)
    }

    @Test("in a batch a removal takes at most 4 bytes, an addition at most 33")
    func batch() throws {
        var (set, table) = try stream()
        var (removals, additions) = (ORSet<Bytes32>(), ORSet<Bytes32>())
        for offset in UInt64(0)..<100 {
            let victim = Bytes32(words: (0, offset * 3, 5, 6))
            removals.merge(try #require(try set.remove(victim, at: set.context.next(replica(2)))))
            let key = Bytes32(words: (8, offset, 5, 6))
            additions.merge(try set.add(key, at: set.context.next(replica(1))))
        }
        #expect(size(removals, table) <= 4 * 100)
        #expect(size(additions, table) <= 33 * 100)
    }

    @Test("a whole state takes 32.3 bytes a key with one removed in a hundred")
    func snapshot() throws {
        var set = ORSet<Bytes32>()
        for counter in UInt64(1)...10_000 {
            try set.add(Bytes32(words: (counter, 1, 2, 3)), at: dot(0, counter))
        }
        for counter in UInt64(1)...100 {
            try set.remove(Bytes32(words: (counter * 97, 1, 2, 3)), at: dot(1, counter))
        }
        #expect(Double(set.canonicalBytes.count) <= 32.3 * Double(set.dotCount))
    }
}
