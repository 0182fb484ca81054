import CRDT
import NIOCore
import NIOPosix
import Spanner
import SpannerWire
import Testing

@testable import Identity
@testable import SpannerTransport

/// Peer links over real sockets: order, bounds, silence, half-open peers, draining, cutting.
@Suite(.serialized) struct LinkTests {
    let mesh: TransportMesh

    init() throws { mesh = try TransportMesh.shared.get() }

    private func pair() async throws -> (ListeningEnd, DialingEnd) {
        let listening = try await ListeningEnd(try mesh.bolt("b1"), judge: mesh.judge)
        let dialing = try DialingEnd(try mesh.bolt("b2"), judge: mesh.judge)
        #expect(await dialing.link(to: listening.port) == nil)
        return (listening, dialing)
    }

    private func digest(_ number: UInt64) -> PeerMessage {
        .gossip(.context(digest: Bytes32(words: (number, 0, 0, 0)), vector: nil))
    }

    @Test func bothEndsKnowWhoIsThereAndMessagesKeepTheirOrder() async throws {
        let (listening, dialing) = try await pair()
        let link = try #require(await dialing.standing())
        #expect(link.dialed)
        #expect(link.peer.verified.role == .bolt(PartitionName(checked: "east"), BoltName(checked: "b1")))
        for number in 1...500 { #expect(link.send(digest(UInt64(number)))) }
        let last = digest(500)
        _ = await listening.links.first { $0.message == last }
        #expect(listening.links.all.compactMap(\.message) == (1...500).map { digest(UInt64($0)) })
        guard case .up(let accepted)? = listening.links.all.first else {
            Issue.record("the first event of a link is not that it stands")
            return
        }
        #expect(!accepted.dialed)
        #expect(accepted.peer.verified.role == .bolt(PartitionName(checked: "east"), BoltName(checked: "b2")))
    }

    @Test func closingFlushesWhatWasSentBefore() async throws {
        let (listening, dialing) = try await pair()
        let link = try #require(await dialing.standing())
        link.send(digest(7))
        link.close()
        #expect(!link.send(digest(8)))
        #expect(await listening.links.first { $0.isDown } != nil)
        #expect(listening.links.all.compactMap(\.message) == [digest(7)])
        #expect(await dialing.links.first { $0.isDown } != nil)
    }

    /// An owner that is behind stops the reading, which stops the writer, whose queue is bounded.
    @Test func aPeerThatDoesNotReadLosesItsLinkAtTheBound() async throws {
        let (listening, dialing) = try await pair()
        let link = try #require(await dialing.standing())
        let run = SignedRun(
            replica: ReplicaID(key: Bytes32(words: (1, 2, 3, 4)), incarnation: 1), first: 1,
            bodies: [[UInt8]](repeating: [UInt8](repeating: 7, count: 16_000), count: 8),
            signature: [UInt8](repeating: 0, count: 64))
        let bulk = PeerMessage.gossip(.events([run]))
        var sent = 0
        // Nobody says `processed`, so the listening end stops reading; sockets hold a few MiB, then the queue fills.
        while link.send(bulk), sent < 2_000 { sent += 1 }
        #expect(sent < 2_000)
        #expect(link.queuedBytes <= TransportLimits.outboundBytesMax)
        #expect(await dialing.links.first { $0.isDown } != nil)
        let received = listening.links.all.count { $0.message != nil }
        #expect(received * 128_000 <= TransportLimits.inboundBytesMax + GossipLimits.frameBytesMax * 2)
        // What is not read does not see the end either: once its owner catches up it does.
        for case .message(let accepted, _, let bytes) in listening.links.all { accepted.processed(bytes: bytes) }
        _ = await listening.links.first { _ in listening.links.all.count { $0.message != nil } > received }
        let more = listening.links.all.filter { $0.message != nil }.dropFirst(received)
        for case .message(let accepted, _, let bytes) in more { accepted.processed(bytes: bytes) }
    }

    @Test func anOwnerThatCatchesUpIsReadAgain() async throws {
        let (listening, dialing) = try await pair()
        let link = try #require(await dialing.standing())
        let run = SignedRun(
            replica: ReplicaID(key: Bytes32(words: (1, 2, 3, 4)), incarnation: 1), first: 1,
            bodies: [[UInt8](repeating: 7, count: 16_000)], signature: [UInt8](repeating: 0, count: 64))
        let count = 3 * TransportLimits.inboundBytesMax / 16_000
        for _ in 0..<count { link.send(.gossip(.events([run]))) }
        link.send(digest(1))
        var taken = 0
        let last = digest(1)
        while taken < count + 1 {
            let before = taken
            let more = await listening.links.first { _ in
                listening.links.all.count { $0.message != nil } > before
            }
            guard more != nil else { break }
            let messages = listening.links.all.filter { $0.message != nil }
            for event in messages[taken...] {
                if case .message(let accepted, _, let bytes) = event { accepted.processed(bytes: bytes) }
            }
            taken = messages.count
            if messages.last?.message == last { break }
        }
        #expect(listening.links.all.contains { $0.message == last })
    }

    @Test func aFrameOverTheLimitEndsTheLinkAndNothingElse() async throws {
        let listening = try await ListeningEnd(try mesh.bolt("b1"), judge: mesh.judge)
        let contexts = try mesh.bolt("b2").contexts()
        let channel = try await TLSDialer(contexts: contexts, judge: mesh.judge).dial(
            host: "127.0.0.1", port: listening.port, peerLink: true, on: MultiThreadedEventLoopGroup.singleton.next()
        ) { _, _ in }.get().channel
        // Kind 4, then a length of 2^35 in LEB128.
        try await channel.writeAndFlush(ByteBuffer(bytes: [4, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]))
        #expect(await listening.links.first { $0.isUndecodable } != nil)
        #expect(await listening.links.first { $0.isDown } != nil)
        channel.close(promise: nil)
        // The listener still takes others.
        let dialing = try DialingEnd(try mesh.bolt("b3"), judge: mesh.judge)
        #expect(await dialing.link(to: listening.port) == nil)
    }

    @Test func aPeerThatSaysNothingIsHungUpOn() async throws {
        let listening = try await ListeningEnd(
            try mesh.bolt("b1"), judge: mesh.judge, handshakeTimeout: .milliseconds(200))
        let silent = try await plain(listening.port)
        #expect(await listening.refusals.first { _ in true } == ConnectionRefusal.handshakeTimeout.code)
        try await silent.closeFuture.get()
    }

    /// With half-closure allowed a peer that leaves before the handshake shows as `inputClosed` only.
    @Test func aPeerThatHalfClosesBeforeTheHandshakeIsHungUpOn() async throws {
        let listening = try await ListeningEnd(try mesh.bolt("b1"), judge: mesh.judge)
        let half = try await plain(listening.port)
        try await half.close(mode: .output)
        let refusal = await listening.refusals.first { _ in true }
        #expect([ConnectionRefusal.handshakeAborted.code, ConnectionRefusal.handshakeFailed.code].contains(refusal))
        try await half.closeFuture.get()
    }

    @Test func drainingClosesLinksAndSilentPeersAtOnce() async throws {
        let (listening, dialing) = try await pair()
        let silent = try await plain(listening.port)
        _ = await dialing.standing()
        _ = await listening.links.first { if case .up = $0 { true } else { false } }
        listening.table.quiesce()
        #expect(await listening.links.first { $0.isDown } != nil)
        #expect(await dialing.links.first { $0.isDown } != nil)
        try await silent.closeFuture.get()
        // Nothing new is taken.
        _ = try? await plain(listening.port).closeFuture.get()
        #expect(await listening.refusals.first { $0 == ConnectionRefusal.draining.code } != nil)
    }

    /// S5: whoever is banned is cut from what it holds open.
    @Test func cuttingClosesTheLinksOfThatPrincipalAlone() async throws {
        let (listening, dialing) = try await pair()
        let other = try DialingEnd(try mesh.bolt("b3"), judge: mesh.judge)
        #expect(await other.link(to: listening.port) == nil)
        let link = try #require(await dialing.standing())
        _ = await other.standing()
        _ = await listening.links.first { _ in listening.table.counts[.accepted] == 2 }
        let banned = try #require(
            listening.links.all.compactMap { event -> CertifiedPeer? in
                guard case .up(let accepted) = event, "\(accepted.peer.verified.id)".hasSuffix("b2") else { return nil }
                return accepted.peer
            }.first)
        #expect(link.dialed)
        #expect(listening.table.cut { $0.tlsKey == banned.tlsKey } == 1)
        #expect(await dialing.links.first { $0.isDown } != nil)
        #expect(!other.links.all.contains { $0.isDown })
    }

    @Test func connectionsBeyondTheLimitAreRefusedAndThoseThatStandAreKept() async throws {
        let listening = try await ListeningEnd(try mesh.bolt("b1"), judge: mesh.judge, connectionsMax: 2)
        let first = try DialingEnd(try mesh.bolt("b2"), judge: mesh.judge)
        let second = try DialingEnd(try mesh.bolt("b3"), judge: mesh.judge)
        #expect(await first.link(to: listening.port) == nil)
        #expect(await second.link(to: listening.port) == nil)
        let third = try DialingEnd(try mesh.bolt("b4"), judge: mesh.judge)
        #expect(await third.link(to: listening.port) != nil)
        #expect(await listening.refusals.first { _ in true } == ConnectionRefusal.tooManyConnections.code)
        #expect(!first.links.all.contains { $0.isDown })
    }

    private func plain(_ port: Int) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .connect(host: "127.0.0.1", port: port).get()
    }
}
