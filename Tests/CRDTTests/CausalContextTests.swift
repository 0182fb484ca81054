import Testing

@testable import CRDT

@Suite("Causal contexts")
struct CausalContextTests {
    @Test("agree with a plain set of dots in every operation", arguments: seeds(60))
    func model(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        func dots() -> Set<Dot> {
            let span = [8, 70, 200][random.below(3)]
            return Set((0..<random.below(60)).map { _ in dot(random.below(2), UInt64(random.below(span)) + 1) })
        }
        let (left, right) = (dots(), dots())
        let (a, b) = (CausalContext(left), CausalContext(right.sorted()))
        #expect(Set(a.allDots) == left, "seed \(seed)")
        #expect(Set(a.merged(with: b).allDots) == left.union(right), "seed \(seed)")
        #expect(a.includes(b) == left.isSuperset(of: right), "seed \(seed)")
        let missing = a.difference(from: b).flatMap { range in range.counters.map { Dot(range.replica, $0) } }
        #expect(missing == left.subtracting(right).sorted(), "seed \(seed)")
        for index in 0..<2 {
            for number in 0..<UInt64(5) {
                let word = (0..<UInt64(64)).reduce(UInt64(0)) { word, bit in
                    left.contains(dot(index, number << 6 | bit)) ? word | 1 << bit : word
                }
                #expect(a[replica(index)].word(number) == word, "seed \(seed) word \(number)")
            }
        }
        for index in 0..<2 {
            #expect(a.last(replica(index)) == a.allDots.filter { $0.replica == replica(index) }.last?.counter ?? 0)
        }
    }

    @Test("are compacted whatever the order of arrival", arguments: seeds(20))
    func compaction(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var context = CausalContext()
        for counter in (1...200).shuffled(using: &random) { context.insert(dot(0, UInt64(counter))) }
        #expect(context.intervalCount == 1)
        #expect(context.prefix[replica(0)] == 200)
        #expect(context == CausalContext(context.prefix), "seed \(seed)")
    }

    @Test("corrosion PR 436, 438: boundary dots 0, 1, 2^32-1, 2^48-1 and empty runs")
    func boundaries() throws {
        var context = CausalContext()
        for counter in [0, Dot.counterMax + 1, .max] {
            let isNew = context.insert(dot(0, counter))
            #expect(!isNew)
        }
        #expect(context.isEmpty)
        #expect(context.canonicalBytes == [0])
        for counter: UInt64 in [1, 1 << 32 - 1, 1 << 32, Dot.counterMax] {
            let first = context.insert(dot(0, counter))
            let second = context.insert(dot(0, counter))
            #expect(first && !second)
            #expect(context.contains(dot(0, counter)))
        }
        #expect(!context.contains(dot(0, 0)))
        #expect(!context.contains(dot(0, 2)))
        #expect(!context.contains(dot(0, .max)))
        #expect(context.intervalCount == 3)
        #expect(throws: DotFailure.exhausted(replica(0))) { try context.next(replica(0)) }
        context.insert(DotRange(replica(0), 0...UInt64.max))
        #expect(context.intervalCount == 1)
        #expect(context.prefix[replica(0)] == Dot.counterMax)
        #expect(try decoded(context.canonicalBytes) == context)
        #expect(context.difference(from: context).isEmpty)
        #expect(
            context.difference(from: CausalContext([dot(0, 5)])).map(\.counters) == [1...4, 6...Dot.counterMax])
    }

    @Test("an event gets the dot above all that were seen, gaps or not")
    func nextDot() throws {
        var context = CausalContext([dot(0, 1), dot(0, 7)])
        #expect(try context.next(replica(0)) == dot(0, 8))
        #expect(try context.next(replica(1)) == dot(1, 1))
        context.insert(DotRange(replica(0), 2...6))
        #expect(context.prefix[replica(0)] == 7)
    }

    @Test(
        "refuse every form that the encoder does not write",
        arguments: [
            ("run beyond the last counter", [1, 0] + id(0) + [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 2]),
            ("counter that overflows", [1, 0] + id(0) + [0, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]),
            ("another run promised, none there", [1, 0] + id(0) + [0, 1]),
            ("replicas out of order", [2, 0] + id(1) + [0, 0, 1] + id(0) + [0, 0]),
            ("replica twice", [2, 0] + id(0) + [0, 0, 0, 0, 0]),
            ("replica spelt out twice", [2, 0] + id(0) + [0, 0, 1] + id(0) + [0, 0]),
            ("unknown replica number", [1, 1] + id(0) + [0, 0]),
            ("padded integer", [1, 0] + id(0) + [0x80, 0, 0]),
        ])
    func refusals(what: String, bytes: [UInt8]) {
        #expect(throws: DecodingFailure.self, "\(what)") {
            let _: CausalContext = try decoded(bytes)
        }
    }

    static func id(_ index: Int) -> [UInt8] { replica(index).canonicalBytes }

    @Test("hold to the limits of runs and replicas while decoding")
    func limits() throws {
        let gaps = CausalContext((1...10).map { dot(0, $0 * 2) })
        let wide = CausalContext((0..<10).map { dot($0, 1) })
        let limits = DecodingLimits(replicasMax: 9, intervalsMax: 9, rowsMax: 9)
        for context in [gaps, wide] {
            var decoder = CanonicalDecoder(context.canonicalBytes)
            var table = ReplicaTable()
            #expect(throws: DecodingFailure.self) {
                _ = try CausalContext(from: &decoder, naming: &table, limits: limits)
            }
        }
    }

    @Test("replicas get short names within one stream, the same at both ends")
    func shortNames() throws {
        var (sender, receiver) = (ReplicaTable(), ReplicaTable())
        let contexts = [CausalContext([dot(1, 3)]), CausalContext([dot(0, 9), dot(1, 4)]), CausalContext([dot(0, 9)])]
        var sizes: [Int] = []
        for context in contexts {
            var encoder = CanonicalEncoder()
            context.encode(to: &encoder, naming: &sender)
            sizes.append(encoder.bytes.count)
            var decoder = CanonicalDecoder(encoder.bytes)
            let received = try CausalContext(from: &decoder, naming: &receiver, limits: .message)
            #expect(received == context)
            try decoder.finish()
        }
        #expect(sizes == [44, 47, 4])
        #expect(sender.replicas == receiver.replicas)
    }
}

private func id(_ index: Int) -> [UInt8] { CausalContextTests.id(index) }
