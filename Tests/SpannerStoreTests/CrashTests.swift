import CRDT
import Glibc
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// D1, D3: what a crash leaves at any point is the last state that was acknowledged, whole.
@Suite struct CrashTests {
    /// All that a store holds, as a value.
    struct Content: Equatable {
        var heads: [StoredHead] = []
        var runs: [SignedRun] = []
        var results: [StoredResult] = []
        var storedThrough: UInt64 = 0

        init() {}

        init(of store: BoltStore) throws {
            heads = try store.roster.heads()
            try store.roster.scan { run throws(StoreError) in runs.append(run) }
            results = try store.results.results(of: envoyID(1), limit: 1000)
            storedThrough = try store.results.storedThrough(queueID(1))
        }
    }

    /// Opens what a crash left; its content after every check that there is.
    private func recovered(_ path: String) throws -> Content {
        let store = try BoltStore(path: path)
        try store.integrityCheck()
        return try Content(of: store)
    }

    /// A step of the history under test: some runs and results in one transaction.
    private struct Step {
        var runs: [RunToStore]
        var results: [SequencedResult]
    }

    private func steps(_ count: Int, _ generator: inout Seeded) -> [Step] {
        var writers = [Writer(1), Writer(2)]
        var sequence: UInt64 = 0
        return (0..<count).map { _ in
            let runs = (0..<1 + generator.below(2)).map { _ in
                let bodies = (0..<1 + generator.below(4)).map { _ in generator.bytes(generator.below(2000)) }
                return writers[generator.below(2)].run(bodies)
            }
            let results = (0..<generator.below(3)).map { _ in
                sequence += 1
                return SequencedResult(sequence: sequence, body: generator.bytes(generator.below(3000)))
            }
            return Step(runs: runs, results: results)
        }
    }

    private func perform(_ step: Step, on store: BoltStore, between: () -> Void = {}) throws(StoreError) {
        try store.transaction { () throws(StoreError) in
            between()
            for run in step.runs {
                try store.roster.append([run])
                between()
            }
            try store.results.append(step.results, queue: queueID(1), envoy: envoyID(1), received: noon)
            between()
        }
    }

    @Test("D1, D3, R1: killed between any two statements, the files open as the last acknowledged state")
    func killedBetweenStatements() throws {
        var generator = Seeded(11)
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.file("live"))
        // A tiny cache, so that pages of open transactions reach the log before their commit.
        try store.database.execute("PRAGMA cache_size = 4")
        var acknowledged = Content()
        var copies = 0
        func crashHere(_ expected: Content, _ place: String) throws {
            copies += 1
            let copy = scratch.file("copy\(copies)")
            copyFiles(from: scratch.file("live"), to: copy)
            if generator.below(2) == 0 {
                let torn = generator.bytes(1 + generator.below(6000)).hexDigits
                shell("sh", "-c", "printf %s \(torn) >> '\(copy)/bolt.db-wal'")
            }
            #expect(try recovered(copy) == expected, "\(place)")
            shell("rm", "-rf", copy)
        }
        for (number, step) in steps(12, &generator).enumerated() {
            var failure: (any Error)?
            try perform(step, on: store) {
                do { try crashHere(acknowledged, "inside step \(number)") } catch { failure = error }
            }
            if let failure { throw failure }
            acknowledged = try Content(of: store)
            try crashHere(acknowledged, "after step \(number)")
            if number % 4 == 3 {
                try store.checkpoint()
                try crashHere(acknowledged, "after the checkpoint of step \(number)")
            }
        }
        #expect(copies > 50)
    }

    @Test("D3: a commit cut anywhere in the log is there whole or not at all")
    func tornCommits() throws {
        var generator = Seeded(12)
        let scratch = try Scratch()
        let log = scratch.file("live/bolt.db-wal")
        let store = try BoltStore(path: scratch.file("live"))
        var before = try Content(of: store)
        for (number, step) in steps(5, &generator).enumerated() {
            let start = FileSystem.length(of: log)
            try perform(step, on: store)
            let after = try Content(of: store)
            let end = FileSystem.length(of: log)
            try #require(end > start)
            for cut in [start, start + 1, end - 1, end] + (0..<6).map({ _ in start + generator.below(end - start) }) {
                let copy = scratch.file("copy")
                copyFiles(from: scratch.file("live"), to: copy)
                try #require(truncate(copy + "/bolt.db-wal", off_t(cut)) == 0)
                #expect(try recovered(copy) == (cut == end ? after : before), "step \(number) cut at \(cut) of \(end)")
                shell("rm", "-rf", copy)
            }
            before = after
        }
    }

    @Test("corrosion #2: the context from disk is the context acknowledged, after each crash and a failed append")
    func contextFromDisk() throws {
        var generator = Seeded(13)
        let scratch = try Scratch()
        var acknowledged = VersionVector()
        var path = scratch.file("0")
        var writers = (1...3).map { Writer(UInt64($0)) }
        for round in 0..<12 {
            do {
                let store = try BoltStore(path: path)
                var vector = VersionVector()
                for head in try store.roster.heads() { vector[head.replica] = head.counter }
                #expect(vector == acknowledged)
                let index = generator.below(3)
                let run = writers[index].run([generator.bytes(20)])
                if generator.below(3) == 0 {
                    // Refused after the first of two runs was written: neither may be remembered.
                    let wrong = RunToStore(run: run.run, base: .zero, head: .zero)
                    #expect(storeError { try store.roster.append([run, wrong]) }?.code == .conflict)
                }
                try store.roster.append([run])
                acknowledged[run.run.replica] = run.run.last
                copyFiles(from: path, to: scratch.file("\(round + 1)"))
            }
            path = scratch.file("\(round + 1)")
        }
        #expect(acknowledged.entries.reduce(0) { $0 + $1.counter } == 12)
    }
}
