import NIOCore
import NIOPosix
import Testing

@testable import SpannerTransport

/// A port is had before anything is made, or it is not had at all.
@Suite struct ClaimedPortTests {
    @Test func aFreePortIsFoundAndServed() async throws {
        let claim = try ClaimedPort(host: "127.0.0.1", port: 0)
        #expect(claim.port > 0)
        let bound = try await serve(claim)
        let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: claim.port).get()
        try await client.close()
        #expect(throws: IOError.self) { try claim.listen(backlog: 1) }
        try await bound.executeThenClose { _ in }
    }

    @Test func aPortThatSomebodyListensOnIsNotClaimed() async throws {
        let claim = try ClaimedPort(host: "127.0.0.1", port: 0)
        let bound = try await serve(claim)
        let error = #expect(throws: IOError.self) { try ClaimedPort(host: "127.0.0.1", port: claim.port) }
        #expect(error?.errnoCode == 98)
        try await bound.executeThenClose { _ in }
        // Given back with its listener.
        #expect(try ClaimedPort(host: "127.0.0.1", port: claim.port).port == claim.port)
    }

    /// Two that claimed one port before either listened: the second hears of it when it begins to.
    @Test func ofTwoClaimsOneListens() async throws {
        let first = try ClaimedPort(host: "127.0.0.1", port: 0)
        let second = try ClaimedPort(host: "127.0.0.1", port: first.port)
        let bound = try await serve(first)
        await #expect(throws: IOError.self) { _ = try await serve(second) }
        try await bound.executeThenClose { _ in }
    }

    @Test func anAddressOfAnotherMachineIsNotClaimed() {
        let error = #expect(throws: IOError.self) { try ClaimedPort(host: "192.0.2.1", port: 0) }
        #expect(error?.errnoCode == 99)
        #expect(throws: (any Error).self) { try ClaimedPort(host: "no host at all", port: 0) }
    }

    private func serve(_ claim: ClaimedPort) async throws -> NIOAsyncChannel<Void, Never> {
        try await claim.serve(backlog: 8) { socket in
            try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(socket) { channel in
                channel.eventLoop.makeSucceededVoidFuture()
            }
        }
    }
}
