import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// The bolt's own database under the simulated disk: roster and results after power cuts and failed flushes.
@Suite struct BoltPowerCutTests {
    /// All that is acknowledged, as a value.
    struct Content: Equatable {
        var heads: [StoredHead] = []
        var runs: [SignedRun] = []
        var storedThrough: UInt64 = 0

        init(of store: BoltStore) throws {
            heads = try store.roster.heads()
            try store.roster.scan { run throws(StoreError) in runs.append(run) }
            storedThrough = try store.results.storedThrough(queueID(1))
        }
    }

    private func open(_ path: String, on disk: SimulatedDisk) throws -> BoltStore {
        let store = try BoltStore(path: path, environment: StoreEnvironment(machine: nil, vfs: disk.name))
        disk.flushDirectory()
        return store
    }

    /// One transaction of runs and a result.
    private func write(_ number: UInt64, _ writer: inout Writer, to store: BoltStore) throws(StoreError) {
        let run = writer.run([[UInt8](repeating: UInt8(number), count: 900), [1]])
        try store.transaction { () throws(StoreError) in
            try store.roster.append([run])
            try store.results.append(
                [SequencedResult(sequence: number, body: [UInt8](repeating: 3, count: 500))], queue: queueID(1),
                envoy: envoyID(1), received: noon)
        }
    }

    @Test("D1, D3, R1: a power cut at any write leaves the last acknowledged state or the next", arguments: 51...52)
    func powerCuts(seed: UInt64) throws {
        let scratch = try Scratch()
        let path = scratch.file("state")
        var instants: [(image: DiskImage, acknowledged: Int)] = []
        var states: [Content] = []
        do {
            let disk = SimulatedDisk(seed: seed)
            let store = try open(path, on: disk)
            states.append(try Content(of: store))
            var writer = Writer(1)
            disk.onOperation = { [unowned disk] _ in instants.append((disk.image, states.count - 1)) }
            for number in 1...9 as ClosedRange<UInt64> {
                try write(number, &writer, to: store)
                states.append(try Content(of: store))
                if number == 5 { try store.checkpoint() }
            }
        }
        var generator = SeededGenerator(seed: seed)
        for (number, instant) in instants.enumerated() {
            let survivor = instant.image.afterPowerCut(piecesOf: number % 2 == 0 ? 512 : 4096, generator: &generator)
            let store = try open(path, on: SimulatedDisk(image: survivor, seed: seed))
            try store.integrityCheck()
            let content = try Content(of: store)
            let isLegal = states[instant.acknowledged...].prefix(2).contains(content)
            #expect(isLegal, "seed \(seed), operation \(number)")
        }
    }

    @Test("D2, fsyncgate: a bolt killed after a failed flush loses nothing that it acknowledges from then on")
    func failedFlush() throws {
        for failing in 1...8 {
            let scratch = try Scratch()
            let path = scratch.file("state")
            var writer = Writer(1)
            var image = DiskImage()
            do {
                let disk = SimulatedDisk(seed: 53)
                let store = try open(path, on: disk)
                disk.faults.failingFlush = failing
                var error: StoreError?
                for number in 1...9 as ClosedRange<UInt64> where error == nil {
                    let before = writer
                    do throws(StoreError) {
                        try write(number, &writer, to: store)
                    } catch let failure {
                        (error, writer) = (failure, before)
                    }
                }
                #expect(error?.code == .inputOutput)
                image = disk.image
                disk.crash()
            }
            let disk = SimulatedDisk(image: image, seed: 54)
            let content: Content
            do {
                let store = try open(path, on: disk)
                let counter = try store.roster.head(of: writer.replica)?.counter ?? 0
                // The write whose flush failed is there or not: it goes on from what is there.
                while writer.counter < counter {
                    _ = writer.run([[UInt8](repeating: UInt8(counter / 2), count: 900), [1]])
                }
                for number in (counter / 2 + 1)...11 { try write(number, &writer, to: store) }
                content = try Content(of: store)
                image = disk.image
                disk.crash()
            }
            let store = try open(path, on: SimulatedDisk(image: image.afterPowerCut { _ in false }, seed: 55))
            try store.integrityCheck()
            let isWhole = try Content(of: store) == content
            #expect(isWhole && content.storedThrough == 11, "flush \(failing)")
        }
    }
}
