import Foundation

/// Plain HTTP: all that a bolt's ops port speaks.
enum PlainHTTP {
    private static let queue = DispatchQueue(label: "spanner-chaos.http", attributes: .concurrent)

    private static let answerBytesMax = 1 << 20

    /// The status; nil where no answer comes within a second.
    static func status(_ address: String, _ path: String) async -> Int? {
        guard let bytes = await answer(address, path, atLeast: 13) else { return nil }
        let words = String(decoding: bytes.prefix(64), as: UTF8.self).split(separator: " ")
        return words.count > 1 ? Int(words[1].prefix(3)) : nil
    }

    /// The whole answer, its head too; nil where none comes, or it pauses for a second.
    static func text(_ address: String, _ path: String) async -> String? {
        await answer(address, path, atLeast: answerBytesMax).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func answer(_ address: String, _ path: String, atLeast count: Int) async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: ask(address, path, atLeast: count)) }
        }
    }

    /// So many bytes, or all where there are fewer.
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
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = inet_addr(String(parts[0]))
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
        return answer.count > 12 ? answer : nil
    }
}
