internal import CRDT
internal import Spanner

/// All rows of a slice in memory, as a fold over pieces: what a target stages, and what either side's digest is of.
struct SliceModel {
    /// An envoy with what its owner keeps of it.
    struct Envoy {
        var seen: UInt64 = 0
        var traits: [UInt8]?
    }

    /// Why a stretch is not there.
    struct Base: Hashable {
        let first: UInt64
        let reason: String
        let at: UInt64
    }

    /// A queue of an envoy.
    struct Queue {
        let envoy: PrincipalID
        /// Its place among the queues as they came: the oldest first.
        let place: Int
        var results: [UInt64: SliceRow.Result] = [:]
        var bases: [UInt64: Base] = [:]

        /// All up to here is stored, or covered by a base.
        var storedThrough: UInt64 { max(results.keys.max() ?? 0, bases.keys.max() ?? 0) }

        /// All up to here is stored, or covered by a base, with nothing left out.
        var denseThrough: UInt64 {
            var stretches = bases.map { (first: $0.value.first, last: $0.key) }
            stretches += results.keys.map { (first: $0, last: $0) }
            var through: UInt64 = 0
            for (first, last) in stretches.sorted(by: { $0.first < $1.first }) {
                guard first <= through + 1 else { break }
                through = max(through, last)
            }
            return through
        }

        /// What of it lies up to there.
        func cut(after through: UInt64) -> Queue {
            var queue = self
            queue.results = results.filter { $0.key <= through }
            queue.bases = bases.filter { $0.key <= through }
            return queue
        }
    }

    private(set) var envoys: [PrincipalID: Envoy] = [:]
    private(set) var queues: [QueueID: Queue] = [:]

    /// All envoys of which there is anything, ascending.
    var members: [PrincipalID] { Set(envoys.keys).union(queues.values.map(\.envoy)).sorted() }

    private static let domain = Array("bolt slice rows v1".utf8)

    /// Takes rows in their order. False where a queue is of two envoys, or a result has two contents: it is no slice
    /// of one owner then.
    mutating func take(_ rows: [SliceRow]) -> Bool {
        for row in rows { guard take(row) else { return false } }
        return true
    }

    private mutating func take(_ row: SliceRow) -> Bool {
        switch row {
        case .envoy(let envoy, let seen, let traits):
            var known = envoys[envoy] ?? Envoy()
            known.seen = max(known.seen, seen)
            if let traits { known.traits = traits }
            envoys[envoy] = known
        case .results(let source, let results):
            guard open(source) else { return false }
            for result in results {
                if let known = queues[source.queue]?.results[result.sequence] {
                    guard known.body == result.body else { return false }
                    continue
                }
                queues[source.queue]?.results[result.sequence] = result
            }
        case .base(let source, let first, let through, let reason, let at):
            guard open(source) else { return false }
            if queues[source.queue]?.bases[through] == nil {
                queues[source.queue]?.bases[through] = Base(first: first, reason: reason, at: at)
            }
        }
        return true
    }

    private mutating func open(_ source: PartitionCommand.EnvoyQueue) -> Bool {
        if let known = queues[source.queue] { return known.envoy == source.envoy }
        queues[source.queue] = Queue(envoy: source.envoy, place: queues.count)
        return true
    }

    /// A queue as rows again, cut so that no row is large.
    static func rows(of id: QueueID, _ queue: Queue) -> [SliceRow] {
        let source = PartitionCommand.EnvoyQueue(envoy: queue.envoy, queue: id)
        var rows: [SliceRow] = []
        for (through, base) in queue.bases.sorted(by: { $0.key < $1.key }) {
            rows.append(.base(source, first: base.first, through: through, reason: base.reason, at: base.at))
        }
        var (part, bytes): ([SliceRow.Result], Int) = ([], 0)
        for result in queue.results.values.sorted(by: { $0.sequence < $1.sequence }) {
            if !part.isEmpty, bytes + result.body.count > SliceSnapshot.pieceBytes {
                rows.append(.results(source, part))
                (part, bytes) = ([], 0)
            }
            part.append(result)
            bytes += result.body.count + 24
        }
        if !part.isEmpty { rows.append(.results(source, part)) }
        return rows
    }

    /// What a digest begins with.
    static func origin(_ witness: any Witness) -> Bytes32 { witness.hash(SliceModel.domain) }

    /// A hash over all of it that does not depend on the order in which the rows came.
    func digest(_ witness: any Witness) -> Bytes32 {
        let queues = queuesByEnvoy
        return members.reduce(SliceModel.origin(witness)) { sum, envoy in
            digest(of: envoy, queues[envoy] ?? [], after: sum, witness)
        }
    }

    /// The queues of each envoy, in order of their ids.
    var queuesByEnvoy: [PrincipalID: [QueueID]] {
        var found: [PrincipalID: [QueueID]] = [:]
        for (id, queue) in queues.sorted(by: { $0.key.bytes.lexicographicallyPrecedes($1.key.bytes) }) {
            found[queue.envoy, default: []].append(id)
        }
        return found
    }

    /// The digest that is `sum` over all envoys before this one, over this one too. `ids`: its queues, in their order.
    func digest(of id: PrincipalID, _ ids: [QueueID], after sum: Bytes32, _ witness: any Witness) -> Bytes32 {
        var sum = sum
        if let envoy = envoys[id] {
            var encoder = CanonicalEncoder(capacity: 128)
            encoder.fixed(sum)
            encoder.byte(1)
            encoder.raw(id.bytes)
            encoder.integer(envoy.seen)
            encoder.optional(envoy.traits) { encoder, traits in encoder.string(traits) }
            sum = witness.hash(encoder.bytes)
        }
        for id in ids { if let queue = queues[id] { sum = digest(of: id, queue, after: sum, witness) } }
        return sum
    }

    private func digest(
        of id: QueueID, _ queue: Queue, after sum: Bytes32, _ witness: any Witness
    ) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 4096)
        encoder.fixed(sum)
        encoder.byte(2)
        encoder.raw(id.bytes)
        encoder.raw(queue.envoy.bytes)
        for (through, base) in queue.bases.sorted(by: { $0.key < $1.key }) {
            for number in [base.first, through, base.at] { encoder.integer(number) }
            encoder.text(base.reason)
        }
        encoder.byte(0)
        for result in queue.results.values.sorted(by: { $0.sequence < $1.sequence }) {
            encoder.integer(result.sequence)
            encoder.integer(result.received)
            encoder.string(result.body)
        }
        return witness.hash(encoder.bytes)
    }
}
