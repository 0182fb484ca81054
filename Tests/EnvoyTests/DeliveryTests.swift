import BoltAPI
import Foundation
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// P2, P5, P6: what the agent queued reaches its owner once, in order, and is not deleted before.
@Suite struct DeliveryTests {
    private func texts(_ bodies: [[UInt8]]) -> [String] {
        bodies.map { String(decoding: $0, as: UTF8.self) }.filter { !$0.contains("\"run\"") }
    }

    @Test("P6, D1: what a report carries is durable in the queue before it is sent")
    func durableBeforeSent() async throws {
        let scratch = try Scratch()
        let lost = Mutex<[UInt64]>([])
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            let kept = (try? scratch.recordsAfterPowerCut(of: request.queueIncarnation)) ?? []
            for result in request.results
            where !kept.contains(where: { $0.sequence == result.sequence && $0.body == result.body.bytes }) {
                lost.withLock { $0.append(result.sequence) }
            }
            return ScriptedPort.answer(stored: ScriptedPort.last(request), released: ScriptedPort.last(request))
        }
        let pass = try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([Array("one".utf8), Array("two".utf8)])
            return try await agent.runOnce()
        }
        guard case .delivered(let answer) = pass else {
            Issue.record("not delivered")
            return
        }
        #expect(answer.storedThrough == 3)
        #expect(port.requests.flatMap { $0.results.map(\.sequence) } == [1, 2, 3])
        #expect(lost.withLock { $0 } == [])
    }

    @Test("P6: nothing is deleted beyond release_through, also when more is stored")
    func deletedOnlyWhenReleased() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            ScriptedPort.answer(stored: ScriptedPort.last(request), released: 1)
        }
        let pass = try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([[1], [2], [3]])
            return try await agent.runOnce()
        }
        guard case .delivered = pass else {
            Issue.record("stored at the owner is delivered")
            return
        }
        let queue = try scratch.state.openQueue()
        let batch = try queue.batch(itemsMax: 10, bytesMax: 1_000)
        #expect(batch.firstHeld == 2)
        #expect(batch.records.map(\.sequence) == [2, 3, 4])
    }

    @Test("P6: an acknowledgement of more than was ever queued deletes nothing")
    func impossibleRelease() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in ScriptedPort.answer(stored: 99, released: 99) }
        _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        #expect(try scratch.state.openQueue().held().items == 1)
    }

    @Test("P2: an answer under a lower authority than one seen is not obeyed, also after a restart")
    func fence() async throws {
        let scratch = try Scratch()
        let stranger = try Names.bolt("south", at: "impostor:1")
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let all = ScriptedPort.last(request)
            return switch number {
            case 0: ScriptedPort.answer(stored: all, released: 0, register: 1, epoch: 5)
            case 1: ScriptedPort.answer(stored: all, released: all, register: 1, epoch: 4, bolts: [stranger])
            case 2: ScriptedPort.answer(stored: all, released: all, register: 0, epoch: 9, bolts: [stranger])
            default: ScriptedPort.answer(stored: all, released: all, register: 1, epoch: 6)
            }
        }
        for number in 0...3 {
            let pass = try await withAgent(scratch.state, port, seed: UInt64(number)) { try await $0.runOnce() }
            let items = try scratch.state.openQueue().held().items
            switch (number, pass) {
            case (0, .delivered), (3, .delivered): break
            case (1, .failed(let failure, _)), (2, .failed(let failure, _)):
                #expect(failure.code == "superseded_owner" && failure.reason.contains("superseded"))
            default: Issue.record("pass \(number) ended as \(pass)")
            }
            #expect(items == (number == 3 ? 0 : number + 1))
        }
        let highest = port.requests.map { [$0.highest?.register ?? 0, $0.highest?.epoch ?? 0] }
        #expect(highest == [[0, 0], [1, 5], [1, 5], [1, 5]])
        #expect(!port.addresses.contains("impostor:1"))
    }

    @Test("V1, N4, P5: through a bad network everything arrives once, in order, and nothing is deleted too early")
    func exactlyOnce() async throws {
        var fired: [String: Int] = [:]
        for seed in 1...16 as ClosedRange<UInt64> {
            let scratch = try Scratch()
            let owner = OwnerModel(seed: seed)
            var generator = SeededGenerator(seed: seed &* 7919)
            var expected: [String] = []
            for life in 0..<6 {
                // Ended in order, or killed with nothing closed.
                let isClosed = generator.below(2) == 0
                try await withAgent(scratch.state, owner, seed: generator.next(), closing: isClosed) { agent in
                    for pass in 0...generator.below(5) {
                        let bodies = (0..<generator.below(4)).map { "\(life)/\(pass)/\($0) \(generator.next())" }
                        _ = try await agent.enqueue(bodies.map { Array($0.utf8) })
                        expected += bodies
                        _ = try await agent.runOnce()
                    }
                }
            }
            owner.recover()
            let last = try await withAgent(scratch.state, owner) { try await $0.runOnce() }
            guard case .delivered = last else {
                Issue.record("seed \(seed): the queue did not drain")
                continue
            }
            #expect(owner.violations == [], "seed \(seed)")
            #expect(owner.stored.count == 1, "seed \(seed)")
            #expect(texts(owner.stored.values.flatMap { $0 }) == expected, "seed \(seed)")
            #expect(try scratch.state.openQueue().held().items == 0, "seed \(seed)")
            for (fault, count) in owner.fired { fired[fault, default: 0] += count }
        }
        // A fault that never came proves nothing.
        for fault in ["away", "lostAnswer", "duplicate", "replay", "restart", "impostor", "gap"] {
            #expect(fired[fault, default: 0] > 3, "\(fault) came \(fired[fault, default: 0]) times")
        }
    }

    @Test("P5: a copied queue delivers what it holds under the old name, though its original went on, then its own")
    func copiedQueue() async throws {
        let scratch = try Scratch()
        let copy = EnvoyDirectory(scratch.file("copied"))
        let away = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .away() }
        try await withAgent(scratch.state, away) { original in
            _ = try await original.enqueue([[1], [2]])
            try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: scratch.state.queuePath, toPath: copy.queuePath)
        }
        // The original went on and has delivered fifty; of the copy's own queue everything that comes is taken.
        let first = Mutex<QueueIncarnation?>(nil)
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            let old = first.withLock { first in
                if first == nil { first = request.queueIncarnation }
                return first
            }
            let last = request.queueIncarnation == old ? 50 : ScriptedPort.last(request)
            return ScriptedPort.answer(stored: last, released: last)
        }
        guard case .delivered = try await withAgent(copy, port, { try await $0.runOnce() }) else {
            Issue.record("the copy is stuck")
            return
        }
        let incarnations = port.requests.map(\.queueIncarnation)
        #expect(Set(incarnations).count == 2)
        #expect(port.requests.first?.results.map(\.body.bytes) == [[1], [2]])
        #expect(port.requests.last?.results.map(\.sequence) == [1])
        #expect(try copy.openQueue().held().items == 0)
    }

    @Test("P6: an owner that calls nothing safe yet is told all the same what lies beyond one report")
    func releaseLagsBehind() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            ScriptedPort.answer(stored: ScriptedPort.last(request), released: 0)
        }
        let body = [UInt8](repeating: 7, count: EnvoyLimits.batchBytesMax / 2)
        try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([[UInt8]](repeating: body, count: 9))
            guard case .delivered(let answer) = try await agent.runOnce() else {
                Issue.record("not delivered")
                return
            }
            #expect(answer.storedThrough == 10)
        }
        #expect(port.requests.flatMap { $0.results.map(\.sequence) } == Array(1...10))
        #expect(port.requests.allSatisfy { $0.firstHeld == 1 })
        #expect(try scratch.state.openQueue().held().items == 10)
    }

    @Test(
        "P5: an older copy of itself that only the owner can tell goes on as a new queue and loses nothing"
    )
    func olderCopyOfItself() async throws {
        for isTold in [true, false] {
            let scratch = try Scratch()
            let first = Mutex<QueueIncarnation?>(nil)
            // The original told fifty records; under the numbers of what is held here, others are stored.
            let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
                let old = first.withLock { first in
                    if first == nil { first = request.queueIncarnation }
                    return first
                }
                guard request.queueIncarnation == old else { return ScriptedPort.takeAll(request) }
                if isTold { throw .contradicted }
                return ScriptedPort.answer(stored: 50, released: 50)
            }
            let pass = try await withAgent(scratch.state, port) { agent in
                _ = try await agent.enqueue([[1], [2]])
                return try await agent.runOnce()
            }
            guard case .delivered = pass else {
                Issue.record("ended as \(pass)")
                continue
            }
            let last = try #require(port.requests.last)
            #expect(last.results.map(\.sequence) == [1, 2, 3])
            #expect(last.results.prefix(2).map(\.body.bytes) == [[1], [2]])
            #expect(try scratch.state.openQueue().held().items == 0)
        }
    }

    @Test("P6: results that are queued while a bolt is asked are no contradiction of its answer")
    func queuedMeanwhile() async throws {
        let scratch = try Scratch()
        let port = EnqueuingPort()
        try await withAgent(scratch.state, port) { agent in
            port.agent.withLock { $0 = agent }
            for _ in 0..<3 {
                guard case .delivered = try await agent.runOnce() else {
                    Issue.record("not delivered")
                    return
                }
            }
            port.agent.withLock { $0 = nil }
        }
        #expect(port.incarnations.withLock { $0.count } == 1)
        #expect(try scratch.state.openQueue().held().items == 0)
    }

    @Test("P5, P6: whatever copies the machine's disk and whenever, each queue's results arrive in order, once")
    func manyLives() async throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            let scratch = try Scratch()
            let owner = OwnerModel(seed: seed)
            var generator = SeededGenerator(seed: seed &* 104_729)
            var (expected, state) = (Set<String>(), scratch.state)
            for life in 0..<6 {
                if life > 0 {
                    // The disk is copied and the copy goes on; nobody hears of the original again.
                    let next = EnvoyDirectory(scratch.file("life-\(life)"))
                    try FileManager.default.createDirectory(atPath: next.path, withIntermediateDirectories: true)
                    try FileManager.default.copyItem(atPath: state.queuePath, toPath: next.queuePath)
                    state = next
                }
                try await withAgent(state, owner, seed: generator.next(), closing: generator.below(2) == 0) { agent in
                    for pass in 0...generator.below(3) {
                        let bodies = (0..<generator.below(4)).map { "\(life)/\(pass)/\($0) \(generator.next())" }
                        _ = try await agent.enqueue(bodies.map { Array($0.utf8) })
                        expected.formUnion(bodies)
                        _ = try await agent.runOnce()
                    }
                }
            }
            owner.recover()
            // What earlier lives left is released first: one report of each queue.
            for _ in 0..<8 where try state.openQueue().held().items > 0 {
                _ = try await withAgent(state, owner) { try await $0.runOnce(recording: false) }
            }
            let told = owner.stored.values.flatMap { texts($0) }
            #expect(owner.violations == [], "seed \(seed)")
            #expect(Set(told) == expected && told.count == expected.count, "seed \(seed)")
            #expect(try state.openQueue().held().items == 0, "seed \(seed)")
            for bodies in owner.stored.values {
                let lives = texts(bodies).map { $0.prefix { $0 != " " } }
                #expect(lives == lives.sorted(), "seed \(seed): out of order")
            }
        }
    }

    @Test("P6: a full queue says how many records it dropped, once there is room")
    func overflow() async throws {
        let scratch = try Scratch()
        let taken = Mutex<[[UInt8]]>([])
        let isAway = Mutex(true)
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            if isAway.withLock({ $0 }) { throw .away() }
            taken.withLock { $0 += request.results.map(\.body.bytes) }
            return ScriptedPort.answer(stored: ScriptedPort.last(request), released: ScriptedPort.last(request))
        }
        let limits = QueueStore.Limits(itemsMax: 3, bytesMax: 10_000)
        try await withAgent(scratch.state, port, queue: limits) { agent in
            let admissions = try await agent.enqueue([[1], [2], [3], [4], [5]])
            #expect(admissions.suffix(2) == [.dropped(soFar: 1), .dropped(soFar: 2)])
            guard case .failed(let failure, _) = try await agent.runOnce(), failure == .away() else {
                Issue.record("nobody was there")
                return
            }
            isAway.withLock { $0 = false }
            guard case .delivered = try await agent.runOnce() else {
                Issue.record("not delivered")
                return
            }
        }
        // Both passes wanted to add a record of their run to the full queue.
        let dropped = taken.withLock { $0.compactMap { OverflowMarker.dropped(in: $0) } }
        #expect(dropped == [4])
        #expect(taken.withLock { $0.prefix(3) } == [[1], [2], [3]])
    }
}
