internal import CRDT
public import NIOCore
public import Spanner

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
    public mutating func next(_ buffer: inout ByteBuffer) throws(FrameError) -> GossipMessage? {
        if let failed { throw failed }
        do throws(FrameError) {
            return try decode(&buffer)
        } catch {
            failed = error
            throw error
        }
    }

    private mutating func decode(_ buffer: inout ByteBuffer) throws(FrameError) -> GossipMessage? {
        var offset = buffer.readerIndex
        guard let kind = try integer(buffer, &offset) else { return nil }
        guard let length = try integer(buffer, &offset) else { return nil }
        guard length <= UInt64(WireLimits.bodyBytesMax) else { throw .tooLong(bytes: length) }
        guard buffer.writerIndex - offset >= Int(length) else { return nil }
        let body = buffer.getBytes(at: offset, length: Int(length)) ?? []
        buffer.moveReaderIndex(to: offset + Int(length))
        do throws(DecodingFailure) {
            let message = try MessageCodec.message(kind: kind, body: body[...])
            if case .unknown = message { unknownMessages &+= 1 }
            return message
        } catch {
            throw .badBody(kind: kind, error)
        }
    }

    /// One LEB128 integer in its shortest form; nil where its end is not there yet.
    private func integer(_ buffer: ByteBuffer, _ offset: inout Int) throws(FrameError) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < buffer.writerIndex {
            guard let byte = buffer.getInteger(at: offset, as: UInt8.self) else { return nil }
            offset += 1
            let payload = UInt64(byte & 0x7F)
            if shift == 63, payload > 1 { throw .badHeader }
            value |= payload << shift
            if byte & 0x80 == 0 {
                if byte == 0, shift > 0 { throw .badHeader }
                return value
            }
            shift += 7
            if shift > 63 { throw .badHeader }
        }
        return nil
    }
}
