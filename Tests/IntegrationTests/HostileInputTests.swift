import Foundation
import Testing

extension IntegrationTests {
    /// Oversized and malformed frames and bodies leave a bolt up (R10).
    @Suite(.serialized) struct HostileInputTests {
        @Test("malformed and oversized requests are answered, and the bolt stays up", .timeLimit(.minutes(1)))
        func bodies() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let root = bolt.identity + "/root.crt"
                let url = "https://\(bolt.address)"
                let pid = bolt.pid
                let huge = mesh.file("huge")
                try Data(repeating: UInt8(ascii: "x"), count: 6 << 20).write(to: URL(fileURLWithPath: huge))
                let big = mesh.file("big")
                try Data(repeating: UInt8(ascii: "["), count: 200_000).write(to: URL(fileURLWithPath: big))
                func post(_ path: String, _ options: String...) throws -> HTTP.Answer {
                    try HTTP.get(url + path, root: root, options: options)
                }
                #expect(try post("/v1/enroll", "--data-binary", "@\(huge)").status == 413)
                #expect(try post("/v1/enroll", "--data-binary", "@\(big)").status == 400)
                #expect(try post("/v1/enroll", "--data-binary", "{\"token\":").code == "bad_request")
                #expect(try post("/v1/enroll", "--data-binary", "").status == 400)
                #expect(
                    try post("/v1/enroll", "-H", "Transfer-Encoding: chunked", "--data-binary", "@\(huge)").status
                        == 413)
                #expect(try post("/v1/nothing").code == "not_found")
                #expect(try post("/v1/enroll", "-X", "PATCH").status == 405)
                #expect(try post("/v1/health/../../etc/passwd", "--path-as-is").status == 404)
                #expect(try post("/v1/%ff%fe", "--path-as-is").status == 400)
                #expect(try post("/v1/\(String(repeating: "a", count: 5_000))").status >= 400)
                let header = String(repeating: "h", count: 30_000)
                #expect(try post("/v1/health", "-H", "X-Long: \(header)").status != 200)
                // A refused enrolment, several times: the first version of this ended the process.
                let identity = mesh.directory + "/operator"
                for _ in 0..<3 {
                    let answer = try HTTP.get(
                        url + "/v1/roster/acts", root: root, identity: identity,
                        options: ["--data-binary", "{\"content\":\"AA==\",\"chain\":[],\"signature\":\"AA==\"}"])
                    #expect((400..<500).contains(answer.status), "\(answer)")
                }
                for query in ["limit=0", "limit=99999999999999999999", "after=zz", "limit=-1"] {
                    let answer = try HTTP.get(url + "/v1/roster?" + query, root: root, identity: identity)
                    #expect(answer.code == "bad_request", "\(query): \(answer)")
                }
                #expect(try mesh.health(bolt) == 200)
                #expect(bolt.pid == pid && bolt.isRunning)
            }
        }

        @Test(
            "R10: malformed and oversized frames of a peer, and noise before TLS, leave the bolt up",
            .timeLimit(.minutes(1)))
        func frames() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let root = bolt.identity + "/root.crt"
                let pid = bolt.pid
                var frames: [[UInt8]] = [
                    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
                    [0, 0, 0, 0, 0, 0, 0, 0],
                    [UInt8](repeating: 0x42, count: 100_000),
                    Array("GET / HTTP/1.1\r\n\r\n".utf8),
                    [0x7F, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 1, count: 2_000),
                ]
                var seed: UInt64 = 7
                for _ in 0..<5 {
                    frames.append(
                        (0..<500).map { _ in
                            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            return UInt8(truncatingIfNeeded: seed >> 33)
                        })
                }
                for (index, frame) in frames.enumerated() {
                    let noise = try TCPSocket(bolt.address)
                    noise.write(frame)
                    let peer = try Background(
                        HTTP.openssl,
                        HTTP.client(
                            bolt.address, root: root, identity: mesh.bolts[1].identity, protocol: "bolt-peer/1"))
                    try waitUntil("it shook hands") { peer.text.contains("Verify return code: 0") }
                    try? peer.write(frame)
                    peer.finishInput()
                    #expect(peer.wait(seconds: 15) < 128, "frame \(index): the link was not ended")
                    #expect(try mesh.health(bolt) == 200, "frame \(index)")
                }
                #expect(bolt.pid == pid && bolt.isRunning)
                // The real peer is linked again and gossip goes on.
                try mesh.enroll("web-1", token: try mesh.token(at: bolt), at: bolt)
                try mesh.waitForEqualDigests()
            }
        }
    }
}
