import Foundation
import Testing

extension IntegrationTests {
    /// S5, S7 and the transport's rules as `curl` and `openssl` see them.
    @Suite(.serialized) struct InteroperationTests {
        @Test("curl and openssl s_client work with valid identities, and are refused without", .timeLimit(.minutes(1)))
        func independentClients() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let root = bolt.identity + "/root.crt"
                let url = "https://\(bolt.address)"
                let (admin, envoy) = (mesh.directory + "/operator", mesh.file("web-1") + "/identity")
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                // The operator reads; the server's certificate verifies under the mesh's root for its address.
                let bolts = try HTTP.get(url + "/v1/bolts", root: root, identity: admin)
                #expect(bolts.status == 200 && (bolts.json?["bolts"] as? [Any])?.count == 2, "\(bolts)")
                #expect(try HTTP.get(url + "/v1/openapi.json", root: root, identity: admin).json?["paths"] != nil)
                let client = try Background(HTTP.openssl, HTTP.client(bolt.address, root: root, identity: admin))
                try client.write("GET /v1/status HTTP/1.1\r\nHost: bolt\r\nConnection: close\r\n\r\n".utf8)
                try waitUntil("openssl has an answer") { client.text.contains("HTTP/1.1 200") }
                #expect(client.text.contains("TLSv1.3") && client.text.contains("Verify return code: 0"))
                client.finishInput()
                _ = client.wait(seconds: 10)
                // Health needs no certificate; anything else does.
                #expect(try HTTP.get(url + "/v1/health", root: root).status == 200)
                #expect(try HTTP.get(url + "/v1/health", root: root, options: ["-I"]).status == 200)
                for path in ["/v1/status", "/v1/roster", "/v1/tokens", "/v1/envoys/web-1", "/v1/openapi.json"] {
                    let nobody = try HTTP.get(url + path, root: root)
                    #expect(nobody.status == 401 && nobody.code == "not_authenticated", "\(path): \(nobody)")
                    let wrongRole = try HTTP.get(url + path, root: root, identity: envoy)
                    #expect(wrongRole.status == 403 && wrongRole.code == "not_permitted", "\(path): \(wrongRole)")
                }
                let asBolt = try HTTP.get(url + "/v1/tokens", root: root, identity: mesh.bolts[1].identity)
                #expect(asBolt.status == 403, "\(asBolt)")
                let peerPath = try HTTP.get(
                    url + "/v1/peer/checkin", root: root, identity: admin, options: ["--data-binary", "{}"])
                #expect(peerPath.status == 403, "\(peerPath)")
                // A connection for each: those that are over do not count as the identity's (they did for a second,
                // because its end of TLS was not heard).
                let again = url + "/v1/status?n=[1-48]"
                let each = try HTTP.get(
                    again, root: root, identity: admin, options: ["-o", "/dev/null", "-H", "Connection: close"])
                let statuses = each.body.split(separator: "\n").map { String($0) } + ["\(each.status)"]
                #expect(statuses.count == 48 && statuses.allSatisfy { $0 == "200" } && each.exit == 0, "\(each)")
                // No identity from header or name (S7).
                let claimed = try HTTP.get(
                    url + "/v1/status", root: root,
                    options: ["-H", "X-Forwarded-Client-Cert: URI=spiffe://trial/operator/admin"])
                #expect(claimed.status == 401, "\(claimed)")
            }
        }

        @Test("TLS 1.2 and foreign authorities are refused; the bolt stays up", .timeLimit(.minutes(1)))
        func refusedHandshakes() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let root = bolt.identity + "/root.crt"
                let url = "https://\(bolt.address)/v1/health"
                let old = try HTTP.get(url, root: root, options: ["--tls-max", "1.2"])
                #expect(old.status == 0 && old.exit == 35, "\(old)")
                let client = try Background(
                    HTTP.openssl, HTTP.client(bolt.address, root: root, identity: nil, options: ["-tls1_2"]))
                client.finishInput()
                #expect(client.wait(seconds: 10) != 0)
                try withMesh(["west"]) { (foreign) throws in
                    // Its server is not ours, by its root.
                    let theirs = try HTTP.get("https://\(foreign.bolts[0].address)/v1/health", root: root)
                    #expect(theirs.exit == 60, "\(theirs)")
                    let stranger = try HTTP.get(
                        "https://\(bolt.address)/v1/status", root: root, identity: foreign.directory + "/operator")
                    #expect(stranger.status != 200, "\(stranger)")
                }
                #expect(try HTTP.get(url, root: root).status == 200)
                #expect(bolt.isRunning)
            }
        }

        @Test(
            "the ops listener answers health, liveness, readiness and metrics, and nothing else",
            .timeLimit(.minutes(1)))
        func opsListener() throws {
            try withMesh(["north"]) { (mesh) throws in
                let ops = "http://\(mesh.bolts[0].ops)"
                for path in ["/livez", "/readyz", "/v1/health", "/metrics"] {
                    #expect(try HTTP.get(ops + path).status == 200, "\(path)")
                }
                #expect(try HTTP.get(ops + "/metrics").body.contains("bolt_"))
                for path in ["/v1/status", "/v1/roster", "/v1/tokens", "/"] {
                    #expect(try HTTP.get(ops + path).status == 404, "\(path)")
                }
            }
        }
    }
}
