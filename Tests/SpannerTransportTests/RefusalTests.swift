import NIOCore
import NIOPosix
import NIOSSL
import Spanner
import Testing

@testable import Identity
@testable import SpannerTransport

/// Each certificate that must be refused, at both ends, over real sockets, with its reason (S5, S7).
@Suite(.serialized) struct RefusalTests {
    let mesh: TransportMesh

    init() throws { mesh = try TransportMesh.shared.get() }

    @Test(arguments: BadCertificate.allCases)
    func theListeningEndRefuses(_ bad: BadCertificate) async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        let dialing = try DialingEnd(try bad.make(mesh, presentedBy: .client), judge: mesh.judge)
        _ = await dialing.link(to: listening.port)
        let refusal = await listening.refusals.first { _ in true }
        #expect(refusal == bad.code(presentedBy: .client).rawValue)
        #expect(listening.links.all.isEmpty)
    }

    @Test(arguments: BadCertificate.allCases)
    func theDialingEndRefuses(_ bad: BadCertificate) async throws {
        let listening = try await ListeningEnd(try bad.make(mesh, presentedBy: .server), judge: mesh.judge)
        let dialing = try DialingEnd(try mesh.bolt("b2"), judge: mesh.judge)
        #expect(await dialing.link(to: listening.port) == bad.code(presentedBy: .server).rawValue)
        #expect(dialing.links.all.isEmpty)
        #expect(listening.links.all.isEmpty)
    }

    @Test func aPeerLinkNeedsACertificate() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        let channel = try await connect(listening.port, protocols: [ApplicationProtocol.peer])
        let refusal = await listening.refusals.first { _ in true }
        #expect(refusal == PeerRejection.Code.noCertificate.rawValue)
        try await channel.closeFuture.get()
    }

    @Test func requestsMayComeWithoutACertificateAndTheirPeerIsNobody() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        for protocols in [[ApplicationProtocol.http], []] {
            let before = listening.requests.all.count
            let channel = try await connect(listening.port, protocols: protocols)
            _ = await listening.requests.first { _ in listening.requests.all.count > before }
            #expect(listening.requests.all.allSatisfy { $0 == nil })
            channel.close(promise: nil)
        }
    }

    @Test func aPresentedCertificateIsJudgedForRequestsToo() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        let stranger = try DialingEnd(try TransportMesh(name: "acme").bolt(), judge: mesh.judge)
        _ = try? await stranger.requests(to: listening.port)
        #expect(await listening.refusals.first { _ in true } == PeerRejection.Code.foreignCA.rawValue)
        let friend = try DialingEnd(try mesh.bolt("b3"), judge: mesh.judge)
        let channel = try await friend.requests(to: listening.port)
        let peer = await listening.requests.first { $0 != nil }
        #expect(peer??.role == .bolt)
        channel.close(promise: nil)
    }

    @Test func tls12IsRefusedByTheListener() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        _ = try? await connect(listening.port, protocols: [ApplicationProtocol.http], maximum: .tlsv12)
        #expect(await listening.refusals.first { _ in true } == "tls_version")
    }

    @Test func tls12IsRefusedByTheDialer() async throws {
        let presented = try mesh.bolt()
        let certificates = try presented.chain.map {
            NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: $0, format: .der))
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates,
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: presented.keyPEM, format: .pem)))
        configuration.maximumTLSVersion = .tlsv12
        configuration.applicationProtocols = [ApplicationProtocol.peer]
        let context = try NIOSSLContext(configuration: configuration)
        let old = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        let dialing = try DialingEnd(try mesh.bolt("b2"), judge: mesh.judge)
        #expect(await dialing.link(to: old.localAddress?.port ?? 0) == "tls_version")
        try await old.close()
    }

    /// S5: a chain that verifies proves nothing of who shows it: the handshake must be signed by the leaf's key.
    @Test func aClientThatSignsWithAnotherKeyIsRefusedAsBadSignature() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        var thief = try mesh.bolt("b2")
        thief.signer = try TLSKey.generate()
        _ = await (try DialingEnd(thief, judge: mesh.judge)).link(to: listening.port)
        #expect(await listening.refusals.first { _ in true } == "tls_bad_signature")
        #expect(listening.links.all.isEmpty)
        #expect(listening.requests.all.isEmpty)
    }

    /// S5: the same of a server, whose own log names the alert that it got.
    @Test func aServerThatSignsWithAnotherKeyIsRefusedAsBadSignature() async throws {
        var thief = try mesh.bolt()
        thief.signer = try TLSKey.generate()
        let listening = try await ListeningEnd(thief, judge: mesh.judge)
        let dialing = try DialingEnd(try mesh.bolt("b2"), judge: mesh.judge)
        #expect(await dialing.link(to: listening.port) == "tls_bad_signature")
        #expect(dialing.links.all.isEmpty)
        #expect(await listening.refusals.first { _ in true } == "tls_refused_by_peer")
        #expect(listening.links.all.isEmpty)
    }

    @Test func plainHTTPIsToldAsWhatItIs() async throws {
        let listening = try await ListeningEnd(try mesh.bolt(), judge: mesh.judge)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: listening.port).get()
        try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(await listening.refusals.first { _ in true } == "tls_not_tls")
    }

    /// A client without a certificate that trusts whatever answers.
    private func connect(
        _ port: Int, protocols: [String], maximum: TLSVersion? = nil
    ) async throws -> any Channel {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = protocols
        configuration.maximumTLSVersion = maximum
        let context = try NIOSSLContext(configuration: configuration)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: nil))
                }
            }.connect(host: "127.0.0.1", port: port).get()
    }
}
