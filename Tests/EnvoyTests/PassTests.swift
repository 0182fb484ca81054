import BoltAPI
import Foundation
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// How passes end, and that the agent outlives every answer.
@Suite struct PassTests {
    private static let away = EnvoyPortFailure.unavailable(reason: "nobody listens", retryAfter: nil)

    @Test("a pass asks every bolt once before it gives up, and keeps everything")
    func everyBoltIsAsked() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw Self.away }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        #expect(pass == .unavailable(reason: "nobody listens"))
        #expect(port.addresses.sorted() == ["a:1", "b:1", "c:1"])
        #expect(try scratch.state.openQueue().held().items == 1)
    }

    @Test("a bolt that is away is passed over for the next")
    func nextBolt() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            if number < 2 { throw Self.away }
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
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .refused(reason: "its key is banned") }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        #expect(pass == .refused(reason: "its key is banned"))
        #expect(port.requests.count == 1)
        #expect(try scratch.state.openQueue().held().items == 1)
    }

    @Test("a bolt that does not understand is one that is away")
    func rejected() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw .rejected(reason: "what?") }
        let pass = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        #expect(pass == .unavailable(reason: "what?"))
    }

    @Test("an owner that stores nothing does not hold a pass for ever")
    func noProgress() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in ScriptedPort.answer(stored: 0, released: 0) }
        guard case .unavailable = try await withAgent(scratch.state, port, { try await $0.runOnce() }) else {
            Issue.record("nothing was stored")
            return
        }
        #expect(port.requests.count == EnvoyLimits.passesMax)
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

    @Test("an agent that knows no bolt does not start")
    func noBolt() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { _, _ throws(EnvoyPortFailure) in throw Self.away }
        await #expect(throws: StoreError.self) { try await withAgent(scratch.state, port, seeds: []) { _ in } }
    }

    @Test("V1: the agent goes on through failures and refusals until it is cancelled, then delivers all that waited")
    func runGoesOn() async throws {
        let scratch = try Scratch()
        let (drained, signal) = AsyncStream<Void>.makeStream()
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            switch number {
            case 0..<7: throw Self.away
            case 7: throw .refused(reason: "not heard of yet")
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
