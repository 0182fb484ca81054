import CRDT
import Foundation
import Spanner
import Testing

@testable import Lease

/// The engine against a real etcd: Debian's package `etcd-server`.
@Suite("Lease: one real etcd", .enabled(if: EtcdServer.program != nil, EtcdServer.absence))
struct EtcdLeaseTests {
    @Test("campaign, renewal, release: one holds it, the other sees who, then takes it")
    func life() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (one, two) = (try Sample.lease([server.endpoint], 1), try Sample.lease([server.endpoint], 2))
        #expect(try await one.view().holder == nil)
        let token = try await one.win(.seconds(60))
        let holder = LeaseHolder(who: Sample.bolt(1), token: token)
        guard case .occupied(let seen) = try await two.ask(.campaign(ttl: .seconds(2))) else {
            Issue.record("granted twice")
            return
        }
        #expect(seen.holder == holder)
        guard case .renewed(let ttl, let view) = try await one.ask(.renew(token)) else {
            Issue.record("not renewed")
            return
        }
        #expect(ttl >= .seconds(60) && view.holder == holder && view.mark.cluster == seen.mark.cluster)
        let strange = LeaseToken(lease: token.lease, created: token.created + 1)
        guard case .gone = try await one.ask(.renew(strange)) else {
            Issue.record("another grant's token was renewed")
            return
        }
        guard case .released(let mark) = try await one.ask(.release(token)) else { return }
        #expect(mark.revision > view.mark.revision)
        guard case .released = try await one.ask(.release(token)) else { return }
        let next = try await two.win()
        #expect(next != token)
        guard case .gone(let after) = try await one.ask(.renew(token)) else {
            Issue.record("a token that is gone was renewed")
            return
        }
        #expect(after.holder?.who == Sample.bolt(2))
    }

    @Test("a lease that is not renewed ends by itself, not before its time")
    func expiry() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (one, two) = (try Sample.lease([server.endpoint], 1), try Sample.lease([server.endpoint], 2))
        _ = try await one.win(.milliseconds(1200))
        let won = ContinuousClock.now
        var isFree = false
        while !isFree, ContinuousClock.now - won < .seconds(60) { isFree = try await two.view().holder == nil }
        #expect(isFree)
        #expect(ContinuousClock.now - won >= .milliseconds(1200), "not before its time")
        _ = try await two.win()
    }

    @Test("leases of partitions, meshes and prefixes are apart")
    func keys() async throws {
        let server = try EtcdServer()
        try await server.start()
        let settings = Sample.etcd([server.endpoint])
        var other = settings
        other.keyPrefix = "/elsewhere"
        let names = (try Sample.partition(), try #require(PartitionName("b")))
        for engine in [
            try EtcdLease(settings, mesh: Sample.mesh, partition: names.0, me: Sample.bolt(1)),
            try EtcdLease(settings, mesh: Sample.mesh, partition: names.1, me: Sample.bolt(1)),
            try EtcdLease(settings, mesh: MeshID(.zero), partition: names.0, me: Sample.bolt(1)),
            try EtcdLease(other, mesh: Sample.mesh, partition: names.0, me: Sample.bolt(1)),
        ] { _ = try await engine.win() }
    }

    @Test("P9: a version with known errors in its leases is watched, not campaigned at, unless it was accepted")
    func oldVersion() async throws {
        let server = try EtcdServer()
        try await server.start()
        let careful = try Sample.lease([server.endpoint]) { $0.acceptOldEtcd = false }
        _ = try await careful.view()
        guard let warning = await careful.warning() else {
            // The etcd at hand is a repaired one.
            _ = try await careful.win()
            return
        }
        #expect(warning.contains("15247") && warning.contains("CVE-2026-33413"))
        await #expect(throws: LeaseFailure.refused(warning + "; upgrade it, or set accept_old_etcd")) {
            try await careful.ask(.campaign(ttl: .seconds(2)))
        }
        let accepting = try Sample.lease([server.endpoint])
        _ = try await accepting.win()
        #expect(await accepting.warning()?.contains("accepted") == true)
    }

    @Test("endpoints that are dead, silent or no etcd cost their share of the time; one that answers is enough")
    func failover() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (silent, silentPort) = try Sockets.serve(nil)
        let dead = try Sockets.freePort()
        let engine = try Sample.lease(
            ["http://127.0.0.1:\(silentPort)", "http://127.0.0.1:\(dead)", server.endpoint])
        _ = try await engine.ask(.observe, within: .seconds(12))
        #expect(Sockets.connections(silent) == 1)
        for _ in 0..<5 { _ = try await engine.ask(.observe, within: .seconds(12)) }
        #expect(Sockets.connections(silent) == 0, "the one that answered is asked first")
        close(silent)
    }

    @Test("P9: a stopped etcd process ends a request in its time; woken, it answers again", .timeLimit(.minutes(1)))
    func paused() async throws {
        let server = try EtcdServer()
        try await server.start()
        let engine = try Sample.lease([server.endpoint])
        let token = try await engine.win(.seconds(300))
        server.pause()
        await #expect(throws: LeaseFailure.self) { try await engine.ask(.renew(token), within: .milliseconds(700)) }
        server.resume()
        guard case .renewed = try await engine.ask(.renew(token)) else {
            Issue.record("not renewed after the pause")
            return
        }
    }

    @Test("P9: killed and started again it remembers; erased, it is seen to be another one")
    func rebuilt() async throws {
        let server = try EtcdServer()
        try await server.start()
        let engine = try Sample.lease([server.endpoint])
        let token = try await engine.win(.seconds(60))
        let before = try await engine.view().mark
        server.kill()
        await #expect(throws: LeaseFailure.self) { try await engine.ask(.observe, within: .seconds(1)) }
        try await server.start()
        guard case .renewed(_, let view) = try await engine.ask(.renew(token)) else {
            Issue.record("forgotten by a restart")
            return
        }
        #expect(view.mark == before)
        server.kill()
        try server.erase()
        try await server.start()
        guard case .gone(let after) = try await engine.ask(.renew(token)) else {
            Issue.record("an empty etcd renewed")
            return
        }
        #expect(after.mark.revision < before.revision && after.holder == nil)
    }

    @Test("a key that no bolt has written is refused, with what to do")
    func foreignKey() async throws {
        let server = try EtcdServer()
        try await server.start()
        let gateway = EtcdGateway(settings: Sample.etcd([server.endpoint]), context: nil, password: nil)
        let key = Data("/bolt/\(Sample.mesh)/a/lease".utf8)
        let put = Etcd.PutRequest(key: key, value: Data("theirs".utf8), lease: Etcd.Number(0))
        _ = try await gateway.call("/v3/kv/put", put, by: .now + .seconds(10), as: Etcd.RangeAnswer.self)
        let engine = try Sample.lease([server.endpoint])
        do {
            _ = try await engine.view()
            Issue.record("taken")
        } catch LeaseFailure.refused(let why) { #expect(why.contains("no bolt has written")) }
        await gateway.close()
    }

    @Test("with users: the right password works, also after its token ended; a wrong one and none are refused")
    func users() async throws {
        let server = try EtcdServer()
        try await server.start()
        try await Self.enableUsers(server)
        let (right, wrong) = (try Sample.file("hunter2\n"), try Sample.file("hunter3\n"))
        let engine = try Sample.lease([server.endpoint]) { ($0.user, $0.passwordFile) = ("root", right) }
        let token = try await engine.win(.seconds(60))
        // Its tokens end with the process that gave them.
        server.kill()
        try await server.start()
        guard case .renewed = try await engine.ask(.renew(token)) else {
            Issue.record("not renewed")
            return
        }
        for refused in [
            try Sample.lease([server.endpoint]) { ($0.user, $0.passwordFile) = ("root", wrong) },
            try Sample.lease([server.endpoint]),
        ] {
            do {
                _ = try await refused.view()
                Issue.record("taken")
            } catch LeaseFailure.refused(let why) { #expect(!why.contains("hunter"), "\(why)") }
        }
    }

    private static func enableUsers(_ server: EtcdServer) async throws {
        struct User: Codable, Sendable {
            var name: String? = nil, password: String? = nil, user: String? = nil, role: String? = nil
        }
        let gateway = EtcdGateway(settings: Sample.etcd([server.endpoint]), context: nil, password: nil)
        for (path, body) in [
            ("user/add", User(name: "root", password: "hunter2")), ("role/add", User(name: "root")),
            ("user/grant", User(user: "root", role: "root")), ("enable", User()),
        ] {
            _ = try await gateway.call("/v3/auth/\(path)", body, by: .now + .seconds(10), as: Etcd.RangeAnswer.self)
        }
        await gateway.close()
    }
}

/// Servers that are no etcd: no real one is needed.
@Suite("Lease: what is no etcd")
struct HostileEtcdTests {
    @Test(
        "what does not answer as etcd does is refused or not reached, and nobody waits for ever, whatever it says",
        arguments: [
            "", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
            "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\nx",
            "HTTP/1.1 200 OK\r\ncontent-length: 22\r\n\r\n{\"etcdserver\":\"3.7.0\"}", "HTTP/1.1 200 OK\r\n\r\n[[[[",
        ])
    func strangeServers(answer: String) async throws {
        let (listener, port) = try Sockets.serve(answer)
        defer { close(listener) }
        let engine = try Sample.lease(["http://127.0.0.1:\(port)"])
        await #expect(throws: LeaseFailure.self) {
            try await engine.ask(.campaign(ttl: .seconds(2)), within: .seconds(1))
        }
    }
}
