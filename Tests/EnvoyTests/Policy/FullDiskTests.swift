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

    @Test("P6: what finds no room at its end is lost, and an agent that loses it does not end well")
    func lost() async throws {
        let scratch = try Scratch()
        try await withAgent(
            scratch.state, try given(), closing: false, policy: try Machine.work(FakeEnforcer())
        ) { agent in
            try await agent.limitPages(to: 1)
            for _ in 1...3 { try await agent.put([UInt8](repeating: 7, count: 20_000)) }
            let lost = await agent.unkept.count
            #expect(lost > 0, "the disk was not full")
            do throws(StoreError) {
                try await agent.close()
                Issue.record("it ended well, and \(lost) records are gone")
            } catch {
                #expect(error.code == .full && error.why.contains("no room for \(lost) "))
            }
        }
    }

    @Test("P6: a full disk that takes no beacon and no facts of the machine keeps no answer from being obeyed")
    func draining() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        func say(at milliseconds: UInt64, _ role: String) throws {
            let name = try #require(PrincipalName("web-1"))
            server.state.withLock {
                $0.beacon = owner.beacon(1, at: WallTime(milliseconds: milliseconds))
                $0.machine = CheckInMachine(name: name, group: GroupName(checked: "web"), labels: ["role": role])
            }
        }
        try say(at: 2_000_000, "front")
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            _ = try await agent.runOnce()
            try await agent.refuse("policy")
            for number in 1...2 as ClosedRange<UInt64> {
                try say(at: 2_000_000 + number * 30_000, "back")
                guard case .delivered = try await agent.runOnce() else {
                    Issue.record("the answer was not obeyed")
                    return
                }
            }
            // In force without being durable, and no change each time that it is told again.
            #expect(enforcer.calls.count == 2)
            #expect(await agent.labels == ["role": "back"])
            #expect(try await agent.keptLabels() == ["role": "front"])
            try await agent.limitPages(to: 1 << 30)
            _ = try await agent.runOnce()
            #expect(enforcer.calls.count == 2)
            #expect(try await agent.keptLabels() == ["role": "back"])
        }
    }

    @Test("P6: a full disk that takes no order has it carried out by nobody: it would be again after a restart")
    func orders() async throws {
        let scratch = try Scratch()
        let (server, enforcer) = (try given(), FakeEnforcer())
        try await withAgent(
            scratch.state, server, interval: .seconds(3_600), policy: try Machine.work(enforcer)
        ) { agent in
            _ = try await agent.runOnce()
            try await agent.refuse("policy")
            server.state.withLock { $0.order = owner.order(1, to: Machine.id) }
            guard case .failed(let failure, _) = try await agent.runOnce() else {
                Issue.record("it was obeyed")
                return
            }
            #expect(failure.code == "store_full" && enforcer.calls.count == 1)
        }
    }

    /// It ended the agent, which a disk that is full was to end nowhere.
    @Test("P5, P6: a full disk that takes no start over ends nothing and moves nothing; with room it is done")
    func startOver() async throws {
        let scratch = try Scratch()
        let old = Mutex<QueueIncarnation?>(nil)
        // The original of this copy told other results under the same numbers.
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            let first = old.withLock { old in
                old = old ?? request.queueIncarnation
                return old
            }
            if request.queueIncarnation == first { throw .contradicted }
            return ScriptedPort.takeAll(request)
        }
        try await withAgent(scratch.state, port) { agent in
            _ = try await agent.enqueue([[1], [2]])
            try await agent.refuse("queue")
            guard case .failed(let failure, _) = try await agent.runOnce(recording: false) else {
                Issue.record("it went on under a new name")
                return
            }
            #expect(failure.kind == .contradicted)
            #expect(Set(port.requests.map(\.queueIncarnation)).count == 1)
            try await agent.limitPages(to: 1 << 30)
            // The first try finds room for the start over and ends: there were many without success. The next delivers.
            var isDelivered = false
            for _ in 0..<2 where !isDelivered {
                if case .delivered = try await agent.runOnce(recording: false) { isDelivered = true }
            }
            #expect(isDelivered)
        }
        let names = Set(port.requests.map(\.queueIncarnation))
        #expect(names.count == 2)
        for name in names {
            let told = port.requests.filter { $0.queueIncarnation == name }.flatMap(\.results)
            #expect(told.allSatisfy { $0.body.bytes == [UInt8($0.sequence)] }, "a number stood for two results")
        }
        #expect(try scratch.state.openQueue().held().items == 0)
    }

    @Test("P6: a list of bolts that a full disk has no room for is gone by all the same")
    func bolts() async throws {
        let scratch = try Scratch()
        let other = try Names.bolt("north", at: "other:1")
        let port = ScriptedPort { request, number throws(EnvoyPortFailure) in
            let last = ScriptedPort.last(request)
            return ScriptedPort.answer(stored: last, released: last, bolts: number == 0 ? [] : [other])
        }
        try await withAgent(scratch.state, port, seeds: ["a:1"]) { agent in
            _ = try await agent.runOnce()
            try await agent.refuse("meta")
            for _ in 1...2 {
                guard case .delivered = try await agent.runOnce(recording: false) else {
                    Issue.record("it was not delivered")
                    return
                }
            }
        }
        #expect(port.addresses == ["a:1", "a:1", "other:1"])
    }
}

extension EnvoyAgent {
    /// As if the disk had room for so many pages of the queue, or for those that it has.
    fileprivate func limitPages(to count: Int) throws {
        try queue.database.execute("PRAGMA max_page_count = \(count)")
    }
    /// As if the disk had no room for anything in this table.
    fileprivate func refuse(_ table: String) throws {
        try queue.database.execute("CREATE TABLE filler(bytes BLOB NOT NULL) STRICT")
        try queue.database.execute(
            """
            CREATE TRIGGER full BEFORE INSERT ON \(table) BEGIN INSERT INTO filler VALUES (zeroblob(10000000)); END
            """)
        try limitPages(to: 1)
    }

    fileprivate var labels: [String: String]? { desk?.machine.labels }

    /// Those that the next process would begin with.
    fileprivate func keptLabels() throws -> [String: String]? {
        guard let desk, case .whole(let policy) = try desk.store.load() else { return nil }
        return try APIJSON.decode(StandingFacts.self, from: Data(policy.machine)).labels
    }
}
