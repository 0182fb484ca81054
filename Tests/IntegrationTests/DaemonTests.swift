import BoltAPI
import CRDT
import Foundation
import Identity
import NIOCore
import Spanner
import SpannerWire
import Testing

extension IntegrationTests {
    /// What a bolt says and does about its own place: ports, groups, address and zone, who its peers are.
    @Suite(.serialized) struct DaemonTests {
        private func run(_ bolt: RealMesh.Bolt, _ settings: String...) throws -> Command.Output {
            let flags = settings.flatMap { ["--set", $0] }
            return try Command.run("bolt", ["run", "--config", bolt.config] + flags, deadline: 15)
        }

        /// One line on standard error, with its code, and nothing else anywhere.
        private func expectOneError(
            _ output: Command.Output, _ code: String, location: SourceLocation = #_sourceLocation
        ) {
            #expect(output.status == 1, "\(output)", sourceLocation: location)
            let lines = output.standardError.split(separator: "\n")
            #expect(lines.count == 1 && lines[0].hasSuffix("[\(code)]"), "\(output)", sourceLocation: location)
            #expect(output.standardError.contains("nothing was changed"), "\(output)", sourceLocation: location)
            #expect(output.standardOutput.isEmpty, "\(output)", sourceLocation: location)
        }

        private func operate(_ mesh: RealMesh, at bolt: RealMesh.Bolt, _ path: String) throws -> HTTP.Answer {
            try HTTP.get(
                "https://\(bolt.address)\(path)", root: bolt.identity + "/root.crt",
                identity: mesh.directory + "/operator")
        }

        @Test(
            "either port in use, or no admission: one error, exit 1, and not even the state directory is made",
            .timeLimit(.minutes(1)))
        func refusedStartsLeaveNothing() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (bolt, other) = (mesh.bolts[0], mesh.bolts[1])
                let ports = [other.address, other.ops].map { $0.split(separator: ":").last.map(String.init) ?? "" }
                let fresh = mesh.file("fresh")
                try mesh.stop(bolt)
                for (setting, port) in [("listen.port", ports[0]), ("ops.port", ports[1])] {
                    let output = try run(bolt, "state.directory=\(fresh)/state", "\(setting)=\(port)")
                    expectOneError(output, "port_in_use")
                    #expect(output.standardError.contains(":\(port) (\(setting))"), "\(output)")
                    #expect(!FileManager.default.fileExists(atPath: fresh))
                }
                let elsewhere = try run(bolt, "state.directory=\(fresh)/state", "listen.address=192.0.2.1")
                expectOneError(elsewhere, "cannot_listen")
                #expect(elsewhere.standardError.contains("listen.address"), "\(elsewhere)")
                let stranger = try run(
                    bolt, "state.directory=\(fresh)/state", "join.genesis=\(mesh.file("none.json"))")
                expectOneError(stranger, "not_admitted")
                #expect(!FileManager.default.fileExists(atPath: fresh))
                // A start with the real state was not harmed by any of it.
                let before = try Data(contentsOf: URL(fileURLWithPath: bolt.state + "/bolt.db"))
                expectOneError(try run(bolt, "ops.port=\(ports[1])"), "port_in_use")
                #expect(try Data(contentsOf: URL(fileURLWithPath: bolt.state + "/bolt.db")) == before)
                try mesh.up()
                try mesh.waitForEqualDigests()
            }
        }

        @Test("a topology that is broken, or another mesh's, is refused at start", .timeLimit(.minutes(1)))
        func badTopology() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                try mesh.stop(bolt)
                let text = try String(contentsOfFile: mesh.topology, encoding: .utf8)
                let changes = [
                    ("name: trial", "name: other"), ("slices: 64", "slices: none"),
                    ("groups: [default]", "groups: [x]"),
                ]
                for (old, new) in changes {
                    let file = mesh.file("bad.yaml")
                    try text.replacing(old, with: new).write(toFile: file, atomically: true, encoding: .utf8)
                    let output = try run(bolt, "topology.file=\(file)")
                    #expect(output.status == 1 && output.standardError.contains("[bad_topology]"), "\(output)")
                    #expect(output.standardError.contains(file), "\(output)")
                }
                expectOneError(try run(bolt, "topology.file=\(mesh.file("none.yaml"))"), "bad_topology")
            }
        }

        @Test(
            "a machine's group is the first whose rules fit it, unless its token names one; it is in its admission",
            .timeLimit(.minutes(1)))
        func groups() throws {
            let mesh = try RealMesh(["north", "south"])
            defer { mesh.remove() }
            let groups = """
                groups:
                  - name: web
                    match: [{hostname: "web-*"}, {labels: {role: web}}]
                  - name: data
                    match: [{labels: {role: data}}]

                """
            let text = try String(contentsOfFile: mesh.topology, encoding: .utf8)
                .replacing("groups:\n  - name: default\n    slices: 64\n", with: groups)
                .replacing("groups: [default]", with: "groups: [web, data]")
            try text.write(toFile: mesh.topology, atomically: true, encoding: .utf8)
            try mesh.up()
            let (north, south) = (mesh.bolts[0], mesh.bolts[1])
            try mesh.enroll("web-1", token: try mesh.token(), at: north)
            try mesh.enroll("db-1", token: try mesh.token("--label", "role=data"), at: south)
            try mesh.enroll("web-2", token: try mesh.token("--group", "data"), at: south)
            let unfit = try mesh.token()
            let refused = try Command.run(
                "bolt-envoy", mesh.enrolment("misfit", token: unfit, at: north), environment: mesh.environment)
            #expect(refused.status != 0 && refused.standardError.contains("no_group"), "\(refused)")
            try mesh.waitForEqualDigests()
            for bolt in mesh.bolts {
                for (name, group) in [("web-1", "web"), ("db-1", "data"), ("web-2", "data")] {
                    let envoy = try operate(mesh, at: bolt, "/v1/envoys/\(name)").json?["envoy"] as? [String: Any]
                    #expect(envoy?["group"] as? String == group, "\(name) at \(bolt.name): \(envoy ?? [:])")
                }
            }
            // The refusal spent nothing.
            try mesh.enroll("web-3", token: unfit, at: north)
            let typo = try mesh.ctl("envoy", "token", "create", "--group", "dat")
            #expect(typo.status != 0 && typo.standardError.contains("did you mean data"), "\(typo)")
        }

        @Test(
            "a new zone and address are announced at start: the other bolts show them, and dial there",
            .timeLimit(.minutes(1)))
        func placeIsAnnounced() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (bolt, other) = (mesh.bolts[0], mesh.bolts[1])
                let digest = try mesh.digests()[0]
                try mesh.stop(bolt)
                let port = bolt.address.split(separator: ":").last ?? ""
                let moved = try Background(
                    "bolt",
                    [
                        "run", "--config", bolt.config, "--set", "listen.advertise=localhost:\(port)", "--set",
                        "bolt.zone=cellar",
                    ])
                func seen() throws -> [String: Any]? {
                    let bolts = try operate(mesh, at: other, "/v1/bolts").json?["bolts"] as? [[String: Any]]
                    return bolts?.first { $0["partition"] as? String == bolt.partition }
                }
                try waitUntil("the other bolt shows the new place") {
                    let view = try seen()
                    return view?["address"] as? String == "localhost:\(port)" && view?["zone"] as? String == "cellar"
                        && view?["reach"] as? String == "alive"
                }
                try mesh.waitForEqualDigests()
                #expect(try mesh.digests()[0] != digest)
                // The same place once more says nothing new.
                let settled = try mesh.digests()[0]
                moved.signal(SIGTERM)
                #expect(moved.wait(seconds: 20) == 0)
                let again = try Background(
                    "bolt",
                    [
                        "run", "--config", bolt.config, "--set", "listen.advertise=localhost:\(port)", "--set",
                        "bolt.zone=cellar",
                    ])
                try waitUntil("it is back") { try seen()?["reach"] as? String == "alive" }
                try waitUntil("it writes") { again.text.contains("own events may be written") }
                try mesh.waitForEqualDigests()
                #expect(try mesh.digests()[0] == settled, "an unchanged place was announced again")
                again.signal(SIGTERM)
                #expect(again.wait(seconds: 20) == 0)
            }
        }

        @Test(
            "S5: a bolt that says it is another than its key was admitted for gets no link, an alarm and a count",
            .timeLimit(.minutes(1)))
        func identityMismatch() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (bolt, other) = (mesh.bolts[0], mesh.bolts[1])
                let status = try operate(mesh, at: bolt, "/v1/status").json
                let id = try #require(
                    ((status?["mesh"] as? [String: Any])?["id"] as? String).flatMap { MeshID(apiText: $0) })
                try mesh.stop(other)
                let hello = GossipMessage.Hello(
                    versionMin: GossipLimits.versionMin, versionMax: GossipLimits.versionMax, mesh: id,
                    replica: ReplicaID(key: Bytes32(words: (1, 2, 3, 4)), incarnation: 9),
                    bolt: PrincipalID(high: 1, low: 2), features: 0)
                var frame = ByteBuffer()
                #expect(FrameEncoder.write(.gossip(.hello(hello)), into: &frame))
                let impostor = try Background(
                    HTTP.openssl,
                    HTTP.client(
                        bolt.address, root: bolt.identity + "/root.crt", identity: other.identity,
                        protocol: "bolt-peer/1", options: ["-nocommands"]))
                try waitUntil("it shook hands") { impostor.text.contains("Verify return code: 0") }
                try impostor.write(Array(frame.readableBytesView))
                #expect(impostor.wait(seconds: 15) < 128, "the link was not ended")
                func alarms() throws -> [[String: Any]] {
                    let alarms = try operate(mesh, at: bolt, "/v1/status").json?["alarms"] as? [[String: Any]] ?? []
                    return alarms.filter { $0["code"] as? String == "bolt_identity_mismatch" }
                }
                let alarm = try #require(try alarms().first)
                #expect((alarm["text"] as? String)?.contains(other.name) == true, "\(alarm)")
                #expect((alarm["next"] as? String)?.contains("boltctl bolt show \(other.name)") == true, "\(alarm)")
                let metrics = try HTTP.get("http://\(bolt.ops)/metrics").body
                #expect(metrics.contains("bolt_gossip_links_closed_total{reason=\"identity_mismatch\"} 1"))
                // The real one comes back: there is nothing to tell any more.
                try mesh.up()
                try mesh.waitForEqualDigests()
                #expect(try alarms().isEmpty)
            }
        }

        @Test("explain tells a ban with its own event, time and operator, not the admission's", .timeLimit(.minutes(1)))
        func explainedBan() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                let begun = UInt64(Date().timeIntervalSince1970 * 1000)
                try mesh.done("envoy", "ban", "web-1", "--yes", "--reason", "lost", "--wait")
                for bolt in mesh.bolts {
                    let facts =
                        try operate(mesh, at: bolt, "/v1/envoys/web-1/explain").json?["facts"] as? [[String: Any]] ?? []
                    let admitted = try #require(facts.first { $0["kind"] as? String == "admitted" })
                    let banned = try #require(facts.first { $0["kind"] as? String == "banned" }, "\(facts)")
                    #expect("\(banned["dot"] ?? "")" != "\(admitted["dot"] ?? "")")
                    #expect(banned["at_ms"] as? UInt64 ?? 0 >= begun, "\(banned)")
                    #expect(admitted["at_ms"] as? UInt64 ?? .max <= begun + 1, "\(admitted)")
                    #expect(banned["author"] as? String == "admin", "\(banned)")
                    #expect(banned["in_force"] as? Bool == true && admitted["in_force"] as? Bool == false)
                    let dot = "\(banned["dot"] ?? "")"
                    let log = try mesh.done("roster", "log", "--limit", "1000", "--bolt", bolt.address, "-o", "json")
                    let events = log.json?["events"] as? [[String: Any]] ?? []
                    let event = events.first { "\($0["dot"] ?? "")" == dot }
                    #expect(event?["kind"] as? String == "act_ban", "\(dot): \(event ?? [:])")
                }
            }
        }

        @Test("S1: the process writes no core file, and nobody but root may look into it", .timeLimit(.minutes(1)))
        func secrecy() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let pid = try #require(bolt.pid)
                let limits = try String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)
                let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
                #expect(core.split(separator: " ").filter { $0 == "0" }.count == 2, "\(core)")
                // The kernel gives the files of an undumpable process to root. Where this test is root itself, only a
                // process of another user shows it.
                guard geteuid() == 0 else { return try expectRootOwns(pid) }
                try mesh.stop(bolt)
                let nobody: UInt32 = 65_534
                let paths =
                    [mesh.folder] + (FileManager.default.subpaths(atPath: mesh.folder) ?? []).map { mesh.file($0) }
                for path in paths { #expect(lchown(path, nobody, nobody) == 0) }
                let program = Command.binaries.appending(path: "bolt").path
                let child = try Background(
                    "/usr/bin/setpriv",
                    [
                        "--reuid=\(nobody)", "--regid=\(nobody)", "--clear-groups", program, "run", "--config",
                        bolt.config,
                    ])
                try waitUntil("it serves, or cannot be started as another user") {
                    try !child.isRunning || mesh.health(bolt) == 200
                }
                // A build folder that others may not enter proves nothing here: the limits above stand.
                guard child.isRunning else { return }
                try expectRootOwns(child.pid)
                child.signal(SIGTERM)
                #expect(child.wait(seconds: 20) == 0)
            }
        }

        private func expectRootOwns(_ pid: pid_t) throws {
            let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)/maps")[.ownerAccountID]
            #expect(owner as? Int == 0, "memory of \(pid) can be read by its own user")
        }
    }
}
