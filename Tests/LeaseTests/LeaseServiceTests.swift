import CRDT
import Foundation
import Spanner
import Testing

@testable import Lease

/// P9 with real processes: the service over a real etcd that is stopped, killed, erased.
@Suite("Lease: the service over a real etcd", .enabled(if: EtcdServer.program != nil, EtcdServer.absence))
struct LeaseServiceTests {
    /// A bolt's lease service with all that it told.
    final class Bolt: Sendable {
        let service: LeaseService
        let news = Journal<LeaseService.News>()
        private let work: Task<Void, Never>

        init(_ number: UInt64, _ endpoint: String, _ role: LeaseRole) throws {
            let engine = try Sample.lease([endpoint], number)
            let service = try LeaseService(
                me: Sample.bolt(number), settings: Sample.leases, engine: engine, seed: number)
            let news = news
            service.role(role)
            work = Task {
                async let reader: Void = { for await item in service.news { news.append(item) } }()
                await service.run()
                await reader
            }
            self.service = service
        }

        /// As if killed: nothing is given back.
        func die() async {
            work.cancel()
            await work.value
        }

        func stop() async {
            service.stop()
            await work.value
        }

        var tries: Int { news.all.filter { if case .tryPromotion = $0 { true } else { false } }.count }

        /// Waits until it stands so; the place in the news where it did.
        @discardableResult
        func stands(
            from start: Int = 0, _ fits: @escaping @Sendable (LeaseStanding) -> Bool
        ) async -> Bool {
            await news.first(from: start) { if case .standing(let standing) = $0 { fits(standing) } else { false } }
                != nil
        }

        func holds(from start: Int = 0) async -> Bool {
            await stands(from: start) { if case .holder = $0 { true } else { false } }
        }

        func isUnavailable(held: Bool, from start: Int = 0) async -> Bool {
            await stands(from: start) { if case .unavailable(held, _) = $0 { true } else { false } }
        }
    }

    private func pair(_ server: EtcdServer) async throws -> (primary: Bolt, standby: Bolt) {
        let primary = try Bolt(1, server.endpoint, .primary)
        try #require(await primary.holds())
        let standby = try Bolt(2, server.endpoint, .standby)
        try #require(await standby.stands { $0 == .candidate(holder: Sample.bolt(1)) })
        return (primary, standby)
    }

    @Test("a primary that dies is followed by a standby after its lease; one that stops, at once")
    func failover() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (primary, standby) = try await pair(server)
        await primary.die()
        #expect(await standby.holds())
        #expect(standby.tries == 1)
        let third = try Bolt(3, server.endpoint, .standby)
        try #require(await third.stands { $0 == .candidate(holder: Sample.bolt(2)) })
        await standby.stop()
        #expect(await third.holds())
        await third.stop()
    }

    @Test("P9: etcd stopped for longer than the lease and woken: no failover, visible meanwhile, then as before")
    func paused() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (primary, standby) = try await pair(server)
        let (mark, other) = (primary.news.count, standby.news.count)
        server.pause()
        #expect(await primary.isUnavailable(held: true, from: mark))
        #expect(await standby.isUnavailable(held: false, from: other))
        let stopped = primary.news.count
        server.resume()
        #expect(await primary.holds(from: stopped))
        #expect(await standby.stands(from: other) { $0 == .candidate(holder: Sample.bolt(1)) })
        #expect(primary.tries == 0 && standby.tries == 0)
        await standby.stop()
        await primary.stop()
    }

    @Test("P9: etcd killed, started again, then rebuilt empty: no failover, the primary has its lease again")
    func killedAndRebuilt() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (primary, standby) = try await pair(server)
        for isErased in [false, true] {
            let (mark, other) = (primary.news.count, standby.news.count)
            server.kill()
            #expect(await primary.isUnavailable(held: true, from: mark))
            #expect(await standby.isUnavailable(held: false, from: other))
            let stopped = primary.news.count
            if isErased { try server.erase() }
            try await server.start()
            #expect(await primary.holds(from: stopped))
            // Before the next round both have seen this one's end: else the standby has nothing new to tell.
            #expect(await standby.stands(from: other) { $0 == .candidate(holder: Sample.bolt(1)) })
        }
        let wentBack = await primary.news.first {
            if case .notification(.wentBack) = $0 { true } else { false }
        }
        #expect(wentBack != nil)
        #expect(primary.tries == 0 && standby.tries == 0)
        await standby.stop()
        await primary.stop()
    }

    @Test("a promotion that fails gives the lease back")
    func failedPromotion() async throws {
        let server = try EtcdServer()
        try await server.start()
        let (primary, standby) = try await pair(server)
        await primary.die()
        let news = await standby.news.first { if case .tryPromotion = $0 { true } else { false } }
        guard case .tryPromotion(let token) = news else {
            Issue.record("not tried: \(standby.news.all)")
            return
        }
        let mark = standby.news.count
        standby.service.tried(token, succeeded: false)
        #expect(await standby.stands(from: mark) { $0 == .candidate(holder: nil) })
        await standby.stop()
    }

    @Test("a manual lease asks nothing, and ends when it is told to")
    func manual() async throws {
        let service = try LeaseService(
            me: Sample.bolt(1), settings: LeaseSettings(), engine: ManualLease(), seed: 1)
        service.role(.standby)
        service.stop()
        await service.run()
        #expect(service.standing == .idle(holder: nil))
        #expect(throws: LeaseFailure.self) { try ManualLease().perform(.observe, within: .seconds(1)) }
    }
}
