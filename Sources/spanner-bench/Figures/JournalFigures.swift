import CRDT
import Spanner
import SpannerStore
import SpannerTestKit

/// Commits of a partition's journal: a record of one result, and of 64 that share a flush, beside the disk's own pace.
struct JournalFigures {
    let settings: BenchSettings
    private let bodyBytes = 256

    func measure(_ report: inout Report) throws {
        let scratch = try ScratchDirectory(in: settings.directory)
        let floor = try StoreFigures(settings: settings).flush(in: scratch)
        report.times("control: write and fdatasync, 100 B", floor)
        for count in [1, 64] {
            var author = try Author(directory: scratch.file("journal\(count)"))
            let commit = try Series.seconds(settings.samples) { round in
                try author.commit(results: count, round: round, bytes: bodyBytes)
            }
            report.times("commit of a record of \(count) results of \(bodyBytes) B", commit, control: ("flush", floor))
            report.times("  one result of it", commit.each(Double(count)))
            let read = try Series.seconds(settings.samples) { _ in
                _ = try author.store.records(from: 2, bytesMax: PartitionLimits.appendBytesMax)
            }
            report.times("  reading up to 512 KiB of records for a standby", read)
        }
    }

    /// Writes a log as a primary does: each commit also says that the one before is safe.
    private struct Author {
        let store: PartitionStore
        private let chain = JournalChain(witness: TestWitness())
        private let epoch: PartitionEpoch
        private var tip: LogPoint
        private var numbers = Seeded(6)

        init(directory: String) throws {
            let minter = ReplicaID(key: Bytes32(words: (1, 2, 3, 4)), incarnation: 5)
            let identity = PartitionIdentity(mesh: TestIdentity.mesh, partition: PartitionName(checked: "north"))
            store = try PartitionStore(
                directory: StateDirectory(path: directory), identity: identity, witness: TestWitness())
            epoch = PartitionEpoch(number: 1, minter: minter)
            tip = try store.durable().tip
            let begin = PartitionBegin(
                operation: OperationID(PrincipalID(high: 0, low: 1)), cause: .genesis, basis: tip, promisedBy: [minter],
                acceptedLoss: nil, configuration: PartitionConfiguration(members: [minter], inSync: [minter]))
            try commit(.control(.begin(begin)), fence: .none, promise: epoch)
        }

        mutating func commit(results count: Int, round: Int, bytes: Int) throws {
            let commands = (1...UInt64(count)).map { envoy in
                let source = PartitionCommand.EnvoyQueue(
                    envoy: PrincipalID(high: 1, low: envoy), queue: QueueID(high: 2, low: envoy))
                let result = SequencedResult(sequence: UInt64(round + 1), body: numbers.bytes(bytes))
                return PartitionCommand.results(
                    .init(source: source, received: WallTime(milliseconds: 1), results: [result])
                ).canonicalBytes
            }
            try commit(.commands(commands), fence: epoch, promise: nil)
        }

        private mutating func commit(
            _ content: JournalRecord.Content, fence: PartitionEpoch, promise: PartitionEpoch?
        ) throws {
            let record = JournalRecord(
                epoch: epoch, position: tip.position + 1, previous: tip.hash, content: content)
            var write = PartitionWrite(fence: fence)
            (write.records, write.promise, write.safe) = ([record], promise, tip.position)
            try store.commit(write)
            tip = chain.point(of: record)
        }
    }
}
