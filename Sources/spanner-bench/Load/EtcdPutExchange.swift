import NIOCore
import SpannerTestKit

/// Puts into etcd over gRPC: the least of HTTP/2 that one call at a time needs, with headers from the table that both
/// ends keep, as a full client sends them.
struct EtcdPutExchange: LoadExchange {
    private enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let reset: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
    }

    private enum Flag {
        static let acknowledged: UInt8 = 1
        static let endOfStream: UInt8 = 1
        static let endOfHeaders: UInt8 = 4
    }

    private let message: [UInt8]
    private var stream: UInt32 = 1
    private var isFirst = true
    private var answered = 0

    /// A writer of one key.
    init(key: String, bytes: Int = 256, seed: UInt64) {
        var numbers = Seeded(seed)
        let name = Array(key.utf8)
        // PutRequest: field 1 the key, field 2 the value.
        var put: [UInt8] = [0x0A, UInt8(name.count)] + name
        put += [0x12, UInt8(bytes & 0x7F | 0x80), UInt8(bytes >> 7)] + numbers.bytes(bytes)
        message = [0, 0, 0, UInt8(put.count >> 8), UInt8(put.count & 0xFF)] + put
    }

    mutating func open(_ buffer: inout ByteBuffer) {
        (stream, isFirst, answered) = (1, true, 0)
        buffer.writeString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        EtcdPutExchange.frame(Kind.settings, 0, 0, [], into: &buffer)
        // The connection's window for answers, once and for all.
        EtcdPutExchange.frame(Kind.windowUpdate, 0, 0, [0x7F, 0xFE, 0, 0], into: &buffer)
    }

    mutating func ask(_ buffer: inout ByteBuffer) {
        EtcdPutExchange.frame(
            Kind.headers, Flag.endOfHeaders, stream, isFirst ? EtcdPutExchange.literal : EtcdPutExchange.indexed,
            into: &buffer)
        EtcdPutExchange.frame(Kind.data, Flag.endOfStream, stream, message, into: &buffer)
        (isFirst, answered) = (false, 0)
    }

    mutating func take(_ buffer: inout ByteBuffer, replies: inout ByteBuffer) -> LoadVerdict? {
        while let length = buffer.getBytes(at: buffer.readerIndex, length: 3) {
            let count = Int(length[0]) << 16 | Int(length[1]) << 8 | Int(length[2])
            guard buffer.readableBytes >= 9 + count else { return nil }
            buffer.moveReaderIndex(forwardBy: 3)
            guard let kind = buffer.readInteger(as: UInt8.self), let flags = buffer.readInteger(as: UInt8.self),
                let id = buffer.readInteger(as: UInt32.self), let payload = buffer.readBytes(length: count)
            else { return .failed("a frame cut short") }
            if let verdict = take(kind, flags, id, payload, &replies) { return verdict }
        }
        return nil
    }

    private mutating func take(
        _ kind: UInt8, _ flags: UInt8, _ id: UInt32, _ payload: [UInt8], _ replies: inout ByteBuffer
    ) -> LoadVerdict? {
        switch kind {
        case Kind.settings where flags & Flag.acknowledged == 0:
            EtcdPutExchange.frame(Kind.settings, Flag.acknowledged, 0, [], into: &replies)
        case Kind.ping where flags & Flag.acknowledged == 0:
            EtcdPutExchange.frame(Kind.ping, Flag.acknowledged, 0, payload, into: &replies)
        case Kind.goAway, Kind.reset: return .failed("etcd ended the call")
        case Kind.data where id == stream: answered += payload.count
        case Kind.headers where id == stream && flags & Flag.endOfStream != 0:
            stream += 2
            // A refusal has no message, only its status among the trailers.
            return answered > 5 ? .stored(isPaired: true) : .failed("etcd refused a put")
        case _: break
        }
        return nil
    }

    private static func frame(
        _ kind: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8], into buffer: inout ByteBuffer
    ) {
        buffer.writeInteger(UInt8(payload.count >> 16))
        buffer.writeInteger(UInt16(payload.count & 0xFFFF))
        buffer.writeInteger(kind)
        buffer.writeInteger(flags)
        buffer.writeInteger(stream)
        buffer.writeBytes(payload)
    }

    /// POST, https, and four headers that enter the table.
    private static let literal: [UInt8] = {
        func text(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
        return [0x83, 0x87, 0x44] + text("/etcdserverpb.KV/Put") + [0x41] + text("bench") + [0x5F]
            + text("application/grpc") + [0x40] + text("te") + text("trailers")
    }()
    /// The same from the table.
    private static let indexed: [UInt8] = [0x83, 0x87, 0xC1, 0xC0, 0xBF, 0xBE]
}
