import BoltAPI
import Foundation
import Identity
import Spanner
import SpannerStore
import Synchronization
import Testing

@testable import Envoy

/// What `status` knows of an agent's reports, and whose queue it is.
@Suite struct HistoryTests {
    @Test("what came of reports is kept: the refusal with its code and what to do, and what waits")
    func refusalIsKept() async throws {
        let scratch = try Scratch()
        let isRefused = Mutex(true)
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            if isRefused.withLock({ $0 }) { throw .refused("the key is banned: lost") }
            return ScriptedPort.takeAll(request)
        }
        #expect(scratch.state.history() == nil)
        for number in 1...2 {
            _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
            let history = try #require(scratch.state.history())
            #expect(history.isFailing && history.stored == nil)
            let failure = try #require(history.failure)
            #expect(failure.kind == .refused && failure.code == "banned" && failure.next == "ask an operator")
            #expect(failure.reason == "the key is banned: lost")
            #expect(history.queue?.records == number)
            #expect(history.queue?.oldest != nil)
        }
        isRefused.withLock { $0 = false }
        _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        let history = try #require(scratch.state.history())
        #expect(!history.isFailing)
        #expect(history.stored?.storedThrough == 3)
        #expect(history.failure?.code == "banned", "an old failure stays to be read")
        #expect(history.queue?.records == 0 && history.queue?.oldest == nil)
    }

    /// `status` told an owner of which every bolt was dead as the one that had stored them.
    @Test("P6: the history says who keeps results while their owner is away")
    func custodyIsKept() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in
            var answer = ScriptedPort.takeAll(request)
            (answer.custody, answer.level, answer.releaseThrough) = (CheckInCustody(keptBy: "c.west"), .custody, 0)
            return answer
        }
        _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        let history = try #require(scratch.state.history())
        #expect(history.stored?.keptBy == "c.west" && history.stored?.level == .custody)
        #expect(history.queue?.records == 1, "it is the envoy's still")
    }

    @Test("a history that is cut is as good as none, and one that cannot be written does not stop the agent")
    func damagedHistory() async throws {
        let scratch = try Scratch()
        let port = ScriptedPort { request, _ throws(EnvoyPortFailure) in ScriptedPort.takeAll(request) }
        _ = try await withAgent(scratch.state, port) { try await $0.runOnce() }
        try "{".write(toFile: scratch.state.path + "/reports.json", atomically: true, encoding: .utf8)
        #expect(scratch.state.history() == nil)
        try FileManager.default.removeItem(atPath: scratch.state.path + "/reports.json")
        try FileManager.default.createDirectory(
            atPath: scratch.state.path + "/reports.json/x", withIntermediateDirectories: true)
        guard case .delivered = try await withAgent(scratch.state, port, { try await $0.runOnce() }) else {
            Issue.record("not delivered")
            return
        }
    }

    @Test("while the agent runs, its next attempt is told; after its end none is")
    func nextAttempt() async throws {
        let scratch = try Scratch()
        let (asked, signal) = AsyncStream<Void>.makeStream()
        let port = ScriptedPort { _, number throws(EnvoyPortFailure) in
            if number > 6 { signal.yield() }
            throw .away()
        }
        try await withAgent(scratch.state, port) { agent in
            let running = Task { try await agent.run() }
            for await _ in asked { break }
            #expect(scratch.state.history()?.nextAttempt != nil)
            #expect(scratch.state.history()?.isFailing == true)
            running.cancel()
            try await running.value
        }
        #expect(scratch.state.history()?.nextAttempt == nil)
    }

    @Test(
        "P5: a machine that is enrolled anew takes what its queue holds along, under another name and no old authority")
    func anotherPrincipal() async throws {
        let scratch = try Scratch()
        let (old, new) = (PrincipalID(high: 1, low: 1), PrincipalID(high: 2, low: 2))
        var queue: QueueStore? = try scratch.state.openQueue(for: old)
        let before = queue?.incarnation
        _ = try queue?.append([[1], [2]])
        let seen = OwnerSight(fence: EnvoyMachine.Fence(register: 9, epoch: 9))
        try queue.map { try EnvoyMemory(meta: $0.meta).remember(seen) }
        queue = nil
        queue = try scratch.state.openQueue(for: old)
        #expect(queue?.incarnation == before)
        #expect(try queue.map { try EnvoyMemory(meta: $0.meta).sight().fence.register } == 9)
        queue = nil
        queue = try scratch.state.openQueue(for: new)
        #expect(queue?.incarnation != before)
        let batch = try #require(try queue?.batch(itemsMax: 9, bytesMax: 9))
        #expect(batch.records.map(\.body) == [[1], [2]] && batch.firstHeld == 1)
        #expect(try queue.map { try EnvoyMemory(meta: $0.meta).sight().fence.register } == 0)
        try queue?.close()
    }

    @Test("a machine that is not enrolled is told the command that enrols it, with its folder")
    func notEnrolled() throws {
        let scratch = try Scratch()
        do {
            try scratch.state.requireEnrolled()
            Issue.record("it is not enrolled")
        } catch {
            #expect(error.code == .notEnrolled)
            #expect(error.next.contains("bolt-envoy enroll --state \(scratch.state.path)"))
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.state.path), "looking makes nothing")
    }

    @Test("an identity that is set aside is kept, each time under another name; the queue stays")
    func setAside() throws {
        let scratch = try Scratch()
        try scratch.state.openQueue().close()
        for name in ["identity.ended", "identity.ended-2"] {
            try FileManager.default.createDirectory(
                atPath: scratch.state.identityPath, withIntermediateDirectories: true)
            try name.write(toFile: scratch.state.identityPath + "/tls.key", atomically: true, encoding: .utf8)
            let aside = try scratch.state.setIdentityAside()
            #expect(aside == scratch.state.path + "/" + name)
            #expect(try String(contentsOfFile: aside + "/tls.key", encoding: .utf8) == name)
            #expect(!FileManager.default.fileExists(atPath: scratch.state.identityPath))
        }
        #expect(FileManager.default.fileExists(atPath: scratch.state.queuePath))
    }
}
