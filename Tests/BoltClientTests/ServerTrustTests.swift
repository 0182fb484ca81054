import BoltAPI
import Foundation
import Identity
import Spanner
import Testing

@testable import BoltClient

/// S1, S2: a client talks to bolts of its mesh and to nobody else, and no byte of a request leaves before that is
/// known.
@Suite struct ServerTrustTests {
    private func failure(
        of client: BoltClient, _ endpoint: Endpoint = .health, location: SourceLocation = #_sourceLocation
    ) async throws -> ClientError {
        do throws(ClientError) {
            _ = try await client.send(endpoint)
        } catch { return error }
        Issue.record("it was answered", sourceLocation: location)
        throw CancellationError()
    }

    private func refuses(
        _ presented: Presented, trust: ClientTrust, location: SourceLocation = #_sourceLocation
    ) async throws -> ClientError {
        let server = try await TestServer(presenting: presented) { _ in .answer("{}") }
        let client = try ClientMesh.shared.get().client(of: [server], trust: trust)
        let error = try await failure(of: client, location: location)
        #expect(error.kind == .notOurMesh && error.exitStatus == .unavailable, "\(error)", sourceLocation: location)
        #expect(server.connections == 1 && server.requests.isEmpty, "nothing was sent", sourceLocation: location)
        try await server.stop()
        return error
    }

    @Test func aBoltOfAnotherMeshIsSentNothing() async throws {
        let (mesh, other) = (try ClientMesh.shared.get(), try ClientMesh.other.get())
        let error = try await refuses(other.bolt(), trust: .mesh(mesh.verifier))
        #expect(error.attempts.count == 1 && !error.mayHaveChanged, "\(error)")
    }

    @Test func anOperatorWhoPlaysABoltIsSentNothing() async throws {
        let mesh = try ClientMesh.shared.get()
        _ = try await refuses(mesh.operatorAsServer(), trust: .mesh(mesh.verifier))
    }

    @Test func aPinTakesTheMeshWithThatRootAlone() async throws {
        let (mesh, other) = (try ClientMesh.shared.get(), try ClientMesh.other.get())
        let server = try await TestServer(presenting: mesh.bolt()) { _ in .answer("{}") }
        let answer = try await mesh.client(of: [server], trust: .pinned(mesh.authority.mesh)).send(.health)
        #expect(answer.status == 200)
        try await server.stop()
        _ = try await refuses(mesh.bolt(), trust: .pinned(other.authority.mesh))
        // Without the root in the chain the pin has nothing to hold on to.
        _ = try await refuses(mesh.bolt(withRoot: false), trust: .pinned(mesh.authority.mesh))
    }

    @Test func aBoltThatRefusesOurCertificateIsToldFromOneThatIsNotThere() async throws {
        let (mesh, other) = (try ClientMesh.shared.get(), try ClientMesh.other.get())
        let server = try await TestServer(presenting: mesh.bolt(), clients: [other.authority.root.der]) { _ in
            .answer("{}")
        }
        let client = try mesh.client(of: [server], certificate: mesh.operatorCertificate())
        // Whether the refusal comes before or after the request is written: it is told as what it is.
        for _ in 1...20 {
            let error = try await failure(of: client)
            #expect(error.kind == .identityRefused && error.exitStatus == .notPermitted, "\(error)")
        }
        #expect(server.requests.isEmpty)
        try await server.stop()
    }

    @Test func theCertificateIsPresentedWhereItIsAskedFor() async throws {
        let mesh = try ClientMesh.shared.get()
        let roots = [mesh.authority.root.der, mesh.authority.operatorsCA.der]
        let server = try await TestServer(presenting: mesh.bolt(), clients: roots) { _ in .answer("{}") }
        let client = try mesh.client(of: [server], certificate: mesh.operatorCertificate())
        #expect(try await client.send(.status).status == 200)
        try await server.stop()
    }

    @Test func anIdentityThatCannotBeUsedIsRefusedBeforeAnybodyIsAsked() throws {
        let mesh = try ClientMesh.shared.get()
        for (addresses, certificate) in [
            ([], nil), (["a:b:c"], nil), (["127.0.0.1:1"], ClientCertificate(chain: [[1, 2]], privateKeyPEM: [3])),
        ] {
            do throws(ClientError) {
                _ = try BoltClient(addresses: addresses, trust: .mesh(mesh.verifier), certificate: certificate)
                Issue.record("\(addresses) was taken")
            } catch { #expect(error.kind == .badArgument && error.exitStatus == .usage) }
        }
    }
}
