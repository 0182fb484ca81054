public import NIOCore
internal import Spanner

/// Cuts a stream of bytes into messages, however the bytes arrive.
///
/// Holds nothing itself: what is not yet a whole frame stays in the caller's buffer, of which at most
/// `GossipLimits.frameBytesMax` bytes are ever needed for the next message. After an error the stream is useless.
public struct FrameDecoder: Sendable {
    /// Messages of kinds that are not known here, so far.
    public private(set) var unknownMessages: UInt64 = 0
    private var failed: FrameError?

    /// A decoder at the start of a stream.
    public init() {}

    /// The next message of `buffer`, whose bytes are consumed; nil, and nothing consumed, where it is not all there.
    ///
    /// Throws the same error from then on, whatever follows.
    public mutating func next(_ buffer: inout ByteBuffer) throws(FrameError) -> PeerMessage? {
        if let failed { throw failed }
        do throws(FrameError) {
            return try decode(&buffer)
        } catch {
            failed = error
            throw error
        }
    }

    private mutating func decode(_ buffer: inout ByteBuffer) throws(FrameError) -> PeerMessage? {
        guard let (message, length) = try FrameCutter.next(in: buffer.readableBytesView) else { return nil }
        buffer.moveReaderIndex(forwardBy: length)
        if case .gossip(.unknown) = message { unknownMessages &+= 1 }
        return message
    }
}
