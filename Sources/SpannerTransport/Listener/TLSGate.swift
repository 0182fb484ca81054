import NIOCore
import NIOSSL
import NIOTLS

/// Stands behind the TLS handler until the handshake has ended and its outcome is judged.
///
/// It bounds the handshake in time, hangs up on a peer that leaves in its midst (with half-closure allowed, that is
/// only an `inputClosed` event), and calls `decide` once: with the negotiated protocol, or with the reason it came to
/// nothing.
final class TLSGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// How a handshake ended.
    enum Outcome {
        /// With this application protocol.
        case negotiated(String?)
        /// Without a connection, for this reason where TLS itself knows one.
        case failed(any Error)
        /// Not in time.
        case timedOut
        /// The peer left.
        case aborted
        /// This side is draining.
        case quiesced
    }

    private var decide: ((ChannelHandlerContext, Outcome) -> Void)?
    private var timeout: Scheduled<Void>?
    private let timeoutAfter: TimeAmount

    init(timeoutAfter: TimeAmount, decide: @escaping (ChannelHandlerContext, Outcome) -> Void) {
        self.timeoutAfter = timeoutAfter
        self.decide = decide
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: timeoutAfter) { [self] in
            end(context, .timedOut)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted(let negotiated):
            end(context, .negotiated(negotiated))
        case ChannelEvent.inputClosed where decide != nil:
            end(context, .aborted)
        case is ChannelShouldQuiesceEvent where decide != nil:
            end(context, .quiesced)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard decide != nil else { return context.fireErrorCaught(error) }
        end(context, .failed(error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, .aborted)
        context.fireChannelInactive()
    }

    private func end(_ context: ChannelHandlerContext, _ outcome: Outcome) {
        guard let decide else { return }
        self.decide = nil
        timeout?.cancel()
        decide(context, outcome)
    }
}
