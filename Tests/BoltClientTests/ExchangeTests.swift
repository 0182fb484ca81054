import BoltAPI
import Foundation
import NIOHTTP1
import Spanner
import Testing

@testable import BoltClient

/// The HTTP/1.1 of the client, against a server that answers byte for byte.
@Suite struct ExchangeTests {
    private static let bolts =
        #"{"bolts":[],"freshness":{"age_seconds":0,"complete":true,"bolts_heard":1,"bolts_total":1}}"#
    private static let tokenRequest = CreateTokenRequest(
        kind: .oneShot, uses: 1, expiresSeconds: 60, group: nil, labels: [:])

    /// A server, a client of it alone, and what a body does with both.
    private func with(
        _ script: @escaping TestServer.Script, limits: (inout ClientLimits) -> Void = { _ in },
        _ body: (BoltClient, TestServer) async throws -> Void
    ) async throws {
        let mesh = try ClientMesh.shared.get()
        let server = try await TestServer(presenting: mesh.bolt(), script)
        let client = try mesh.client(of: [server], limits)
        defer { client.close() }
        try await body(client, server)
        try await server.stop()
    }

    /// The error of a request that has to fail.
    private func failure(
        location: SourceLocation = #_sourceLocation, _ request: () async throws(ClientError) -> Void
    ) async throws -> ClientError {
        do throws(ClientError) {
            try await request()
        } catch { return error }
        Issue.record("it was answered", sourceLocation: location)
        throw CancellationError()
    }

    // MARK: Connections

    @Test func oneConnectionCarriesManyRequests() async throws {
        try await with { _ in
            .answer(Self.bolts)
        } _: { client, server in
            for _ in 1...3 {
                let answer: BoltsResponse = try await client.call(.bolts)
                #expect(answer.freshness.boltsTotal == 1)
            }
            #expect(server.connections == 1)
            #expect(server.requests.map(\.number) == [1, 2, 3])
            #expect(server.requests.allSatisfy { $0.head.uri == "/v1/bolts" && $0.head.method == .GET })
            #expect(server.requests[0].head.headers.first(name: "host") == server.address)
        }
    }

    @Test func aServerThatWantsToCloseIsNotAskedAgainOverThatConnection() async throws {
        try await with { _ in
            .answer(Self.bolts, headers: ["connection: close"])
        } _: { client, server in
            for _ in 1...2 { _ = try await client.send(.bolts) }
            #expect(server.requests.map(\.connection) == [1, 2])
        }
    }

    @Test func requestsAtTheSameTimeTakeConnectionsOfTheirOwn() async throws {
        try await with { _ in
            .answer(Self.bolts)
        } _: { client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 1...8 { group.addTask { _ = try await client.send(.bolts) } }
                try await group.waitForAll()
            }
            #expect(server.requests.count == 8)
            let before = server.connections
            _ = try await client.send(.bolts)
            #expect(server.connections == before, "an idle one was kept")
            client.close()
            _ = try await client.send(.bolts)
            #expect(server.connections == before + 1, "none is kept after close, and the client still works")
        }
    }

    // MARK: Requests

    @Test func pathsQueriesAndBodiesAreWrittenOut() async throws {
        try await with { _ in
            .answer("{}")
        } _: { client, server in
            _ = try await client.send(.envoy, ["a/b ?é"])
            _ = try await client.send(.envoys, query: [("name", "web-1"), ("after", nil), ("limit", "5&x=1")])
            _ = try await client.send(
                .createToken, query: [("dry_run", "true")], body: Self.tokenRequest)
            let requests = server.requests
            #expect(requests[0].head.uri == "/v1/envoys/a%2Fb%20%3F%C3%A9")
            #expect(requests[1].head.uri == "/v1/envoys?name=web-1&limit=5%26x%3D1")
            #expect(requests[2].head.uri == "/v1/tokens?dry_run=true" && requests[2].head.method == .POST)
            #expect(requests[2].head.headers.first(name: "content-type") == "application/json")
            #expect(requests[2].head.headers.first(name: "content-length") == "\(requests[2].body.utf8.count)")
            #expect(try APIJSON.decode(CreateTokenRequest.self, from: Data(requests[2].body.utf8)) == Self.tokenRequest)
        }
    }

    // MARK: Answers

    @Test func chunkedAnswersAreReadWhole() async throws {
        let middle = Self.bolts.index(Self.bolts.startIndex, offsetBy: 9)
        let parts = [String(Self.bolts[..<middle]), String(Self.bolts[middle...])]
        try await with { _ in
            .chunks(parts)
        } _: { client, server in
            for _ in 1...2 {
                let answer: BoltsResponse = try await client.call(.bolts)
                #expect(answer.bolts.isEmpty)
            }
            #expect(server.connections == 1, "the next request finds the connection in step")
        }
    }

    @Test(arguments: [true, false]) func answersOverTheLimitAreRefused(chunked: Bool) async throws {
        let long = String(repeating: "x", count: 4096)
        try await with {
            $0.number == 1 && $0.connection == 1 ? (chunked ? .chunks([long, long]) : .answer(long)) : .answer("{}")
        } limits: {
            $0.answerBytesMax = 1024
        } _: { client, server in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .badAnswer && error.detail.contains("1024 bytes"), "\(error)")
            #expect(server.requests.count == 1, "what answered is not asked again")
            _ = try await client.send(.bolts)
            #expect(server.requests.last?.connection == 2, "the connection that was out of step is not used again")
        }
    }

    @Test func whatIsNoHTTPIsNoAnswer() async throws {
        try await with { _ in
            .bytes("SSH-2.0-OpenSSH\r\n\r\n")
        } _: { client, _ in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .badAnswer, "\(error)")
        }
    }

    @Test func whatIsNotTheShapeIsABadAnswerThatSaysWhere() async throws {
        try await with { _ in
            .answer(#"{"bolts":7}"#)
        } _: { client, _ in
            let error = try await failure { () throws(ClientError) in
                let _: BoltsResponse = try await client.call(.bolts)
            }
            #expect(error.kind == .badAnswer && error.detail.contains("bolts"), "\(error)")
        }
    }

    @Test func problemsAreToldWithTheirCodeAndPatience() async throws {
        let problem = try String(decoding: APIJSON.encode(Problem(.tooManyRequests, "slowly")), as: UTF8.self)
        try await with { request in
            request.head.uri == "/v1/bolts"
                ? .answer(problem, status: 429, headers: ["retry-after: 7"]) : .answer("<html>", status: 502)
        } _: { client, server in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .problem && error.code == "too_many_requests" && error.detail == "slowly")
            #expect(error.retryAfter == .seconds(7) && !error.mayHaveChanged)
            let bare = try await failure { () throws(ClientError) in _ = try await client.send(.status) }
            #expect(bare.kind == .problem && bare.detail.contains("502"), "\(bare)")
            #expect(server.connections == 1, "an error is an answer: the connection goes on")
        }
    }

    // MARK: Ends

    @Test(arguments: [0, 1, 2, 3])
    func aConnectionThatEndsWithinAnAnswerGivesNone(kind: Int) async throws {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"
        let replies: [TestServer.Reply] = [
            .bytesThenGoodbye(head), .bytesThenCut(head), .bytesThenGoodbye(""),
            // Without a length only TLS's goodbye says that the answer is whole.
            .bytesThenCut("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}"),
        ]
        try await with { _ in
            replies[kind]
        } _: { client, server in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .unreachable && error.mayHaveChanged, "\(error)")
            #expect(server.requests.count == 1, "a fresh connection that fails is not tried again at the same address")
        }
    }

    @Test(.timeLimit(.minutes(1))) func silenceEndsAtTheDeadline() async throws {
        try await with {
            $0.connection == 1 ? .silence : .answer("{}")
        } limits: {
            $0.requestTimeout = .seconds(2)
        } _: { client, server in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .unreachable && error.attempts.first?.reason == "no answer in time", "\(error)")
            #expect(error.mayHaveChanged && error.exitStatus == .unavailable)
            _ = try await client.send(.bolts)
            #expect(server.requests.last?.connection == 2, "a late answer can never meet the next request")
        }
    }

    /// A request that stalls halfway through its answer ends too: the deadline is of the whole exchange.
    @Test(.timeLimit(.minutes(1))) func aStallEndsAtTheDeadline() async throws {
        try await with { _ in
            .bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        } limits: {
            $0.requestTimeout = .milliseconds(200)
        } _: { client, _ in
            let error = try await failure { () throws(ClientError) in _ = try await client.send(.bolts) }
            #expect(error.kind == .unreachable && error.attempts.first?.reason == "no answer in time", "\(error)")
        }
    }

    @Test(.timeLimit(.minutes(1))) func cancellingEndsARequest() async throws {
        try await with { _ in
            .silence
        } _: { client, server in
            let task = Task { try await client.send(.bolts) }
            while server.requests.isEmpty { await Task.yield() }
            task.cancel()
            await #expect(throws: ClientError.self) { _ = try await task.value }
        }
    }

    // MARK: Kept connections that ended unnoticed

    @Test func aStaleConnectionIsReplacedForWhatMayBeRepeated() async throws {
        try await with {
            $0.connection == 1 && $0.number == 2 ? .bytesThenCut("") : .answer("{}")
        } _: {
            client, server in
            _ = try await client.send(.bolts)
            _ = try await client.send(.bolts)
            #expect(server.requests.map(\.connection) == [1, 1, 2])
        }
    }

    /// A second token would be a second way in: the caller is told that it may have been made.
    @Test func aStaleConnectionIsNotReplacedForATokenToBeMade() async throws {
        try await with {
            $0.connection == 1 && $0.number == 2 ? .bytesThenCut("") : .answer("{}")
        } _: {
            client, server in
            _ = try await client.send(.bolts)
            let error = try await failure { () throws(ClientError) in
                _ = try await client.send(.createToken, body: Self.tokenRequest)
            }
            #expect(error.kind == .unreachable && error.mayHaveChanged, "\(error)")
            #expect(server.requests.map(\.connection) == [1, 1])
        }
    }
}
