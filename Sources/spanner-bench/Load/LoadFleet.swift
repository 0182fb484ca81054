import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// Writers on one thread, so that they take no more of the machine than they must, whatever they write to.
final class LoadFleet {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let writers: [NIOLoopBound<LoadWriter>]
    private let loop: any EventLoop
    private var begun: UInt64 = 0
    private var working = 0

    /// As many writers as there are exchanges.
    init(_ members: [(exchange: any LoadExchange, target: LoadWriter.Target)]) throws {
        let loop = group.next()
        self.loop = loop
        writers = try loop.submit {
            members.map { NIOLoopBound(LoadWriter($0.exchange, to: $0.target, on: loop), eventLoop: loop) }
        }.wait()
    }

    deinit { try? group.syncShutdownGracefully() }

    /// Nanoseconds of the clock of all samples.
    static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    /// The first `count` writers write on; with `rate` that many writes a second between them.
    func start(_ count: Int? = nil, rate: Double? = nil) throws {
        working = min(count ?? writers.count, writers.count)
        let (some, count) = (writers[..<working], Double(working))
        let interval = rate.map { TimeAmount.nanoseconds(Int64(count / $0 * 1e9)) }
        begun = LoadFleet.now
        try loop.submit {
            for (index, writer) in some.enumerated() {
                let delay = TimeAmount.nanoseconds(Int64(Double(interval?.nanoseconds ?? 0) / count * Double(index)))
                writer.value.start(every: interval, after: delay)
            }
        }.wait()
    }

    /// Ends; what is on its way is waited for, and not counted where it comes after this call.
    func stop() throws -> LoadOutcome {
        let (some, ended, loop) = (writers[..<working], LoadFleet.now, loop)
        let told = try loop.flatSubmit {
            EventLoopFuture.whenAllSucceed(some.map { $0.value.stop() }, on: loop)
        }.wait()
        return LoadOutcome(begun: begun, ended: ended, writers: told)
    }

    /// Writes for so long.
    func run(_ count: Int? = nil, rate: Double? = nil, seconds: Double) throws -> LoadOutcome {
        try start(count, rate: rate)
        usleep(UInt32(seconds * 1e6))
        return try stop()
    }
}

/// What became of a stretch of writing.
struct LoadOutcome {
    let begun: UInt64
    let ended: UInt64
    let writers: [LoadWriter.Told]

    var seconds: Double { Double(ended - begun) / 1e9 }
    /// Writes known to be stored before the end.
    var stored: Int { writers.reduce(0) { $0 + $1.samples.count { $0.ended <= ended } } }
    var rate: Double { Double(stored) / seconds }
    /// Among them those that only one disk has.
    var unpaired: Int { writers.reduce(0) { $0 + $1.samples.count { !$0.isPaired } } }
    var put: Int { writers.reduce(0) { $0 + $1.put } }
    var failures: Int { writers.reduce(0) { $0 + $1.failures } }
    var words: String? { writers.compactMap(\.words).first }
    /// Seconds from when each was due until it was known to be stored.
    var waits: Series { Series(values: writers.flatMap { $0.samples.map { Double($0.ended - $0.begun) / 1e9 } }) }
    /// The same of the writes that lived within a stretch.
    func waits(from first: UInt64, to last: UInt64) -> Series {
        let lived = writers.flatMap(\.samples).filter { $0.ended >= first && $0.begun <= last }
        return Series(values: lived.map { Double($0.ended - $0.begun) / 1e9 })
    }
    /// When any write was known to be stored, in order.
    var instants: [UInt64] { writers.flatMap { $0.samples.map(\.ended) }.sorted() }

    /// The longest time between two acknowledgements to anybody, in seconds, within a stretch.
    func longestSilence(from first: UInt64, to last: UInt64) -> Double {
        var (before, most): (UInt64, UInt64) = (first, 0)
        for instant in instants where instant >= first && instant <= last {
            most = max(most, instant - before)
            before = instant
        }
        return Double(max(most, last - before)) / 1e9
    }

    /// Each writer's longest wait for one write that lived within a stretch, in seconds.
    func longestWaits(from first: UInt64, to last: UInt64) -> [Double] {
        writers.compactMap { told in
            told.samples.filter { $0.ended >= first && $0.begun <= last }.map { Double($0.ended - $0.begun) / 1e9 }
                .max()
        }
    }

    /// Tells what went wrong, if anything did.
    func tell(_ report: inout Report) {
        if failures > 0 { report.note("  \(failures) writes were sent again: \(words ?? "")") }
        if put > 0 { report.note("  \(put) answers said: not now") }
    }
}
