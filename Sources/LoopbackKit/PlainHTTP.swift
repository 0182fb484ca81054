import Foundation

/// Plain HTTP: all that a bolt's ops port speaks. Blocks the thread that asks.
public enum PlainHTTP {
    /// Bytes of an answer that are read.
    public static let answerBytesMax = 1 << 20

    /// Status and body of `host:port`; nil where no answer comes, or it pauses for a second.
    public static func get(_ address: String, _ path: String) -> (status: Int, body: String)? {
        guard let bytes = ask(address, path, atLeast: answerBytesMax) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let status = status(in: text) else { return nil }
        return (status, text.range(of: "\r\n\r\n").map { String(text[$0.upperBound...]) } ?? "")
    }

    /// The status alone, which comes first; nil where no answer comes within a second.
    public static func status(_ address: String, _ path: String) -> Int? {
        ask(address, path, atLeast: statusBytes).flatMap { status(in: String(decoding: $0.prefix(64), as: UTF8.self)) }
    }

    /// Bytes that hold a status: `HTTP/1.1 200 `.
    private static let statusBytes = 13

    private static func status(in answer: String) -> Int? {
        let words = answer.split(separator: " ", maxSplits: 2)
        return words.count > 1 ? Int(words[1].prefix(3)) : nil
    }

    /// So many bytes of the answer, or all where there are fewer.
    private static func ask(_ address: String, _ path: String, atLeast wanted: Int) -> [UInt8]? {
        let parts = address.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { return nil }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var second = timeval(tv_sec: 1, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &second, socklen_t(MemoryLayout<timeval>.size))
        }
        var target = LoopbackAddress.socket(host: String(parts[0]), port: port)
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return nil }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: \(address)\r\nConnection: close\r\n\r\n".utf8)
        guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
        var answer: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 16_384)
        while answer.count < wanted {
            let count = recv(descriptor, &bytes, bytes.count, 0)
            guard count >= 0 else { return nil }
            if count == 0 { break }
            answer += bytes[..<count]
        }
        return answer.count >= statusBytes ? answer : nil
    }
}
