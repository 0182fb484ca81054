import NIOCore

/// The smallest question to a bolt: what a connection of its own costs, with next to nothing behind it.
struct HealthExchange: LoadExchange {
    mutating func open(_ buffer: inout ByteBuffer) {}

    mutating func ask(_ buffer: inout ByteBuffer) {
        buffer.writeString("GET /v1/health HTTP/1.1\r\nHost: bolt\r\n\r\n")
    }

    mutating func take(_ buffer: inout ByteBuffer, replies: inout ByteBuffer) -> LoadVerdict? {
        switch buffer.readReply() {
        case nil: nil
        case .endless?: .failed("an answer without a length")
        // Its status tells of the bolt's role: any will do.
        case .whole?: .stored(isPaired: true)
        }
    }
}
