import BoltAPI
import BoltClient
import Foundation
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// How passes end, and that the agent outlives every answer.
@Suite struct PassTests {
    @Test("a pass asks every bolt once before it gives up, and keeps everything")
    func everyBoltIsAsked() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .away() }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        guard case .failed(let failure, let attempts) = pass, failure == .away() else {
            Issue.record("ended as \(pass)")
            return
        }
        #expect(attempts.map(\.address) == port.addresses && attempts.allSatisfy { $0.reason == "nobody listens" })
        #expect(port.addresses.sorted() == ["a:1", "b:1", "c:1"])
        #expect(try scratch.state.openQueue().held().items == 1)
    }

    @Test("a bolt that is away is passed over for the next")
    func nextBolt() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            if number < 2 { throw .away() }
            return ScriptedPort.answer(stored: ScriptedPort.last(request), released: ScriptedPort.last(request))
        }
        guard case .delivered = try await withAgent(scratch.state, port, { try await $0.runOnce() }) else {
            Issue.record("the third bolt was there")
            return
        }
        #expect(Set(port.addresses).count == 3)
    }

    @Test("a refusal ends the pass as refused, with the reason, and deletes nothing")
    func refused() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .refused("its key is banned") }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        guard case .failed(let failure, _) = pass, failure == .refused("its key is banned") else {
            Issue.record("ended as \(pass)")
            return
        }
        #expect(port.requests.count == 1)
        #expect(try scratch.state.openQueue().held().items == 1)
    }

    @Test("a bolt that does not understand is one that is away")
    func rejected() async throws {
        let scratch = try Scratch()
        let what = EnvoyPortFailure(.rejected, code: "bad_request", reason: "what?", next: "update")
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw what }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        guard case .failed(let failure, let attempts) = pass, failure == what, attempts.count == 3 else {
            Issue.record("ended as \(pass)")
            return
        }
    }

    @Test("an owner that stores nothing does not hold a pass for ever, and what waits is told")
    func noProgress() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in ScriptedPort.answer(stored: 0, released: 0) }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        #expect(pass == .partly(waiting: 1))
        #expect(port.requests.count == 3)
    }

    @Test("a pass of many reports tells how far it is, and ends at its bounds")
    func bounds() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in ScriptedPort.takeAll(request) }
        let told = Mutex<[EnvoyAgent.Progress]>([])
        let body = [UInt8](repeating: 7, count: EnvoyLimits.batchBytesMax / 2)
        try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([[UInt8]](repeating: body, count: 9))
            var limits = EnvoyAgent.PassLimits()
            limits.reportsMax = 2
            let few = try await agent.runOnce(limits: limits) { step in told.withLock { $0.append(step) } }
            #expect(few == .partly(waiting: 6))
            limits.reportsMax = 100
            limits.duration = .zero
            #expect(try await agent.runOnce(recording: false, limits: limits) == .partly(waiting: 4))
            limits.duration = .seconds(100)
            guard case .delivered = try await agent.runOnce(recording: false, limits: limits) else {
                Issue.record("not delivered")
                return
            }
        }
        #expect(told.withLock { $0.map(\.waiting) } == [8])
        #expect(try scratch.state.openQueue().held().items == 0)
    }

    @Test("a pinned agent asks only whom it was told, whatever answers name")
    func pinned() async throws {
        let scratch = try Scratch()
        let other = try Names.bolt("south", at: "other:1")
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let last = ScriptedPort.last(request)
            return ScriptedPort.answer(stored: last, released: last, bolts: [other])
        }
        for isPinned in [false, true, false] {
            _ = try await withAgent(scratch.state, port, seeds: ["a:1"], pinned: isPinned) { try await $0.runOnce() }
        }
        #expect(port.addresses == ["a:1", "a:1", "other:1"])
    }

    @Test("a list of bolts that is too long, or names none that can be asked, ends no agent and takes no bolt from it")
    func longLists() async throws {
        let scratch = try Scratch()
        let word = String(repeating: "x", count: 200)
        let rubbish = try ["", " :1", "a:0", "a:99999999999999999999", String(repeating: word, count: 9) + ":1"].map {
            try Names.bolt("north", at: $0)
        }
        let many = try (1...20_000).map { try Names.bolt("north", at: "\(word)-\($0):7440") }
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let last = ScriptedPort.last(request)
            return ScriptedPort.answer(stored: last, released: last, bolts: number == 0 ? rubbish : rubbish + many)
        }
        for _ in 1...3 {
            guard case .delivered = try await withAgent(scratch.state, port, seeds: ["a:1"], { try await $0.runOnce() })
            else {
                Issue.record("it was not delivered")
                return
            }
        }
        #expect(port.addresses.prefix(2) == ["a:1", "a:1"] && port.addresses.last?.hasPrefix(word) == true)
        #expect(KnownBolts.usable(rubbish + many).count == EnvoyLimits.boltsMax)
    }

    @Test("an agent that knows no bolt does not start")
    func noBolt() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .away() }
        await #expect(throws: StoreError.self) { try await withAgent(scratch.state, port, seeds: []) { _ in } }
    }

    @Test("V1: the agent goes on through failures and refusals until it is cancelled, then delivers all that waited")
    func runGoesOn() async throws {
        let scratch = try Scratch()
        let (drained, signal) = AsyncStream<Void>.makeStream()
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            switch number {
            case 0..<7: throw .away()
            case 7: throw .refused("not heard of yet")
            default:
                let last = ScriptedPort.last(request)
                if number > 12 { signal.yield() }
                return ScriptedPort.answer(stored: last, released: last)
            }
        }
        try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([[1], [2]])
            let running = Task { try await agent.run() }
            for await _ in drained { break }
            running.cancel()
            try await running.value
        }
        let delivered = port.requests.dropFirst(8).flatMap { $0.results.map(\.sequence) }
        #expect(delivered == delivered.sorted())
        #expect(delivered.prefix(2) == [1, 2])
        #expect(Set(delivered).count == delivered.count)
        // The first failures went to each bolt in turn.
        #expect(Set(port.addresses.prefix(3)).count == 3)
    }
}
