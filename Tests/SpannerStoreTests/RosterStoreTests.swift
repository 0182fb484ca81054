import CRDT
import Spanner
import Testing

@testable import SpannerStore

@Suite struct RosterStoreTests {
    @Test("D1: what was appended is there after reopening, whole runs, in order")
    func appendedRunsSurviveReopening() throws {
        let scratch = try Scratch()
        var writer = Writer(1)
        let runs = [[[1], [2], [3]], [[4]], [[5], []]].map { writer.run($0) }
        do {
            let store = try BoltStore(path: scratch.path)
            try store.roster.append(runs)
        }
        let store = try BoltStore(path: scratch.path)
        #expect(try store.roster.head(of: writer.replica)?.counter == 6)
        #expect(try store.roster.heads().map(\.hash) == [writer.head])
        #expect(try store.roster.runs(of: writer.replica, after: 0, bytesMax: 1 << 20) == runs.map(\.run))
        #expect(try store.roster.runs(of: writer.replica, after: 2, bytesMax: 1 << 20) == runs.map(\.run))
        #expect(try store.roster.runs(of: writer.replica, after: 3, bytesMax: 0) == [runs[1].run])
        #expect(try store.roster.runs(of: writer.replica, after: 6, bytesMax: 1 << 20).isEmpty)
        #expect(try store.roster.runs(of: Writer(2).replica, after: 0, bytesMax: 1 << 20).isEmpty)
        var scanned: [SignedRun] = []
        try store.roster.scan { run throws(StoreError) in scanned.append(run) }
        #expect(scanned == runs.map(\.run))
    }

    @Test("Heads come in replica order, the incarnation as an unsigned number")
    func headsAreOrdered() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        var writers = [(3, 1), (1, UInt64.max), (1, 5), (2, 1 << 63)].map { Writer($0.0, incarnation: $0.1) }
        for index in writers.indices { try store.roster.append([writers[index].run([[UInt8(index)]])]) }
        let replicas = try store.roster.heads().map(\.replica)
        #expect(replicas == replicas.sorted())
        #expect(Set(replicas) == Set(writers.map(\.replica)))
    }

    @Test("R7, R10: a gap, a repeat and another chain are refused, and nothing of their batch is stored")
    func onlyContinuationsAreTaken() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        var writer = Writer(1)
        let first = writer.run([[1], [2]])
        let second = writer.run([[3]])
        let third = writer.run([[4]])
        try store.roster.append([first])

        let gap = storeError { try store.roster.append([third]) }
        #expect(gap?.code == .gap && gap?.detail == .expected(3))
        #expect(storeError { try store.roster.append([second, first]) }?.code == .conflict)
        #expect(try store.roster.head(of: writer.replica)?.counter == 2)

        var fork = second
        fork.base = Bytes32(words: (9, 9, 9, 9))
        let forked = storeError { try store.roster.append([fork]) }
        #expect(forked?.code == .conflict && forked?.detail == .differs(at: 3))
        try store.roster.append([second, third])
        #expect(try store.roster.head(of: writer.replica)?.hash == writer.head)
        try store.integrityCheck()
    }

    @Test("Limits: boundary counters are taken, anything beyond is a typed error")
    func limitsAreTyped() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        let replica = Writer(1).replica
        func entry(_ first: UInt64, _ bodies: [[UInt8]]) -> RunToStore {
            RunToStore(
                run: SignedRun(replica: replica, first: first, bodies: bodies, signature: []), base: .zero, head: .zero)
        }
        let tooMany = [[UInt8]](repeating: [], count: RosterLimits.runEventsMax + 1)
        let tooLong = [[UInt8](repeating: 0, count: RosterLimits.runBytesMax + 1)]
        let beyond = [entry(0, [[1]]), entry(Dot.counterMax + 1, [[1]]), entry(UInt64.max, [[1]]), entry(1, [])]
        for run in beyond + [entry(1, tooMany), entry(1, tooLong), entry(Dot.counterMax, [[1], [2]])] {
            #expect(storeError { try store.roster.append([run]) }?.code == .tooLarge)
        }
        #expect(storeError { try store.roster.append([entry(Dot.counterMax, [[1]])]) }?.code == .gap)
        #expect(try store.roster.heads().isEmpty)
        #expect(try store.roster.runs(of: replica, after: UInt64.max, bytesMax: .max).isEmpty)
        #expect(storeError { try store.roster.lease(1, through: UInt64.max) }?.code == .tooLarge)
    }

    @Test("R7: a lease never goes back")
    func leaseIsMonotonic() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        #expect(try store.roster.leased(5) == 0)
        try store.roster.lease(5, through: 100)
        try store.roster.lease(5, through: 40)
        #expect(try store.roster.leased(5) == 100)
        #expect(try store.roster.leased(6) == 0)
    }

    @Test("R10: quarantine is bounded in rows and bytes, the oldest goes first")
    func quarantineIsBounded() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        let replica = Writer(1).replica
        let count = StoreLimits.quarantineMax + 5
        try store.transaction { () throws(StoreError) in
            for number in 1...count {
                try store.quarantine.add(
                    QuarantinedRun(
                        replica: replica, counter: UInt64(number), reason: "malformed",
                        bytes: [UInt8](repeating: 1, count: number == count ? StoreLimits.quarantineBytesMax + 9 : 1)))
            }
        }
        let kept = try store.quarantine.list()
        #expect(kept.count == StoreLimits.quarantineMax)
        #expect(kept.first?.counter == 6)
        #expect(kept.last?.bytes.count == StoreLimits.quarantineBytesMax)
        #expect(try store.quarantine.total() == UInt64(count))
    }

    @Test("One flush for several stores: an inner failure undoes its own part, an outer one all")
    func transactionsNest() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        var writer = Writer(1)
        let run = writer.run([[1]])
        try store.transaction { () throws(StoreError) in
            try store.roster.append([run])
            let gap = storeError {
                try store.results.append(
                    [SequencedResult(sequence: 1, body: [1]), SequencedResult(sequence: 3, body: [3])],
                    queue: queueID(1), envoy: envoyID(1), received: noon)
            }
            #expect(gap?.code == .gap && gap?.detail == .expected(2))
        }
        #expect(try store.roster.head(of: writer.replica)?.counter == 1)
        #expect(try store.results.count() == 0)

        let next = writer.run([[2]])
        let error = storeError {
            try store.transaction { () throws(StoreError) in
                try store.roster.append([next])
                try store.meta.set("done", to: [1])
                throw StoreError(.unknown, what: "a", why: "b", next: "c")
            }
        }
        #expect(error?.code == .unknown)
        #expect(try store.roster.head(of: writer.replica)?.counter == 1)
        #expect(try store.meta.value("done") == nil)
        try store.meta.set("done", to: [])
        #expect(try store.meta.value("done") == [])
    }
}
