import NIOCore
import NIOPosix
import Spanner
import Testing

@testable import Identity
@testable import SpannerTransport

/// Dialing goes on until a link stands, and begins again when it is lost.
@Suite struct DialerTests {
    @Test(arguments: [
        ("127.0.0.1:7440", "127.0.0.1", 7440), ("[::1]:7440", "::1", 7440), ("a.example:1", "a.example", 1),
    ])
    func addressesAreSplit(_ text: String, _ host: String, _ port: Int) throws {
        let parts = try #require(PeerDialer.split(text))
        #expect(parts.host == host)
        #expect(parts.port == port)
    }

    @Test(arguments: ["", ":1", "host", "host:", "host:0", "host:65536", "host:-1", "host:1x"])
    func whatIsNoAddressIsRefused(_ text: String) { #expect(PeerDialer.split(text) == nil) }

    @Test func aLostLinkIsDialedAgain() async throws {
        let mesh = try TransportMesh.shared.get()
        let listening = try await ListeningEnd(try mesh.bolt("b1"), judge: mesh.judge)
        let links = Happenings<PeerLinkEvent>()
        let table = ConnectionTable()
        let contexts = try mesh.bolt("b2").contexts()
        let transport = PeerTransport(contexts: contexts, judge: mesh.judge, table: table) { links.add($0) }
        let dialer = PeerDialer(
            transport: transport, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            report: RefusalReport(logger: .silent), pauseMin: .milliseconds(5), pauseMax: .milliseconds(20),
            isLinked: { table.isLinked($0) })
        // The second address answers nobody: the first one's links do not suffer from it.
        dialer.setTargets([
            PeerDialer.Target(address: "127.0.0.1:\(listening.port)", expected: nil),
            PeerDialer.Target(address: "127.0.0.1:1", expected: nil),
        ])
        for round in 1...3 {
            _ = await links.first { _ in links.all.count { if case .up = $0 { true } else { false } } >= round }
            table.closeAll()
            _ = await links.first { _ in links.all.count { $0.isDown } >= round }
        }
        #expect(links.all.count { $0.isDown } >= 3)
        dialer.stop()
        table.closeAll()
    }
}
