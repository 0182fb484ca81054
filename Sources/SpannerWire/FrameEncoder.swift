internal import CRDT
public import NIOCore

/// Writes messages as frames: kind, length, body.
public enum FrameEncoder {
    /// Appends `message` to `buffer` as one frame.
    ///
    /// The sender keeps messages within `GossipLimits` and `PartitionLimits`, so that a frame never passes
    /// `GossipLimits.frameBytesMax`; one that would is not written, and false is answered.
    @discardableResult
    public static func write(_ message: PeerMessage, into buffer: inout ByteBuffer) -> Bool {
        let body = message.body
        guard body.count <= WireLimits.bodyBytesMax else { return false }
        var header = CanonicalEncoder(capacity: WireLimits.headerBytesMax)
        header.integer(message.kind)
        header.count(body.count)
        buffer.writeBytes(header.bytes)
        buffer.writeBytes(body)
        return true
    }
}
