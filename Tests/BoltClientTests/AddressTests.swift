import BoltAPI
import Foundation
import Spanner
import Testing

@testable import BoltClient

/// Several addresses: who is asked next, and who is not.
@Suite struct AddressTests {
    private static func problem(_ code: Problem.Code) throws -> String {
        String(decoding: try APIJSON.encode(Problem(code, "not now")), as: UTF8.self)
    }

    /// Two servers, and a client that asks the first one first.
    private func with(
        _ first: @escaping TestServer.Script, _ second: @escaping TestServer.Script,
        _ body: (BoltClient, TestServer, TestServer) async throws -> Void
    ) async throws {
        let mesh = try ClientMesh.shared.get()
        let servers = [
            try await TestServer(presenting: mesh.bolt(), first), try await TestServer(presenting: mesh.bolt(), second),
        ]
        let client = try mesh.client(of: servers)
        defer { client.close() }
        try await body(client, servers[0], servers[1])
        for server in servers { try await server.stop() }
    }

    @Test func theOneThatAnsweredIsAskedFirstFromThenOn() async throws {
        let starting = try Self.problem(.notReady)
        try await with({ _ in .answer(starting, status: 503) }, { _ in .answer("{}") }) { client, first, second in
            for _ in 1...3 {
                let answer = try await client.send(.bolts)
                #expect(answer.address == second.address)
            }
            #expect(first.requests.count == 1 && second.requests.count == 3)
        }
    }

    /// Ports of the loopback on which nobody listens: below those that are given out.
    private static let nobody = ["127.0.0.1:1", "127.0.0.1:2"]

    @Test func whoIsGoneIsPassedOver() async throws {
        let mesh = try ClientMesh.shared.get()
        let server = try await TestServer(presenting: mesh.bolt()) { _ in .answer("{}") }
        let client = try BoltClient(
            addresses: [Self.nobody[0], server.address], trust: .mesh(mesh.verifier), certificate: nil)
        let answer = try await client.send(.createToken, body: ["x": 1])
        #expect(answer.address == server.address)
        client.close()
        try await server.stop()
    }

    @Test func whoIsGoneIsToldByAddress() async throws {
        let mesh = try ClientMesh.shared.get()
        let client = try BoltClient(addresses: Self.nobody, trust: .mesh(mesh.verifier), certificate: nil)
        do throws(ClientError) {
            _ = try await client.send(.bolts)
            Issue.record("it was answered")
        } catch {
            #expect(error.kind == .unreachable && !error.mayHaveChanged && error.exitStatus == .unavailable)
            #expect(error.attempts.map(\.address) == Self.nobody)
            #expect(error.attempts.map(\.reason) == ["connection refused", "connection refused"], "\(error)")
        }
    }

    /// What a bolt decided is not put to another bolt.
    @Test(arguments: [Problem.Code.banned, .notPermitted, .badRequest, .notFound, .conflict])
    func anAnswerIsAnAnswer(code: Problem.Code) async throws {
        let text = try Self.problem(code)
        try await with({ _ in .answer(text, status: code.status) }, { _ in .answer("{}") }) { client, _, second in
            do throws(ClientError) {
                _ = try await client.send(.bolts)
                Issue.record("it was answered")
            } catch { #expect(error.problem?.code == code) }
            #expect(second.requests.isEmpty)
        }
    }

    @Test func aTokenThatMayHaveBeenMadeIsNotMadeElsewhere() async throws {
        try await with({ _ in .bytesThenCut("") }, { _ in .answer("{}") }) { client, first, second in
            do throws(ClientError) {
                _ = try await client.send(.createToken, body: ["x": 1])
                Issue.record("it was answered")
            } catch { #expect(error.kind == .unreachable && error.mayHaveChanged) }
            #expect(first.requests.count == 1 && second.requests.isEmpty)
            // What is the same thing when repeated goes on to the next bolt.
            let answer = try await client.send(.postAct, body: ["x": 1])
            #expect(answer.address == second.address)
        }
    }

    @Test func whatABoltSaidTellsMoreThanThatAnotherIsGone() async throws {
        let draining = try Self.problem(.draining)
        try await with({ _ in .answer(draining, status: 503) }, { _ in .bytesThenCut("") }) { client, _, _ in
            do throws(ClientError) {
                _ = try await client.send(.bolts)
                Issue.record("it was answered")
            } catch { #expect(error.code == "draining" && error.attempts.count == 2 && error.detail == "not now") }
        }
    }
}
