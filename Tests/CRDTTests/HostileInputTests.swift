import Testing

@testable import CRDT

/// Whatever a peer sends is decoded or refused: no trap, no memory that the input has not paid for.
@Suite("R10: hostile input")
struct HostileInputTests {
    /// Decodes and, where that works, demands that the bytes were canonical.
    private func probe<State: Lattice & CanonicalValue>(_ bytes: [UInt8], as: State.Type, with state: State) {
        guard let value: State = try? decoded(bytes) else { return }
        #expect(value.canonicalBytes == bytes)
        let joined = state.merged(with: value)
        #expect(joined.includes(value) && joined.includes(state))
    }

    private func attack<State: Lattice & CanonicalValue>(_ state: State, random: inout SplitMix64) throws {
        let bytes = state.canonicalBytes
        #expect(try decoded(bytes) == state)
        for length in bytes.indices {
            let cut = Array(bytes[..<length])
            #expect(throws: DecodingFailure.self) { let _: State = try decoded(cut) }
        }
        #expect(throws: DecodingFailure.trailingBytes(1)) { let _: State = try decoded(bytes + [0]) }
        for index in bytes.indices {
            for value in [bytes[index] ^ 1, bytes[index] ^ 0x80, 0, 0x7F, 0xFF, UInt8(random.below(256))] {
                var altered = bytes
                altered[index] = value
                probe(altered, as: State.self, with: state)
            }
        }
        for _ in 0..<100 {
            var altered = bytes
            for _ in 0...random.below(4) { altered[random.below(altered.count)] = UInt8(random.below(256)) }
            if random.chance(30) { altered.insert(UInt8(random.below(256)), at: random.below(altered.count)) }
            if random.chance(30) { altered.remove(at: random.below(altered.count)) }
            probe(altered, as: State.self, with: state)
        }
    }

    @Test("every truncation and every altered byte of each type is refused or canonical", arguments: seeds(3))
    func alterations(seed: UInt64) throws {
        var (sets, maps) = (SetWorld(seed: seed), MapWorld(seed: seed))
        for _ in 0..<40 {
            try sets.step()
            try maps.step()
        }
        var random = SplitMix64(seed: seed)
        try attack(sets.replicas[0], random: &random)
        try attack(maps.replicas[1], random: &random)
        if let delta = maps.events.last?.delta { try attack(delta, random: &random) }
        try attack(sets.replicas[1].context, random: &random)
        try attack(GSet(sets.replicas[2].elements + [1 << 40]), random: &random)
        try attack(OrderedRegister(rank: UInt64(300), value: ByteString("value")), random: &random)
        var (register, clock) = (LWWRegister<UInt64>(), HybridClock())
        register.set(5, by: replica(0), clock: &clock, physicalMilliseconds: 1 << 40)
        try attack(register, random: &random)
    }

    @Test("arbitrary bytes", arguments: seeds(20))
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let bytes = (0..<random.below(80)).map { _ in random.chance(50) ? 0 : UInt8(random.below(256)) }
            probe(bytes, as: ORSet<UInt64>.self, with: ORSet())
            probe(bytes, as: AmendableORSet<UInt64, UInt64>.self, with: AmendableORSet())
            probe(bytes, as: CausalContext.self, with: CausalContext())
        }
    }

    @Test("a few bytes cannot claim many rows, runs or counters")
    func amplification() throws {
        let id = replica(0).canonicalBytes
        func integer(_ value: UInt64) -> [UInt8] { value.canonicalBytes }
        let most = Dot.counterMax
        // One run of 2^48 - 1 dots, all dead: fine, and joined without walking them.
        let dead: ORSet<UInt64> = try decoded([1, 0] + id + [0] + integer((most - 1) << 3))
        var state = ORSet<UInt64>()
        try state.add(1, at: dot(0, 5))
        try state.add(1, at: dot(1, 5))
        state.merge(dead)
        #expect(state.dots(of: 1) == [dot(1, 5)])
        #expect(try decoded(state.canonicalBytes) == state)
        // The same run, all alive, with no bytes for the rows.
        #expect(throws: DecodingFailure.self) {
            let _: ORSet<UInt64> = try decoded([1, 0] + id + [0] + integer((most - 1) << 3 | 2))
        }
        for kind: UInt64 in [4, 6] {
            for stretch in [integer(0) + integer(most), integer(most) + [0], integer(0) + [0], integer(.max)] {
                #expect(throws: DecodingFailure.self) {
                    let _: ORSet<UInt64> = try decoded([1, 0] + id + [0] + integer((most - 1) << 3 | kind) + stretch)
                }
            }
        }
        #expect(throws: DecodingFailure.self) {
            let _: ORSet<UInt64> = try decoded([1, 0] + id + integer(.max) + integer(.max))
        }
        let rows = DecodingLimits(replicasMax: 9, intervalsMax: 9, rowsMax: 2)
        var many = ORSet<UInt64>()
        for counter in UInt64(1)...3 { try many.add(counter, at: dot(0, counter)) }
        var decoder = CanonicalDecoder(many.canonicalBytes)
        var table = ReplicaTable()
        #expect(throws: DecodingFailure.overLimit(what: "rows of a set", value: 3, limit: 2)) {
            _ = try ORSet<UInt64>(from: &decoder, naming: &table, limits: rows)
        }
    }

    @Test("a delta of many scattered runs joins in linear time and leaves a compact context")
    func scatteredRuns() {
        let odd = CausalContext((0..<20_000).map { dot(0, UInt64($0) * 2 + 1) })
        var both = odd
        both.merge(CausalContext((0..<20_000).map { dot(0, UInt64($0) * 2 + 2) }))
        #expect(odd.intervalCount == 20_000 && both.intervalCount == 1)
        #expect(both.difference(from: odd).count == 20_000)
    }

    @Test("rows at the edges of pages and of the counters: 63, 64, 127, 128, 2^32 and the last counter")
    func pageBoundaries() throws {
        var set = ORSet<UInt64>()
        let counters: [UInt64] = [1, 63, 64, 127, 128, 1 << 32, Dot.counterMax]
        for counter in counters.reversed() { try set.add(counter, at: dot(0, counter)) }
        #expect(set.elements == counters)
        #expect(try decoded(set.canonicalBytes) == set)
        var rest = set
        for counter in counters {
            try rest.remove(counter, at: rest.context.next(replica(1)))
            #expect(try decoded(rest.canonicalBytes) == rest)
        }
        #expect(rest.isEmpty && rest.store.columns.liveReplicas.isEmpty)
        #expect(set.merged(with: rest) == rest)
    }
}
