import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// P5, P6: an envoy's queue through copies of its disk and new beginnings. A machine that holds records of two queues
/// at once tells each under its own name and deletes of each what was released of that one alone.
@Suite struct QueueLivesTests {
    private func open(
        _ path: String, as value: UInt64, items: Int = 100
    ) throws -> QueueStore {
        let store = try QueueStore(path: path, limits: QueueStore.Limits(itemsMax: items, bytesMax: 100_000))
        if case .renewalNeeded = store.incarnation { try store.renewIncarnation(to: queueID(value)) }
        return store
    }

    private func bodies(_ store: QueueStore, _ queue: HeldQueue) throws -> [[UInt8]] {
        try store.batch(of: queue.id, itemsMax: 1000, bytesMax: 100_000).records.map(\.body)
    }

    @Test("P5: what two queues hold at once is told apart, and released apart")
    func twoAtOnce() throws {
        let scratch = try Scratch()
        do {
            let original = try open(scratch.file("a"), as: 1)
            _ = try original.append([[1], [2], [3]])
            try original.release(queueID(1), through: 1)
        }
        copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        let copy = try open(scratch.file("b"), as: 2)
        _ = try copy.append([[4], [5]])
        let held = try copy.queues()
        #expect(held.earlier.map { [$0.first, $0.last] } == [[2, 3]])
        #expect([held.present.first, held.present.last] == [1, 2])
        #expect(try bodies(copy, held.earlier[0]) == [[2], [3]])
        #expect(try bodies(copy, held.present) == [[4], [5]])
        #expect(try copy.batch(of: held.present.id, after: 1, itemsMax: 9, bytesMax: 9).records.map(\.body) == [[5]])
        try copy.release(queueID(2), through: 1)
        #expect(try bodies(copy, held.earlier[0]) == [[2], [3]])
        try copy.release(queueID(1), through: 9)
        #expect(try copy.queues().earlier == [])
        #expect(try bodies(copy, held.present) == [[5]])
        #expect(try copy.held().items == 1)
        #expect(storeError { _ = try copy.batch(of: queueID(77), itemsMax: 1, bytesMax: 1) }?.code == .unknown)
    }

    @Test("P5: a copy never adds to the queue of its original, not even the marker of what it dropped")
    func markerGoesToThePresentQueue() throws {
        let scratch = try Scratch()
        do {
            let original = try open(scratch.file("a"), as: 1, items: 2)
            #expect(try original.append([[1], [2], [3]]).last == .dropped(soFar: 1))
        }
        copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        let copy = try open(scratch.file("b"), as: 2, items: 2)
        try copy.release(queueID(1), through: 1)
        let held = try copy.queues()
        #expect(held.earlier.map(\.last) == [2])
        #expect(try bodies(copy, held.present).map { OverflowMarker.dropped(in: $0) } == [1])
        #expect(try copy.held().dropped == 0)
    }

    @Test("P6: starting over keeps every record, in order, under a new name; a later one does too")
    func startOver() throws {
        let scratch = try Scratch()
        do {
            let original = try open(scratch.file("a"), as: 1)
            _ = try original.append((1...3).map { [$0] }, at: noon)
            try original.release(queueID(1), through: 1)
        }
        copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        var store = try open(scratch.file("b"), as: 2)
        let many = (0..<200).map { [UInt8(truncatingIfNeeded: $0), 7] }
        _ = try store.append(Array(many.prefix(90)))
        for value in 3...5 as ClosedRange<UInt64> {
            let before = try store.held()
            try store.startOver(as: queueID(value))
            let held = try store.queues()
            #expect(held.earlier == [])
            #expect(held.present.first == 1)
            #expect(try bodies(store, held.present) == [[2], [3]] + many.prefix(90))
            #expect(try store.held() == before)
            #expect(try store.oldest() == noon)
            #expect(store.incarnation == .current(queueID(value)))
        }
        // Not more rows than the present queue's and the one before it, however often.
        #expect(try store.places().count == 2)
        try store.release(queueID(5), through: 92)
        #expect(try store.held() == QueueDepth(items: 0, bytes: 0, dropped: 0))
        #expect(try store.oldest() == nil)
        try store.integrityCheck()
        try store.close()
        // The lock goes with the store.
        store = try open(scratch.file("c"), as: 1)
        #expect(try open(scratch.file("b"), as: 9).incarnation == .current(queueID(5)))
    }

    @Test("P6: a start over that could not end keeps every record, wherever the crash was")
    func startOverIsCut() throws {
        let scratch = try Scratch()
        let path = scratch.file("a")
        do {
            let store = try open(path, as: 1)
            _ = try store.append([[1], [2], [3]])
            // The name was drawn before: the first statement fails, as a full disk would have it.
            #expect(storeError { try store.startOver(as: queueID(1)) } != nil)
            #expect(try store.batch(itemsMax: 9, bytesMax: 9).records.map(\.sequence) == [1, 2, 3])
            // Everything is moved, and then the file beside the database cannot be written.
            shell("mv", path + "/queue-incarnation", path + "/kept")
            shell("mkdir", path + "/queue-incarnation")
            #expect(storeError { try store.startOver(as: queueID(2)) } != nil)
        }
        shell("rmdir", path + "/queue-incarnation")
        shell("mv", path + "/kept", path + "/queue-incarnation")
        let store = try open(path, as: 3)
        _ = try store.append([[4]])
        let told = try store.queues().all.flatMap { try bodies(store, $0) }
        #expect(told == [[1], [2], [3], [4]])
        #expect(try store.held().items == 4)
        try store.integrityCheck()
    }

    /// Each try moved everything and ended in the middle, under one more name that its owner was told.
    @Test("P6: a start over whose name finds no room on the disk moves nothing, and can be done again")
    func startOverFindsNoRoom() throws {
        let scratch = try Scratch()
        let path = scratch.file("a")
        let store = try open(path, as: 1)
        _ = try store.append([[1], [2], [3]])
        // As on a disk that is full, no file can be made there.
        shell("mkdir", path + "/queue-incarnation.new")
        for value in 2...4 as ClosedRange<UInt64> {
            #expect(storeError { try store.startOver(as: queueID(value)) } != nil)
            let held = try store.queues()
            #expect(held.earlier == [] && held.present.id == queueID(1))
            #expect(try bodies(store, held.present) == [[1], [2], [3]])
            #expect(try store.places().count == 1)
        }
        shell("rmdir", path + "/queue-incarnation.new")
        try store.startOver(as: queueID(5))
        let held = try store.queues()
        #expect(held.earlier == [] && held.present.id == queueID(5))
        #expect(try bodies(store, held.present) == [[1], [2], [3]])
        try store.integrityCheck()
    }

    @Test(
        "P5, P6: through copies, releases and new beginnings each record stays until it is released", arguments: 1...8)
    func model(seed: UInt64) throws {
        var generator = Seeded(seed)
        // Once on a disk: which numbers a freed file's place gets differs, and copies are told apart by those too.
        let scratch = try Scratch(inMemory: seed > 1)
        var model: [(queue: UInt64, first: UInt64, bodies: [[UInt8]])] = []
        var (names, folders, made) = (UInt64(1), 0, UInt8(0))
        var store = try open(scratch.file("0"), as: names)
        model = [(1, 1, [])]
        for step in 0..<150 {
            switch generator.below(12) {
            case 0...4:
                let added = (0..<1 + generator.below(3)).map { _ in
                    made &+= 1
                    return [made]
                }
                _ = try store.append(added)
                model[model.count - 1].bodies += added
            case 5...8:
                let index = generator.below(model.count)
                let count = generator.below(model[index].bodies.count + 1)
                guard count > 0 else { continue }
                try store.release(queueID(model[index].queue), through: model[index].first + UInt64(count) - 1)
                model[index].first += UInt64(count)
                model[index].bodies.removeFirst(count)
                if index < model.count - 1, model[index].bodies.isEmpty { model.remove(at: index) }
            case 9:
                // The machine's disk is copied, and the copy goes on.
                folders += 1
                names += 1
                copyFiles(from: scratch.file("\(folders - 1)"), to: scratch.file("\(folders)"))
                store = try open(scratch.file("\(folders)"), as: names)
                if model[model.count - 1].bodies.isEmpty { model.removeLast() }
                model.append((names, 1, []))
            case 10 where generator.below(3) == 0:
                names += 1
                try store.startOver(as: queueID(names))
                model = [(names, 1, model.flatMap(\.bodies))]
            case _:
                if generator.below(2) == 0 { try store.close() }
                store = try open(scratch.file("other"), as: 1)
                store = try open(scratch.file("\(folders)"), as: 0)
            }
            let all = try store.queues().all
            #expect(all.map(\.first) == model.map(\.first), "seed \(seed), step \(step)")
            #expect(try all.map { try bodies(store, $0) } == model.map(\.bodies), "seed \(seed), step \(step)")
            #expect(try store.held().items == model.reduce(0) { $0 + $1.bodies.count }, "seed \(seed), step \(step)")
        }
        try store.integrityCheck()
    }
}
