import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Generated histories of one disk against a model that keeps a list.
@Suite struct JournalLawTests {
    /// What a naive disk remembers.
    struct Model {
        var log: [JournalRecord] = []
        var safe: UInt64 = 0
        var base: UInt64 = 0
        var promised = PartitionEpoch.none
        var acquaintances: [ReplicaID] = []
        var salvaged: Set<[UInt8]> = []

        var durable: PartitionDurable {
            var durable = PartitionDurable(genesis: LogAuthor().tip.hash)
            (durable.safe, durable.promised, durable.firstHeld) = (safe, promised, base + 1)
            durable.acquaintances = acquaintances
            var all: [PlacedConfiguration] = []
            for record in log {
                durable.tip = journalChain.point(of: record)
                guard case .control(let control) = record.content else { continue }
                switch control {
                case .begin(let begin):
                    durable.history.append(durable.tip)
                    all.append(.init(position: record.position, configuration: begin.configuration))
                    durable.openHandover = nil
                case .configuration(let configuration):
                    all.append(.init(position: record.position, configuration: configuration))
                case .handover(let operation, _): durable.openHandover = operation
                case .handoverCancelled: durable.openHandover = nil
                }
            }
            let last = all.lastIndex { $0.position <= safe } ?? 0
            durable.configurations = Array(all.dropFirst(last))
            return durable
        }

        mutating func cut(to position: UInt64) {
            for record in log.dropFirst(Int(position)) {
                let point = journalChain.point(of: record).canonicalBytes
                guard case .commands(let commands) = record.content else {
                    salvaged.insert(point)
                    continue
                }
                for index in commands.indices { salvaged.insert(point + [UInt8(index)]) }
            }
            log.removeLast(log.count - Int(position))
        }
    }

    /// One run: a store, its model, and an author whose end is always the log's.
    struct Run {
        let bed: JournalBed
        var store: PartitionStore
        var author = LogAuthor()
        var model = Model()
        var generator: Seeded

        init(seed: UInt64) throws {
            bed = try JournalBed(on: SimulatedDisk(seed: seed))
            store = try #require(bed.store)
            generator = Seeded(seed)
        }

        /// Some write that a machine could ask for.
        mutating func anyWrite() -> PartitionWrite {
            var write = PartitionWrite(fence: model.promised)
            let tip = UInt64(model.log.count)
            if generator.below(4) == 0, tip > model.safe {
                let position = model.safe + UInt64(generator.below(Int(tip - model.safe) + 1))
                write.cut = position
                model.cut(to: position)
                author.tip = model.durable.tip
            }
            if model.log.isEmpty || generator.below(6) == 0 {
                let number = model.promised.number + 1 + UInt64(generator.below(2))
                let epoch = PartitionEpoch(number: number, minter: disk(UInt64(1 + generator.below(3))))
                (write.promise, model.promised) = (epoch, epoch)
                write.records.append(author.begin(epoch, members: [disk(1), epoch.minter].uniqued()))
            }
            for _ in 0..<generator.below(4) { write.records.append(author.anyRecord(&generator)) }
            model.log += write.records
            if generator.below(3) == 0 {
                let room = UInt64(model.log.count) - model.safe
                model.safe += UInt64(generator.below(Int(room) + 1))
                write.safe = model.safe
            }
            if generator.below(8) == 0 {
                model.acquaintances = (0..<generator.below(3)).map { disk(UInt64($0)) }
                write.acquaintances = model.acquaintances.reversed()
            }
            return write
        }

        /// A write that no store may take.
        mutating func badWrite() -> PartitionWrite {
            var write = PartitionWrite(fence: model.promised)
            var author = author
            switch generator.below(5) {
            case 0: write.fence = PartitionEpoch(number: model.promised.number + 5, minter: disk(9))
            case 1: write.cut = UInt64(model.log.count) + 1
            case 2: write.safe = UInt64(model.log.count) + 1
            case 3 where model.safe > 0: write.cut = model.safe - 1
            case _:
                _ = author.record(.commands([PartitionCommand.keyring([1]).canonicalBytes]))
                write.records = [author.anyRecord(&generator)]
            }
            return write
        }

        mutating func upkeep() throws {
            switch generator.below(6) {
            case 0: store = try bed.open()
            case 1:
                let goal = UInt64(generator.below(model.log.count + 2))
                while try store.compact(through: goal) {}
                model.base = max(model.base, min(goal, model.safe))
            case 2: try store.database.checkpoint(truncating: generator.below(2) == 0)
            case 3:
                var place: ScrubPlace? = .start
                while let next = place { place = try store.scrub(from: next, rowsMax: 1 + generator.below(5)) }
            case _: break
            }
        }

        func check(_ step: Int) throws {
            let held = try Held(store)
            #expect(held.durable == model.durable, "step \(step)")
            #expect(held.records == Array(model.log.dropFirst(Int(model.base))), "step \(step)")
            let salvaged = held.salvage.map { command in
                command.point.canonicalBytes + (command.index.map { [UInt8($0)] } ?? [])
            }
            #expect(Set(salvaged) == model.salvaged && salvaged.count == model.salvaged.count, "step \(step)")
        }
    }

    @Test(
        "P4, P5: after any writes, cuts, compactions and restarts the tables are a replay of the log",
        arguments: 1...10)
    func modelLaw(seed: UInt64) throws {
        var run = try Run(seed: seed)
        for step in 0..<40 {
            if run.generator.below(5) == 0 {
                let before = try Held(run.store)
                let bad = run.badWrite()
                #expect(throws: StoreError.self, "seed \(seed) step \(step)") { try run.store.commit(bad) }
                #expect(try Held(run.store) == before)
            }
            let write = run.anyWrite()
            try run.store.commit(write)
            try run.check(step)
            if write.cut != nil || step % 10 == 9 {
                #expect(try tableDump(run.store) == replayed(run.model.log), "seed \(seed) step \(step)")
            }
            try run.upkeep()
        }
        try run.check(40)
        try run.store.integrityCheck()
    }

    @Test("D1, P2: one transaction or none: what a refused write brought along is nowhere")
    func nothingOfARefusedWrite() throws {
        var run = try Run(seed: 99)
        try run.store.commit(run.author.founding())
        let held = try Held(run.store)
        var write = PartitionWrite(fence: run.author.fence)
        write.records = [run.author.setting("a", [1])]
        (write.safe, write.promise) = (9, PartitionEpoch(number: 7, minter: disk(2)))
        #expect(storeError { try run.store.commit(write) }?.code == .mismatch)
        #expect(try Held(run.store) == held)
    }
}

extension Array where Element: Equatable {
    /// Each element once, where it stands first.
    func uniqued() -> [Element] {
        reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }
}
