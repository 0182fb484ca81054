import NIOCore
import Spanner
import SpannerWire

/// The end of a peer link's pipeline: cuts frames, holds reading back while its owner is behind, and hangs up on peers
/// that half-close, fall silent or write nonsense.
final class PeerLinkHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The owner caught up.
    struct Resume: Sendable {}
    /// The peer reads too slowly.
    struct Overflow: Sendable {}

    private let link: PeerLink
    private let deliver: @Sendable (PeerLinkEvent) -> Void
    private let silenceTimeout: TimeAmount
    private var decoder = FrameDecoder()
    private var buffer = ByteBuffer()
    private var readHeld = false
    private var failed = false
    private var announced = false
    private var lastHeard = NIODeadline.now()
    private var silence: Scheduled<Void>?

    init(
        link: PeerLink, silenceTimeout: TimeAmount = TransportLimits.peerSilenceTimeout,
        deliver: @escaping @Sendable (PeerLinkEvent) -> Void
    ) {
        (self.link, self.silenceTimeout, self.deliver) = (link, silenceTimeout, deliver)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        announced = true
        deliver(.up(link))
        watch(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        silence?.cancel()
        guard announced else { return }
        announced = false
        link.markClosed()
        deliver(.down(link))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = .now()
        guard !failed else { return }
        var incoming = unwrapInboundIn(data)
        if buffer.readableBytes == 0 { buffer = incoming } else { buffer.writeBuffer(&incoming) }
        do throws(FrameError) {
            while true {
                let before = buffer.readableBytes
                guard let message = try decoder.next(&buffer) else { break }
                let count = before - buffer.readableBytes
                link.received(bytes: count)
                deliver(.message(link, message, bytes: count))
            }
            buffer.discardReadBytes()
        } catch {
            failed = true
            buffer.clear()
            deliver(.undecodable(link, error.summary))
            link.close()
        }
    }

    func read(context: ChannelHandlerContext) {
        if link.isPaused { readHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is Resume:
            guard readHeld else { return }
            readHeld = false
            context.read()
        case ChannelEvent.inputClosed, is ChannelShouldQuiesceEvent:
            // Half a conversation is none: the other half would only wait for timeouts.
            context.close(promise: nil)
        case is Overflow:
            context.close(promise: nil)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        silence?.cancel()
        if announced {
            announced = false
            link.markClosed()
            deliver(.down(link))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// The core pings and closes frozen links; this catches a link whose core does not.
    private func watch(_ context: ChannelHandlerContext) {
        silence = context.eventLoop.assumeIsolated().scheduleTask(deadline: lastHeard + silenceTimeout) { [self] in
            if lastHeard + silenceTimeout <= .now() { context.close(promise: nil) } else { watch(context) }
        }
    }
}
