import BoltAPI
import BoltClient
import CRDT
import Spanner
import Synchronization
import Testing

@testable import boltctl

/// A context that names other bolts than the mesh has, and bolts that do not answer.
@Suite struct StaleContextTests {
    private func answer(_ bolt: String) -> RosterDigestResponse {
        RosterDigestResponse(bolt: bolt, digest: Views.bytes(7), events: 3, replicas: [])
    }

    /// After a bolt was removed `roster digest` asked it for ever and ended with 1; a new one was never asked.
    @Test func theRosterSaysWhoIsAskedBesideTheContext() throws {
        let bolts = [
            try Views.bolt("a", "north", port: 1), try Views.bolt("b", "north", port: 2),
            try Views.bolt("c", "north", port: 3),
        ]
        // One by another address than the roster has, one silent, one that was removed.
        let lines: [BoltDigests.Line] = [
            .init(address: "tunnel:9", answer: answer("a.north"), error: nil),
            .init(address: "127.0.0.1:2", answer: nil, error: "refused"),
            .init(address: "127.0.0.1:8", answer: nil, error: "refused"),
        ]
        #expect(BoltDigests.unasked(bolts, lines).map(\.fullName) == ["c.north"])
        let new = BoltDigests.Line(address: "127.0.0.1:3", answer: answer("c.north"), error: nil)
        let all = BoltDigests.merged(lines, [new], bolts)
        #expect(all.map(\.bolt) == ["a.north", "b.north", nil, "c.north"])
        #expect(all.map(\.isStale) == [false, false, true, false])
        let table = RosterDigest.table(all)
        #expect(table.contains("b.north") && table.contains("boltctl context refresh"), "\(table)")
        #expect(throws: CommandFailure.self) { try BoltDigests.requireAll(all) }
        try BoltDigests.requireAll(all.filter { $0.bolt != "b.north" })
        #expect(ContextRefresh.bolts(lines, bolts) == ["tunnel:9", "127.0.0.1:2", "127.0.0.1:3"])
    }

    /// Commands waited for a silent bolt and said nothing.
    @Test func whoIsWaitedForIsToldOnce() {
        let told = Mutex<[String]>([])
        let notices = WaitNotices { text in told.withLock { $0.append(text) } }
        for address in ["h:1", "h:1", "h:2", "h:1"] { notices.onWait(address) }
        #expect(told.withLock { $0 } == ["waiting for h:1 to answer", "waiting for h:2 to answer"])
    }
}
