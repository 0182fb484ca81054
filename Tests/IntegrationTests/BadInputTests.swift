import Foundation
import Testing

extension IntegrationTests {
    /// The list of bad input: a clear error, an exit code, and the process up wherever it can be.
    @Suite(.serialized) struct BadInputTests {
        /// Runs a bolt that must not start; gives what it said.
        private func refusal(_ bolt: RealMesh.Bolt, _ options: String..., environment: [String: String] = [:]) throws
            -> Command.Output
        {
            try Command.run(
                "bolt", ["run", "--config", bolt.config] + options, environment: environment, deadline: 15)
        }

        /// What, why, effect on state and what to do, under a stable code.
        private func expect(
            _ output: Command.Output, status: Int32 = 1, code: String, location: SourceLocation = #_sourceLocation
        ) {
            #expect(output.status == status, "\(output)", sourceLocation: location)
            #expect(output.standardError.contains("[\(code)]"), "\(output)", sourceLocation: location)
            #expect(output.standardError.contains("nothing was changed"), "\(output)", sourceLocation: location)
            #expect(!output.standardError.contains("Program crashed"), "\(output)", sourceLocation: location)
        }

        @Test("an unknown configuration key is refused with the nearest known one, all mistakes at once")
        func unknownKey() throws {
            let mesh = try RealMesh(["north"])
            defer { mesh.remove() }
            let file = mesh.file("bolt.yaml")
            try "mesh: {name: x}\nbolt: {name: a, partition: p}\ngossip: {round_intervall_ms: 5}\nlisten: {prot: 1}\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            for verb in ["check-config", "run"] {
                let output = try Command.run("bolt", [verb, "--config", file], deadline: 15)
                #expect(output.status == 64, "\(output)")
                #expect(output.standardError.contains("gossip.round_interval_ms"), "\(output)")
                #expect(output.standardError.contains("listen.port"), "\(output)")
            }
            let missing = try Command.run("bolt", ["run", "--config", mesh.file("none.yaml")], deadline: 15)
            #expect(missing.status == 64 && missing.standardError.contains("none.yaml"), "\(missing)")
            let topology = mesh.file("bad-topology.yaml")
            try "version: 1\nmesh: {nam: x}\n".write(toFile: topology, atomically: true, encoding: .utf8)
            let up = try mesh.ctl("mesh", "up", "-f", topology, "--dir", mesh.directory)
            #expect(up.status != 0 && up.standardError.contains("did you mean “name”"), "\(up)")
            #expect(!FileManager.default.fileExists(atPath: mesh.directory))
        }

        @Test(
            "ports in use, locked state, open keys and newer databases are refused; nothing is changed",
            .timeLimit(.minutes(1)))
        func refusedStarts() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (bolt, other) = (mesh.bolts[0], mesh.bolts[1])
                let second = try refusal(bolt)
                expect(second, code: "store_locked")
                #expect(second.standardError.contains("\(bolt.pid ?? 0)"), "the holder is named: \(second)")
                #expect(try mesh.health(bolt) == 200)
                try mesh.stop(bolt)
                let port = other.address.split(separator: ":").last ?? ""
                let inUse = try refusal(bolt, "--set", "listen.port=\(port)")
                expect(inUse, code: "port_in_use")
                #expect(inUse.standardError.contains(String(port)))
                let key = bolt.identity + "/tls.key"
                #expect(chmod(key, 0o640) == 0)
                let open = try refusal(bolt)
                expect(open, code: "identity_insecure_file")
                #expect(open.standardError.contains("chmod 600"))
                #expect(chmod(key, 0o600) == 0)
                try newerSchema(bolt)
                // The other bolt was never the worse for it, and this one starts again.
                #expect(try mesh.health(other) == 200)
                try mesh.up()
                try mesh.waitForEqualDigests()
            }
        }

        /// Raises the schema's number in the file's head, as a newer program would have left it.
        private func newerSchema(_ bolt: RealMesh.Bolt) throws {
            let path = bolt.state + "/bolt.db"
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? file.close() }
            try file.seek(toOffset: 60)
            let version = try #require(try file.read(upToCount: 4))
            try file.seek(toOffset: 60)
            try file.write(contentsOf: Data([0, 0, 3, 231]))
            try file.synchronize()
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            expect(try refusal(bolt), code: "store_newer_schema")
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
            try file.seek(toOffset: 60)
            try file.write(contentsOf: version)
        }

        @Test("tokens that are expired, cut or of another mesh admit nobody, with a reason", .timeLimit(.minutes(1)))
        func badTokens() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let short = try mesh.token("--expires", "1s")
                try waitUntil("the token has expired") {
                    let output = try Command.run(
                        "bolt-envoy", mesh.enrolment("late", token: short, at: bolt, state: "x-\(UUID().uuidString)"),
                        environment: mesh.environment)
                    return output.status == 77 && output.standardError.contains("token_expired")
                }
                let token = try mesh.token()
                let cut = try Command.run(
                    "bolt-envoy", mesh.enrolment("cut", token: String(token.dropLast(3)), at: bolt),
                    environment: mesh.environment)
                #expect(cut.status != 0 && !cut.standardError.isEmpty, "\(cut)")
                // Nothing of a token goes to a server that is not of its mesh; its own is gone.
                let foreign = try withMesh(["west"]) { try $0.token() }
                let output = try Command.run(
                    "bolt-envoy", mesh.enrolment("foreign", token: foreign, at: bolt), environment: mesh.environment)
                #expect(output.status == 77 || output.status == 69, "\(output)")
                #expect(output.standardError.contains(bolt.address), "\(output)")
                #expect(try mesh.envoy("status", "--state", mesh.file("foreign")).status == 1)
                // It was not spent by any of this.
                try mesh.enroll("good", token: token, at: bolt)
            }
        }

        @Test("a bolt that the mesh does not know, or no longer, is kept out", .timeLimit(.minutes(1)))
        func unknownPeer() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let pid = bolt.pid
                try withMesh(["west"]) { (foreign) throws in
                    let stranger = try Background(
                        HTTP.openssl,
                        HTTP.client(
                            bolt.address, root: bolt.identity + "/root.crt", identity: foreign.bolts[0].identity,
                            protocol: "bolt-peer/1"))
                    stranger.finishInput()
                    _ = stranger.wait(seconds: 15)
                    try waitUntil("the reason is in the log") {
                        bolt.log.split(separator: "\n").contains {
                            $0.contains("connection refused") && $0.contains("accepted")
                        }
                    }
                }
                // An envoy's certificate is no bolt's.
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                let envoy = try Background(
                    HTTP.openssl,
                    HTTP.client(
                        bolt.address, root: bolt.identity + "/root.crt", identity: mesh.file("web-1") + "/identity",
                        protocol: "bolt-peer/1"))
                envoy.finishInput()
                _ = envoy.wait(seconds: 15)
                #expect(try mesh.health(bolt) == 200)
                #expect(bolt.pid == pid && bolt.isRunning)
                try mesh.waitForEqualDigests()
            }
        }

        @Test("a wrong passphrase is told, and opens nothing")
        func wrongPassphrase() throws {
            let mesh = try RealMesh(["north"])
            defer { mesh.remove() }
            func passphrase(_ text: String) throws -> [String: String] {
                let path = mesh.file("passphrase")
                try text.write(toFile: path, atomically: false, encoding: .utf8)
                _ = chmod(path, 0o600)
                return mesh.environment.merging(["BOLT_PASSPHRASE_FILE": path]) { $1 }
            }
            try FileManager.default.createDirectory(atPath: mesh.directory, withIntermediateDirectories: true)
            let made = try Command.run(
                "boltctl", ["mesh", "init", "--dir", mesh.directory + "/authority", "--name", "trial"],
                environment: try passphrase("correct horse battery"))
            #expect(made.status == 0, "\(made)")
            let wrong = try Command.run(
                "boltctl", ["mesh", "up", "-f", mesh.topology, "--dir", mesh.directory, "-o", "json"],
                environment: try passphrase("incorrect horse"))
            #expect(wrong.status == 77, "\(wrong)")
            #expect(wrong.standardError.contains("wrong_passphrase"), "\(wrong)")
            #expect(!mesh.bolts[0].isRunning)
            let none = try Command.run(
                "boltctl", ["mesh", "init", "--dir", mesh.file("other"), "--name", "trial"],
                environment: mesh.environment)
            #expect(none.status == 64 && none.standardError.contains("--dev"), "\(none)")
        }

        @Test("usage errors name what was meant and exit 64; nothing reachable exits 69")
        func usage() throws {
            let mesh = try RealMesh(["north"])
            defer { mesh.remove() }
            let typo = try mesh.ctl("envoy", "lst")
            #expect(typo.status == 64 && typo.standardError.contains("envoy list"), "\(typo)")
            let none = try mesh.ctl("status")
            #expect(none.status == 64, "\(none)")
            for program in ["bolt", "boltctl", "bolt-envoy"] {
                let help = try Command.run(program, ["--help"])
                #expect(
                    help.status == 0 && help.standardOutput.contains("EXAMPLES")
                        || help.standardOutput.contains("Examples"))
                #expect(try Command.run(program, ["--version"]).status == 0)
            }
            let made = try mesh.ctl("mesh", "init", "--dir", mesh.directory, "--name", "trial", "--dev")
            #expect(made.status == 0, "\(made)")
        }
    }
}
