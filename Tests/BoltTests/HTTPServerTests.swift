import BoltAPI
import Foundation
import Testing

@testable import Bolt

/// The server's manners on the wire, over real sockets: when a connection ends, and that a body nobody wants harms
/// nobody.
@Suite(.serialized) struct HTTPServerTests {
    private static let old = "GET /livez HTTP/1.0\r\n"
    private static let new = "GET /livez HTTP/1.1\r\nHost: x\r\n"

    /// The status of each answer, in order.
    private func answers(_ text: String) -> [Int] {
        text.components(separatedBy: "HTTP/1.1 ").dropFirst().compactMap { Int($0.prefix(3)) }
    }

    @Test func anHTTP10RequestEndsItsConnectionUnlessItAsksToGoOn() async throws {
        let server = try await PlainServer(.ops)
        let plain = try await server.talk(Self.old + "\r\n")
        #expect(answers(plain.text) == [200])
        #expect(plain.ended)
        #expect(plain.text.lowercased().contains("connection: close"))
        let kept = try await server.talk(Self.old + "Connection: keep-alive\r\n\r\n", until: 1)
        #expect(!kept.ended)
        #expect(kept.text.lowercased().contains("connection: keep-alive"))
        let twice = try await server.talk(Self.old + "Connection: keep-alive\r\n\r\n" + Self.old + "\r\n")
        #expect(answers(twice.text).count == 2)
        #expect(twice.ended)
    }

    @Test func anHTTP11ConnectionGoesOnUntilItIsAskedToEnd() async throws {
        let server = try await PlainServer(.ops)
        let kept = try await server.talk(Self.new + "\r\n", until: 1)
        #expect(!kept.ended)
        #expect(!kept.text.lowercased().contains("connection:"))
        // What comes behind the last request is nothing.
        let last = try await server.talk(Self.new + "Connection: Close\r\n\r\n" + Self.new + "\r\n")
        #expect(answers(last.text) == [200])
        #expect(last.ended)
    }

    @Test(arguments: ["GET /livez", "GET /metrics", "GET /nothing", "POST /livez"])
    func aHugeBodyThatNeverComesEndsTheConnection(_ request: String) async throws {
        let server = try await PlainServer(.ops)
        let talk = try await server.talk("\(request) HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        #expect(answers(talk.text).count == 1, "\(talk)")
        #expect(talk.text.lowercased().contains("connection: close"))
        #expect(talk.ended, "the connection stayed open")
    }

    @Test func aDryRunIsTrueOrFalse() async throws {
        let server = try await PlainServer(.ops)
        for (query, status) in [("true", 200), ("false", 200), ("maybe", 400), ("TRUE", 400), ("1", 400), ("", 400)] {
            let talk = try await server.talk(
                "GET /livez?dry_run=\(query) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answers(talk.text) == [status], "\(query): \(talk)")
        }
        let bare = try await server.talk("GET /livez?dry_run HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(answers(bare.text) == [400], "\(bare)")
    }

    @Test func aLengthThatIsNoNumberIsRefusedAndEndsTheConnection() async throws {
        let server = try await PlainServer(.ops)
        for length in ["99999999999999999999999999", "-1", "1x"] {
            let talk = try await server.talk(
                "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: \(length)\r\n\r\n")
            #expect(answers(talk.text) == [400], "\(length): \(talk)")
            #expect(talk.ended)
        }
    }

    @Test func aBodyOverItsLimitIsRefusedAndEndsTheConnection() async throws {
        let server = try await PlainServer(.main)
        let declared = try await server.talk(
            "POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{")
        #expect(answers(declared.text) == [413], "\(declared)")
        #expect(declared.ended)
        let piece = String(repeating: "x", count: 0x10000)
        let chunk = "10000\r\n\(piece)\r\n"
        let count = Endpoint.enroll.bodyBytesMax / 0x10000 + 2
        let chunked = try await server.talk(
            "POST /v1/enroll HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + String(repeating: chunk, count: count))
        #expect(answers(chunked.text) == [413], "\(chunked.text.prefix(300))")
        #expect(chunked.ended)
    }

    /// The cause was a second iterator over one body: the first version of this ended the process.
    @Test func aRefusedRequestWhoseBodyIsLeftUnreadDoesNotEndTheProcess() async throws {
        let server = try await PlainServer(.main)
        let bodies = [
            "Content-Length: 20\r\n\r\n01234567890123456789", "Content-Length: 20\r\n\r\n0123",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        ]
        for body in bodies {
            let talk = try await server.talk("POST /v1/roster/acts HTTP/1.1\r\nHost: x\r\n\(body)")
            #expect(answers(talk.text) == [401], "\(body): \(talk)")
            #expect(talk.ended)
        }
        let after = try await server.talk(
            "POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", until: 1)
        #expect(answers(after.text) == [200])
    }

    @Test func aClientThatLeavesInTheMidstOfABodyHarmsNobody() async throws {
        let server = try await PlainServer(.main)
        for _ in 0..<5 {
            _ = try await server.talk(
                "POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{", finish: true)
        }
        let after = try await server.talk(
            "POST /v1/enroll HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", until: 1)
        #expect(answers(after.text) == [200])
    }
}
