import CRDT
import Glibc
import Spanner
import SpannerStore
import SpannerTestKit

/// Durable appends beside the disk's own pace: a file that gets as many bytes and one `fdatasync`.
struct StoreFigures {
    let settings: BenchSettings
    private let bodyBytes = 100

    func measure(_ report: inout Report) throws {
        let scratch = try ScratchDirectory(in: settings.directory)
        for count in [1, 64, 1024] {
            let floor = try flushes(scratch.file("control\(count)"), bytes: count * bodyBytes)
            let store = try BoltStore(path: scratch.file("store\(count)"))
            let runs = histories(settings.samples, events: count)
            let append = try Series.seconds(settings.samples) { try store.roster.append([runs[$0]]) }
            report.times("control: write and fdatasync, \(count * bodyBytes) B", floor)
            report.times("append of a run of \(count)", append, control: ("flush", floor))
            if count == 1024 {
                report.times("  one event of it", append.each(Double(count)))
                try reading(store, runs, &report)
            }
        }
        try results(scratch, &report)
    }

    private func reading(_ store: BoltStore, _ runs: [RunToStore], _ report: inout Report) throws {
        let events = Double(runs.reduce(0) { $0 + $1.run.bodies.count })
        let scan = try Series.seconds(5) { _ in try store.roster.scan { _ throws(StoreError) in } }
        report.times("scan at the start, one event", scan.each(events))
        let page = try Series.seconds(settings.samples) { _ in
            _ = try store.roster.runs(of: runs[0].run.replica, after: 0, bytesMax: 512 * 1024)
        }
        report.times("reading 512 KiB of runs for a peer", page)
    }

    private func results(_ scratch: ScratchDirectory, _ report: inout Report) throws {
        let store = try BoltStore(path: scratch.file("results"))
        var numbers = Seeded(4)
        let body = numbers.bytes(500)
        let floor = try flushes(scratch.file("control"), bytes: 100 * 500)
        let commit = try Series.seconds(settings.samples) { round in
            try store.transaction { () throws(StoreError) in
                for envoy in 1...100 as ClosedRange<UInt64> {
                    try store.results.append(
                        [SequencedResult(sequence: UInt64(round + 1), body: body)], queue: QueueID(high: 1, low: envoy),
                        envoy: PrincipalID(high: 1, low: envoy), received: WallTime(milliseconds: 0))
                }
            }
        }
        report.times("control: write and fdatasync, 50000 B", floor)
        report.times("results of 100 check-ins, one commit", commit, control: ("flush", floor))
        report.times("  one check-in of it", commit.each(100))
    }

    private func histories(_ count: Int, events: Int) -> [RunToStore] {
        var numbers = Seeded(UInt64(events))
        let replica = ReplicaID(key: Bytes32(words: (1, 2, 3, 4)), incarnation: 5)
        var head = Bytes32.zero
        return (0..<count).map { index in
            let next = Bytes32(words: (numbers.next(), 0, 0, 0))
            defer { head = next }
            let bodies = (0..<events).map { _ in numbers.bytes(bodyBytes) }
            return RunToStore(
                run: SignedRun(
                    replica: replica, first: UInt64(index * events + 1), bodies: bodies, signature: numbers.bytes(64)),
                base: head, head: next)
        }
    }

    /// The floor of every durable change: a hundred bytes and a flush.
    func flush(in scratch: ScratchDirectory) throws -> Series { try flushes(scratch.file("flush"), bytes: 100) }

    /// Seconds that the disk takes to write as many bytes behind the last ones and flush.
    private func flushes(_ path: String, bytes: Int) throws -> Series {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard file >= 0 else { throw BenchFailure("can't write \(path)") }
        defer { close(file) }
        let content = [UInt8](repeating: 7, count: bytes)
        return try Series.seconds(settings.samples) { _ in
            guard write(file, content, bytes) == bytes, fdatasync(file) == 0 else {
                throw BenchFailure("can't write \(path)")
            }
        }
    }
}

/// The envoy's queue: durable records beside the same floor.
struct QueueFigures {
    let settings: BenchSettings

    func measure(_ report: inout Report) throws {
        let scratch = try ScratchDirectory(in: settings.directory)
        let queue = try QueueStore(path: scratch.file("queue"))
        try queue.renewIncarnation(to: QueueID(high: 1, low: 1))
        var numbers = Seeded(5)
        let body = numbers.bytes(500)
        let append = try Series.seconds(settings.samples) { _ in _ = try queue.append([body]) }
        let batch = try Series.seconds(settings.samples) { _ in _ = try queue.batch(itemsMax: 50, bytesMax: 1 << 20) }
        let release = try Series.seconds(settings.samples) { round in
            try queue.release(QueueID(high: 1, low: 1), through: UInt64(round + 1))
        }
        report.times("append of a record of 500 B", append)
        report.times("release of a record", release, control: ("append", append))
        report.times("reading a batch of 50", batch, control: ("append", append))
    }
}

/// A directory that goes at the end.
final class ScratchDirectory {
    let path: String

    init(in parent: String) throws {
        var template = Array("\(parent)/spanner-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw BenchFailure("can't make a directory in \(parent)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { remove(path) }

    func file(_ name: String) -> String { path + "/" + name }

    private func remove(_ path: String) {
        guard let directory = opendir(path) else {
            unlink(path)
            return
        }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { remove(path + "/" + name) }
        }
        closedir(directory)
        rmdir(path)
    }
}
