import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Disks that lose, tear, fail, fill, lie and rot, under the real SQLite.
@Suite struct JournalFaultTests {
    /// Writes of one history, and what an honest disk holds before the first and after each.
    struct Script {
        var writes: [PartitionWrite] = []
        var states: [Held]

        init(seed: UInt64, count: Int) throws {
            var run = try JournalLawTests.Run(seed: seed)
            states = [try Held(run.store)]
            for _ in 0..<count {
                let write = run.anyWrite()
                try run.store.commit(write)
                writes.append(write)
                states.append(try Held(run.store))
            }
        }
    }

    /// A store on a fresh simulated disk that plays a script, and counts what was acknowledged.
    final class Player {
        let disk: SimulatedDisk
        let bed: JournalBed
        let script: Script
        var acknowledged = 0

        init(_ script: Script, seed: UInt64) throws {
            disk = SimulatedDisk(seed: seed)
            (bed, self.script) = (try JournalBed(on: disk), script)
        }

        /// Commits the next writes until the end or the first error; checkpoints now and then.
        func play(through end: Int) throws(StoreError) {
            guard let store = bed.store else { return }
            while acknowledged < end {
                try store.commit(script.writes[acknowledged])
                acknowledged += 1
                if acknowledged % 5 == 0 { try store.database.checkpoint(truncating: acknowledged % 10 == 0) }
            }
        }

        /// What a start on this image finds, after every check that there is.
        func found(on image: DiskImage) throws -> Held {
            let store = try bed.open(on: image)
            try store.integrityCheck()
            return try Held(store)
        }

        /// Whether that is the last acknowledged state or, where a write was on its way, the one it leads to.
        func isLegal(_ held: Held, acknowledged: Int) -> Bool {
            held == script.states[acknowledged]
                || acknowledged + 1 < script.states.count && held == script.states[acknowledged + 1]
        }
    }

    @Test("D1: what commit returned for survives a power cut that takes everything unflushed", arguments: 1...3)
    func acknowledgedIsFlushed(seed: UInt64) throws {
        let player = try Player(Script(seed: seed, count: 12), seed: seed)
        var images: [DiskImage] = []
        for end in 1...12 {
            try player.play(through: end)
            // A checkpoint that empties the log leaves that to the next commit's flush.
            let isFlushed = player.disk.image.isFlushed(player.bed.databasePath + "-wal")
            #expect(isFlushed || end % 10 == 0)
            images.append(player.disk.image)
        }
        for (index, image) in images.enumerated() {
            let isWhole = try player.found(on: image.afterPowerCut { _ in false }) == player.script.states[index + 1]
            #expect(isWhole, "seed \(seed), write \(index + 1)")
        }
    }

    @Test(
        "D3: a power cut at any write, with any of the unflushed pages or sectors, leaves a whole state",
        arguments: 4...5)
    func powerCuts(seed: UInt64) throws {
        let player = try Player(Script(seed: seed, count: 11), seed: seed)
        var instants: [(image: DiskImage, acknowledged: Int)] = []
        player.disk.onOperation = { [unowned player] _ in
            instants.append((player.disk.image, player.acknowledged))
        }
        try player.play(through: 11)
        #expect(instants.count > 60)
        var generator = SeededGenerator(seed: seed)
        var exhausted = 0
        for (number, instant) in instants.enumerated() {
            var survivors = [
                instant.image.afterPowerCut(piecesOf: DiskImage.sectorBytes, generator: &generator),
                instant.image.afterPowerCut(generator: &generator),
            ]
            let pieces = instant.image.unflushedPieces()
            if number % 9 == 0, (1...5).contains(pieces) {
                survivors += (0..<1 << pieces).map { set in instant.image.afterPowerCut { set >> $0 & 1 == 1 } }
                exhausted += 1
            }
            for survivor in survivors {
                let isLegal = try player.isLegal(player.found(on: survivor), acknowledged: instant.acknowledged)
                #expect(isLegal, "seed \(seed), operation \(number)")
            }
        }
        #expect(exhausted > 2)
    }

    @Test(
        "D2: whichever flush fails, nothing is acknowledged after it; a restart finds a whole state", arguments: 7...8)
    func failingFlushes(seed: UInt64) throws {
        let script = try Script(seed: seed, count: 8)
        var strikes = 0
        for number in 1...100 {
            let player = try Player(script, seed: seed)
            player.disk.faults.failingFlush = number
            guard let error = try outcome(of: player) else { break }
            strikes += 1
            #expect(error.code == .inputOutput, "flush \(number)")
            let image = player.disk.image
            for survivor in [image, image.afterPowerCut { _ in false }, image.afterPowerCut { _ in true }] {
                let isLegal = try player.isLegal(player.found(on: survivor), acknowledged: player.acknowledged)
                #expect(isLegal, "seed \(seed), flush \(number)")
            }
        }
        #expect(strikes > 8)
    }

    @Test(
        "D2, fsyncgate: what a failed flush left in the cache alone is written anew at the restart"
    )
    func restartAfterFailedFlush() throws {
        let script = try Script(seed: 9, count: 8)
        for number in 1...12 {
            let player = try Player(script, seed: 9)
            player.disk.faults.failingFlush = number
            guard try outcome(of: player) != nil else { continue }
            // The process is killed, the machine goes on, and the next one starts over the same cache.
            let machine = SimulatedDisk(image: player.disk.image, seed: 10)
            player.disk.crash()
            let store = try player.bed.open(over: machine)
            let held = try Held(store)
            let isLegal = player.isLegal(held, acknowledged: player.acknowledged)
            try #require(isLegal)
            if held != script.states[player.acknowledged] { player.acknowledged += 1 }
            try player.play(through: 8)
            let isWhole = try player.found(on: machine.image.afterPowerCut { _ in false }) == script.states[8]
            #expect(isWhole, "flush \(number)")
        }
    }

    @Test(
        "D2: whichever write or read fails, the handle ends and a restart finds a whole state",
        arguments: [true, false])
    func failingTransfers(isWrite: Bool) throws {
        let script = try Script(seed: 10, count: 6)
        var strikes = 0
        for number in stride(from: 1, through: 90, by: isWrite ? 4 : 1) {
            let player = try Player(script, seed: 10)
            if isWrite {
                player.disk.faults.failingWrite = number
            } else {
                player.disk.faults.failingRead = number
            }
            guard let error = try outcome(of: player) else { break }
            strikes += 1
            #expect(error.code == .inputOutput, "transfer \(number)")
            let held = try player.found(on: player.disk.image.afterPowerCut { _ in false })
            let isLegal = player.isLegal(held, acknowledged: player.acknowledged)
            #expect(isLegal, "transfer \(number)")
        }
        // Reads are few: nearly all is in the cache or the log's index.
        #expect(strikes > (isWrite ? 5 : 0))
    }

    /// Plays the whole script; the error that ended it, after which the handle must take nothing more.
    private func outcome(of player: Player) throws -> StoreError? {
        do throws(StoreError) {
            try player.play(through: player.script.writes.count)
            return nil
        } catch {
            let store = try #require(player.bed.store)
            #expect(storeError { try store.commit(PartitionWrite(fence: .none)) }?.code == .poisoned)
            #expect(storeError { _ = try store.durable() }?.code == .poisoned)
            #expect(storeError { _ = try store.records(from: 1, bytesMax: 1) }?.code == .poisoned)
            player.disk.faults = SimulatedDisk.Faults()
            return error
        }
    }

    @Test(
        "D7: a full disk refuses the write whole, serves reads, and takes the same write once there is room",
        arguments: 11...13)
    func fullDisk(seed: UInt64) throws {
        let script = try Script(seed: seed, count: 12)
        let player = try Player(script, seed: seed)
        var refusals = 0
        for _ in 0..<100 {
            let used = player.disk.image.paths.reduce(0) { $0 + player.disk.image.count(of: $1) }
            player.disk.faults.capacity = used + (refusals % 3) * 5000
            do throws(StoreError) {
                try player.play(through: 12)
                break
            } catch {
                refusals += 1
                #expect(error.code == .full && !error.stateChanged)
                let store = try #require(player.bed.store)
                let isUnchanged = try Held(store) == script.states[player.acknowledged]
                #expect(isUnchanged)
                player.disk.faults.capacity = nil
                try player.play(through: player.acknowledged + 1)
            }
        }
        #expect(refusals > 1)
        let isWhole = try player.found(on: player.disk.image) == script.states[12]
        #expect(isWhole)
    }

    @Test("a disk that lies about flushes may lose the end; what is served is never anything but the log's beginning")
    func lyingDisk() throws {
        let script = try Script(seed: 14, count: 10)
        var generator = SeededGenerator(seed: 14)
        let log = script.states.map { state in Set(state.records.map { journalChain.hash(of: $0) }) }
        let all = log.reduce(into: Set<Bytes32>()) { $0.formUnion($1) }
        for number in 0..<24 {
            let player = try Player(script, seed: 14)
            try player.play(through: number % 3)
            player.disk.faults.isLying = true
            try player.play(through: 10)
            do {
                let store = try player.bed.open(on: player.disk.image.afterPowerCut(generator: &generator))
                let held = try Held(store)
                #expect(held.records.allSatisfy { all.contains(journalChain.hash(of: $0)) })
                try store.integrityCheck()
            } catch let error as StoreError {
                #expect([.corrupt, .poisoned, .internal, .inputOutput, .foreign].contains(error.code), "\(error)")
            }
        }
    }
}

extension JournalFaultTests {
    @Test("D3: a power cut while the database is made, or opened again, leaves nothing or what was there")
    func powerCutsWhileOpening() throws {
        var generator = SeededGenerator(seed: 15)
        let script = try Script(seed: 15, count: 4)
        let player = try Player(script, seed: 15)
        try player.play(through: 4)
        let last = player.disk.image
        for (start, expected) in [(DiskImage(), script.states[0]), (last, script.states[4])] {
            let disk = SimulatedDisk(image: start, seed: 16)
            var instants: [DiskImage] = []
            disk.onOperation = { [unowned disk] _ in instants.append(disk.image) }
            try player.bed.open(over: disk)
            try #require(instants.count > 3)
            for (number, instant) in instants.enumerated() {
                for _ in 0..<3 {
                    let found = try player.found(on: instant.afterPowerCut(generator: &generator))
                    let isWhole = found == expected
                    #expect(isWhole, "operation \(number)")
                }
            }
        }
    }
}
