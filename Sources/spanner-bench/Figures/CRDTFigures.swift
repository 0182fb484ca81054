import CRDT
import SpannerTestKit

/// The observed-remove set at size: joins of small differences, memory of an element.
struct CRDTFigures {
    let settings: BenchSettings
    /// Differences in one join.
    private let differences = 1000

    private func replica(_ number: UInt64) -> ReplicaID {
        ReplicaID(key: Bytes32(words: (number, 1, 2, 3)), incarnation: number)
    }

    func measure(_ report: inout Report) throws {
        var numbers = Seeded(1)
        func element() -> Bytes32 {
            Bytes32(words: (numbers.next(), numbers.next(), numbers.next(), numbers.next()))
        }
        let before = Memory.residentBytes
        var set = ORSet<Bytes32>()
        let build = try Series.seconds(1) { _ in
            for counter in 1...UInt64(settings.entries) { try set.add(element(), at: Dot(replica(1), counter)) }
        }
        let bytes = Double(Memory.residentBytes - before) / Double(settings.entries)
        report.times("add of one element, to \(settings.entries)", build.each(Double(settings.entries)))
        report.value("memory of an element, 32 of them its key", bytes, "B", aim: .atMost(48, "48 B"))

        // Each join brings new elements of another replica.
        var deltas: [ORSet<Bytes32>] = []
        var fresh: [Bytes32] = []
        for round in 0..<settings.samples {
            var delta = ORSet<Bytes32>()
            for index in 1...differences {
                let element = element()
                fresh.append(element)
                try delta.add(element, at: Dot(replica(2), UInt64(round * differences + index)))
            }
            deltas.append(delta)
        }
        var model = Set<Bytes32>(minimumCapacity: settings.entries + fresh.count)
        var filler = Seeded(1)
        for _ in 0..<settings.entries {
            model.insert(Bytes32(words: (filler.next(), filler.next(), filler.next(), filler.next())))
        }
        let floor = Series.seconds(settings.samples) { round in
            for element in fresh[round * differences..<(round + 1) * differences] { model.insert(element) }
        }
        let join = Series.seconds(settings.samples) { set.merge(deltas[$0]) }
        report.times("control: inserts into a Set of that size", floor)
        report.times(
            "join of \(differences) additions", join, control: ("inserts", floor), aim: .atMost(0.0005, "0.5 ms"))
        let again = Series.seconds(settings.samples) { set.merge(deltas[$0]) }
        report.times("the same join again: nothing new", again, control: ("inserts", floor))
        var delta = ORSet<Bytes32>()
        let difference = Series.seconds(min(settings.samples, 20)) { _ in
            var seen = CausalContext()
            seen.insert(DotRange(replica(1), 1...UInt64(settings.entries)))
            seen.insert(DotRange(replica(2), 1...UInt64((settings.samples - 1) * differences + 1)))
            delta = set.delta(since: seen)
        }
        report.times("finding \(delta.dotCount) differences", difference, control: ("inserts", floor))
    }
}
