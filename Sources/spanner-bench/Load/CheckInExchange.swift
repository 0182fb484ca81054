import Foundation
import NIOCore
import SpannerTestKit

/// An envoy's check-ins over HTTP/1.1: each carries new results and is repeated until they are stored.
struct CheckInExchange: LoadExchange {
    /// How much a check-in carries.
    struct Size {
        /// Results of one check-in.
        var results = 1
        /// Bytes of one result.
        var bytes = 256
    }

    private let head: String
    private let (opening, closing): (String, String)
    private let bodies: [String]
    private let size: Size
    /// The last result that is stored.
    private(set) var stored: UInt64 = 0

    /// A writer of that name with a queue of its own.
    init(name: String, size: Size = Size(), seed: UInt64) {
        var numbers = Seeded(seed)
        let queue = (0..<16).map { _ in String(UInt8.random(in: 16...255), radix: 16) }.joined()
        self.size = size
        head = "POST /v1/checkin HTTP/1.1\r\nHost: bolt\r\nContent-Type: application/json\r\nContent-Length: "
        opening = "{\"traits\":{\"hostname\":\"\(name)\"},\"queue_incarnation\":\"\(queue)\",\"first_held\":"
        closing = "]}"
        bodies = (0..<8).map { _ in Data(numbers.bytes(size.bytes)).base64EncodedString() }
    }

    mutating func open(_ buffer: inout ByteBuffer) {}

    mutating func ask(_ buffer: inout ByteBuffer) {
        var body = "\(opening)\(stored + 1),\"results\":["
        for offset in 1...UInt64(size.results) {
            if offset > 1 { body += "," }
            let bytes = bodies[Int((stored + offset) % UInt64(bodies.count))]
            body += "{\"sequence\":\(stored + offset),\"body\":\"\(bytes)\"}"
        }
        body += closing
        buffer.writeString(head)
        buffer.writeString("\(body.utf8.count)\r\n\r\n")
        buffer.writeString(body)
    }

    mutating func take(_ buffer: inout ByteBuffer, replies: inout ByteBuffer) -> LoadVerdict? {
        let answer: ByteBuffer
        switch buffer.readReply() {
        case nil: return nil
        case .endless?: return .failed("an answer without a length")
        case .whole(200, let body)?: answer = body
        case .whole(503, _)?: return .later
        case .whole(_, let body)?: return .failed(String(buffer: body))
        }
        let last = stored + UInt64(size.results)
        guard let through = answer.number(after: "\"stored_through\":"), through >= last else {
            return .failed("stored_through is not \(last)")
        }
        stored = last
        let isReleased = (answer.number(after: "\"release_through\":") ?? 0) >= last
        return .stored(isPaired: isReleased && answer.place(of: "\"level\":\"paired\"") != nil)
    }
}
