import Glibc
import NIOCore

/// What a server said to one write.
enum LoadVerdict: Sendable {
    /// It is stored; `isPaired`: on the disks of all that have to hold it.
    case stored(isPaired: Bool)
    /// Not now: the same again, elsewhere or later.
    case later
    /// An answer that no writer can work with.
    case failed(String)
}

/// One writer's words in one protocol: bytes of requests, verdicts on answers. One request is on its way at a time.
protocol LoadExchange: Sendable {
    /// A new connection stands: appends what comes first on it.
    mutating func open(_ buffer: inout ByteBuffer)
    /// Appends the next request; the same again until it was `stored`.
    mutating func ask(_ buffer: inout ByteBuffer)
    /// Takes what came in, appends to `replies` what the protocol itself wants sent. Nil while no answer is whole.
    mutating func take(_ buffer: inout ByteBuffer, replies: inout ByteBuffer) -> LoadVerdict?
}

/// What a server answered over HTTP/1.1.
enum LoadReply {
    case whole(status: UInt64, body: ByteBuffer)
    /// One that does not say how long it is.
    case endless
}

extension ByteBuffer {
    /// Takes an answer of HTTP/1.1 with its body; nil while it is not whole.
    mutating func readReply() -> LoadReply? {
        guard let end = place(of: "\r\n\r\n") else { return nil }
        guard let length = number(after: "ontent-Length: ") ?? number(after: "ontent-length: ") else { return .endless }
        guard readableBytes >= end + 4 + Int(length), let status = number(after: "HTTP/1.1 ") else { return nil }
        moveReaderIndex(forwardBy: end + 4)
        return readSlice(length: Int(length)).map { .whole(status: status, body: $0) }
    }

    /// Where these bytes begin among those not read yet.
    func place(of bytes: StaticString) -> Int? {
        withUnsafeReadableBytes { all in
            let count = bytes.utf8CodeUnitCount
            guard let base = all.baseAddress, count > 0 else { return nil }
            var start = 0
            while start + count <= all.count,
                let found = memchr(base + start, Int32(bytes.utf8Start[0]), all.count - start - count + 1)
            {
                let place = UnsafeRawPointer(found) - base
                if memcmp(found, bytes.utf8Start, count) == 0 { return place }
                start = place + 1
            }
            return nil
        }
    }

    /// The decimal number behind these bytes.
    func number(after bytes: StaticString) -> UInt64? {
        guard let place = place(of: bytes) else { return nil }
        var value: UInt64?
        for byte in readableBytesView.dropFirst(place + bytes.utf8CodeUnitCount) {
            guard (0x30...0x39).contains(byte) else { break }
            value = (value ?? 0) &* 10 &+ UInt64(byte - 0x30)
        }
        return value
    }
}
