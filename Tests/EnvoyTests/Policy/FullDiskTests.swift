import BoltAPI
import Foundation
import Policy
import Spanner
import Synchronization
import Testing

@testable import Envoy
@testable import SpannerStore

/// A disk without room: the agent goes on, and nothing that it has to tell is lost.
@Suite struct FullDiskTests {
    private let owner = PolicyOwner()

    /// Many resources, so that what came of a pass needs room.
    private func given() throws -> PolicyServer {
        let server = PolicyServer()
        let resources = (0..<300).map { "  - file: /etc/some/file-\($0)\n    content: \($0)\n" }.joined()
        let bytes = try policyBody(try Machine.facts(), layer: "layer: base\nresources:\n" + resources)
        server.give(try owner.grant(1, to: Machine.id, body: bytes), body: bytes)
        return server
    }

    @Test("P6: on a full disk passes go on; what came of them waits in memory, and is told in order once there is room")
    func goesOn() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            _ = try await agent.runOnce()
            try await agent.limitPages(to: 1)
            server.state.withLock { $0.isAway = true }
            for _ in 1...3 {
                await agent.makeDue()
                _ = try await agent.runOnce(recording: false)
            }
            #expect(enforcer.calls.count == 4)
            #expect(await agent.unkept.count > 0, "the disk was not full")
            // A bolt is there, and the disk is still full: what is told is taken, and the agent goes on.
            server.state.withLock { $0.isAway = false }
            _ = try await agent.runOnce(recording: false)
            try await agent.limitPages(to: 1 << 30)
            _ = try await agent.runOnce(recording: false)
            #expect(await agent.unkept.isEmpty)
        }
        let passes = server.passes.filter { $0.report != nil }
        let times = passes.map(\.at.milliseconds)
        #expect(times.count == 4 && times == times.sorted())
    }

    @Test("P6: beyond what memory has room for, the oldest go, and a marker says how many")
    func bounded() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        try await withAgent(scratch.state, server, policy: try Machine.work(enforcer)) { agent in
            try await agent.limitPages(to: 1)
            for _ in 0..<(EnvoyLimits.unkeptMax + 5) { try await agent.put([UInt8](repeating: 7, count: 20_000)) }
            let waiting = await agent.unkept.count
            let dropped = await agent.unkeptDropped
            #expect(waiting == EnvoyLimits.unkeptMax && dropped >= 1)
            try await agent.limitPages(to: 1 << 30)
            _ = try await agent.runOnce(recording: false)
            #expect(server.state.withLock { $0.stored.compactMap { OverflowMarker.dropped(in: $0) } } == [dropped])
        }
    }
}

extension EnvoyAgent {
    /// As if the disk had room for so many pages of the queue, or for those that it has.
    fileprivate func limitPages(to count: Int) throws {
        try queue.database.execute("PRAGMA max_page_count = \(count)")
    }
}
