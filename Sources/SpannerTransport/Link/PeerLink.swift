import NIOCore
public import Spanner
public import SpannerWire
import Synchronization

/// One live peer link: ordered, mutually authenticated, bounded in both directions. Safe to use from any thread.
///
/// What is sent keeps its order as long as one caller sends. Sends to a link that is gone are dropped.
public final class PeerLink: Sendable {
    /// Which link, for the gossip core.
    public let id: LinkID
    /// Who is at its other end.
    public let peer: CertifiedPeer
    /// Whether this side dialed.
    public let dialed: Bool
    /// Where the other end is, for logs.
    public let remote: String

    private struct State {
        var queuedBytes = 0
        var pendingBytes = 0
        var paused = false
        var closed = false
    }

    private let channel: any Channel
    private let state = Mutex(State())
    private let outboundBytesMax: Int
    private let inboundBytesMax: Int

    init(
        id: LinkID, peer: CertifiedPeer, dialed: Bool, channel: any Channel,
        outboundBytesMax: Int = TransportLimits.outboundBytesMax,
        inboundBytesMax: Int = TransportLimits.inboundBytesMax
    ) {
        (self.id, self.peer, self.dialed, self.channel) = (id, peer, dialed, channel)
        (self.outboundBytesMax, self.inboundBytesMax) = (outboundBytesMax, inboundBytesMax)
        remote = channel.remoteAddress.map { "\($0.ipAddress ?? "local"):\($0.port ?? 0)" } ?? "unknown"
    }

    /// Bytes that wait to be written.
    public var queuedBytes: Int { state.withLock { $0.queuedBytes } }

    /// Writes one message as a frame. A peer that reads so slowly that its queue passes the limit loses the link: what
    /// it missed is asked for again on the next one. False where the message was dropped.
    @discardableResult
    public func send(_ message: PeerMessage) -> Bool {
        var buffer = channel.allocator.buffer(capacity: 256)
        guard FrameEncoder.write(message, into: &buffer) else { return false }
        let count = buffer.readableBytes
        let verdict: Bool? = state.withLock { state in
            if state.closed { return nil }
            guard state.queuedBytes + count <= outboundBytesMax else {
                state.closed = true
                return false
            }
            state.queuedBytes += count
            return true
        }
        guard verdict == true else {
            // At once: a polite close would wait behind the queue that is the trouble.
            if verdict == false { channel.pipeline.fireUserInboundEventTriggered(PeerLinkHandler.Overflow()) }
            return false
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { [self] _ in state.withLock { $0.queuedBytes -= count } }
        channel.writeAndFlush(buffer, promise: written)
        return true
    }

    /// Closes the link once what was sent before is flushed. Idempotent.
    public func close() {
        let first = state.withLock { state in
            defer { state.closed = true }
            return !state.closed
        }
        guard first else { return }
        // An empty write behind the others: when it is done, so are they. A stuck one is bounded by the timeout.
        let flushed = channel.eventLoop.makePromise(of: Void.self)
        let channel = channel
        let deadline = channel.eventLoop.scheduleTask(in: TransportLimits.closeTimeout) { channel.close(promise: nil) }
        flushed.futureResult.whenComplete { _ in
            deadline.cancel()
            channel.close(promise: nil)
        }
        channel.writeAndFlush(ByteBuffer(), promise: flushed)
    }

    /// Says that received messages of that many bytes are dealt with: reading goes on where it had stopped.
    public func processed(bytes: Int) {
        let resume = state.withLock { state in
            state.pendingBytes -= bytes
            guard state.paused, state.pendingBytes <= inboundBytesMax / 2 else { return false }
            state.paused = false
            return true
        }
        if resume { channel.pipeline.fireUserInboundEventTriggered(PeerLinkHandler.Resume()) }
    }

    /// Counts a received message; true where reading is to stop.
    func received(bytes: Int) {
        state.withLock { state in
            state.pendingBytes += bytes
            if state.pendingBytes > inboundBytesMax { state.paused = true }
        }
    }

    var isPaused: Bool { state.withLock { $0.paused } }
    func markClosed() { state.withLock { $0.closed = true } }
}

/// What happens on peer links. Called on the link's event loop, in order for each link; must not block.
public enum PeerLinkEvent: Sendable {
    /// A link stands.
    case up(PeerLink)
    /// A message arrived; its owner says `processed(bytes:)` once it has dealt with it.
    case message(PeerLink, PeerMessage, bytes: Int)
    /// Bytes arrived that are no message: nothing more comes of this link.
    case undecodable(PeerLink, String)
    /// The link is gone. Last event of a link.
    case down(PeerLink)
}
