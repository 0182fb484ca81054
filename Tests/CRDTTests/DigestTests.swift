import Testing

@testable import CRDT

@Suite("Digests over dot ranges")
struct DigestTests {
    private let key = SipKey(low: 0x0706_0504_0302_0100, high: 0x0F0E_0D0C_0B0A_0908)

    @Test("SipHash-2-4 gives the published vectors, 64 and 128 bits wide")
    func vectors() {
        #expect(SipHash.hash64((0..<15).map { UInt8($0) }, key: key) == 0xA129_CA61_49BE_45E5)
        #expect(SipHash.hash64([], key: key) == 0x726F_DB47_DD0E_0E31)
        let empty = SipHash.hash128([UInt8](), key: key)
        #expect(empty.low == 0xE6A8_25BA_047F_81A3 && empty.high == 0x9302_55C7_1472_F66D)
        let value = Bytes32(words: (1, 2, 3, 4))
        #expect(value.siphash(key) == value.siphash(key) && value.siphash(key) != value.siphash(.zero))
    }

    @Test("equal states have equal digests, others differ; parts of a range add up", arguments: seeds(20))
    func additive(seed: UInt64) throws {
        var world = SetWorld(seed: seed)
        for _ in 0..<60 { try world.step() }
        for a in world.replicas {
            for b in world.replicas { #expect((a.digest(key: key) == b.digest(key: key)) == (a == b), "seed \(seed)") }
        }
        let state = world.replicas[0]
        for index in 0..<3 {
            let whole = AlignedRange(all: replica(index))
            var sum = RangeDigest()
            for part in AlignedRange(replica(index), holding: 0, log2Width: 6)?.split(bits: 4) ?? [] {
                sum.add(state.digest(of: part, key: key))
            }
            #expect(sum == state.digest(of: whole, key: key), "seed \(seed)")
            sum.subtract(sum)
            #expect(sum == RangeDigest())
        }
        world.deliverAll()
        #expect(world.replicas[0].digest(key: key) == world.replicas[2].digest(key: key), "seed \(seed)")
    }

    @Test("automerge #870: equal contexts with a lost row are told apart, and the row is found by halving")
    func audit() throws {
        var good = ORSet<UInt64>()
        for counter in UInt64(1)...1000 { try good.add(counter, at: dot(0, counter)) }
        let bad = ORSet(
            rows: good.store.columns.ordered.filter { $0.dot.counter != 777 }, context: good.context)
        #expect(good.context == bad.context)
        #expect(good.digest(key: key).context == bad.digest(key: key).context)
        #expect(good.digest(key: key) != bad.digest(key: key))
        var suspects = [AlignedRange(all: replica(0))]
        var compared = 0
        while let range = suspects.first, range.log2Width > 0 {
            suspects = range.split(bits: 4).filter {
                compared += 1
                return good.digest(of: $0, key: key) != bad.digest(of: $0, key: key)
            }
        }
        #expect(suspects.map(\.counters) == [777...777] && compared == 12 * 16)
    }

    @Test("ranges are aligned, split evenly and refuse what is out of bounds")
    func ranges() {
        #expect(AlignedRange(replica(0), holding: Dot.counterMax + 1, log2Width: 0) == nil)
        #expect(AlignedRange(replica(0), holding: 0, log2Width: 49) == nil)
        #expect(AlignedRange(all: replica(0)).counters == 0...Dot.counterMax)
        let parts = AlignedRange(replica(0), holding: 300, log2Width: 3)?.split(bits: 8) ?? []
        #expect(parts.map(\.first) == Array(296...303))
        #expect(parts == parts.sorted())
    }
}
