import Foundation
import Testing

extension MachineIntegrationTests {
    /// The agent's program as a user or a script meets it: arguments, exit codes, errors as text and as JSON, and what
    /// it says of itself when the mesh refuses it.
    @Suite(.serialized) struct EnvoyProgramTests {
        /// The error of a run under `-o json`: one object on standard error and nothing else.
        private func error(_ output: Command.Output) -> [String: Any] {
            let json = try? JSONSerialization.jsonObject(with: Data(output.standardError.utf8)) as? [String: Any]
            return json?["error"] as? [String: Any] ?? [:]
        }

        private func scratch() throws -> String {
            let path = NSTemporaryDirectory() + "bolt-program-" + UUID().uuidString.prefix(8)
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            return path
        }

        @Test(
            "a token that is missing, empty, cut or something else is wrong usage, told as what it is; nothing is made")
        func tokens() throws {
            let folder = try scratch()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let state = folder + "/state"
            let cases: [(arguments: [String], code: String, says: String)] = [
                ([], "token_missing", "BOLT_TOKEN"),
                (["--token", ""], "token_missing", "--token is empty"),
                (["--token", " \n"], "token_missing", "--token is empty"),
                (["--token", "hunter2"], "token_malformed", "bolt1."),
                (["--token", "bolt1."], "token_malformed", "cut or mistyped"),
                (["--token", "bolt1.AAAAAAAAAAAAAAAA"], "token_malformed", "cut or mistyped"),
                (["--token", "bolt1." + String(repeating: "A", count: 9_000)], "token_malformed", "more than"),
                (["--token-file", folder + "/none"], "token_missing", "cannot be read"),
                (["--token-file", "-"], "token_missing", "standard input is empty"),
            ]
            for verb in ["enroll", "simulate"] {
                for (arguments, code, says) in cases where verb == "enroll" || arguments.first != "--token-file" {
                    let place =
                        verb == "enroll"
                        ? ["--state", state, "--name", "web-1"] : ["--dir", state, "--count", "1"]
                    let output = try Command.run("bolt-envoy", [verb] + arguments + place, deadline: 15)
                    #expect(output.status == 64, "\(arguments): \(output)")
                    #expect(
                        output.standardError.contains("[\(code)]") && output.standardError.contains(says), "\(output)")
                    #expect(output.standardError.contains("next:"), "\(output)")
                    #expect(output.standardOutput.isEmpty, "\(output)")
                    let json = try Command.run("bolt-envoy", [verb] + arguments + place + ["-o", "json"], deadline: 15)
                    #expect(json.status == 64 && error(json)["code"] as? String == code, "\(json)")
                }
            }
            #expect(!FileManager.default.fileExists(atPath: state))
        }

        @Test("before an enrolment every command names the one that enrols, and makes nothing")
        func notEnrolled() throws {
            let folder = try scratch()
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let state = folder + "/state"
            for command in [
                ["run"], ["run", "--once"], ["run", "--once", "--bolt", "127.0.0.1:1"], ["status"], ["rekey"],
                ["results"], ["run", "--once", "--dry-run"], ["run", "--once", "--report-only"],
            ] {
                let output = try Command.run("bolt-envoy", command + ["--state", state], deadline: 15)
                #expect(output.status == 1, "\(command): \(output)")
                #expect(output.standardError.contains("next: bolt-envoy enroll --state \(state)"), "\(output)")
                let json = try Command.run("bolt-envoy", command + ["--state", state, "-o", "json"], deadline: 15)
                #expect(error(json)["code"] as? String == "not_enrolled", "\(json)")
                #expect(error(json)["exit"] as? Int == 1 && error(json)["changed"] as? Bool == false, "\(json)")
                #expect(json.standardOutput.isEmpty, "\(json)")
            }
            #expect(!FileManager.default.fileExists(atPath: state))
        }

        @Test("wrong usage exits 64 with what was meant; help and version exit 0 on standard output")
        func usage() throws {
            let wrong: [(arguments: [String], says: String)] = [
                (["statsu"], "did you mean: bolt-envoy status"),
                (["enrol"], "did you mean: bolt-envoy enroll"),
                (["run", "--interval", "0"], "--interval is 0.1 to 86400"),
                (["run", "--interval", "soon"], "--interval"),
                (["run", "--once", "--timeout", "0"], "--timeout is 1 to 86400"),
                (["run", "--report-only", "--dry-run"], "--report-only"),
                (["run", "--once", "--handlers", "handlers"], "absolute"),
                (["results", "--limit", "0"], "--limit is 1 to 1000"),
                (["run", "--bolt", "a b:1"], "host:port"),
                (["run", "--bolt", "127.0.0.1:99999"], "host:port"),
                (["enroll", "--name", "Not A Name"], "--name"),
                (["enroll", "--label", "novalue"], "KEY=VALUE"),
                (["enroll", "--label", "a=1", "--label", "a=2"], "given twice"),
                (["enroll", "--timeout", "-1"], "--timeout"),
                (["simulate", "--count", "0", "--dir", "/nowhere"], "--count is 1 to 20000"),
                (["status", "-o", "yaml"], "json"),
                (["status", "--bogus"], "--bogus"),
            ]
            for (arguments, says) in wrong {
                let output = try Command.run("bolt-envoy", arguments, deadline: 15)
                #expect(output.status == 64, "\(arguments): \(output)")
                #expect(output.standardError.contains(says), "\(arguments): \(output)")
                #expect(output.standardOutput.isEmpty, "\(output)")
            }
            let json = try Command.run("bolt-envoy", ["run", "--interval", "0", "-o", "json"], deadline: 15)
            #expect(json.status == 64 && error(json)["code"] as? String == "usage", "\(json)")
            for arguments in [["--help"], ["--version"], ["run", "--help"], ["help", "status"]] {
                let output = try Command.run("bolt-envoy", arguments, deadline: 15)
                #expect(output.status == 0 && !output.standardOutput.isEmpty, "\(arguments): \(output)")
                #expect(output.standardError.isEmpty, "\(output)")
            }
            let traits = try Command.run("bolt-envoy", ["traits"], deadline: 15)
            #expect(traits.status == 0 && traits.json?["hostname"] != nil, "\(traits)")
        }

        @Test(
            "a single pass ends with a code for each ending and one JSON error, and tells no wait; status tells of it",
            .timeLimit(.minutes(2)))
        func endings() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (bolt, other) = (mesh.bolts[0], mesh.bolts[1])
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                let state = mesh.file("web-1")
                let never = try mesh.envoy("status", "--state", state, "-o", "json")
                #expect(never.json?["reporting"] as? String == "never", "\(never)")
                #expect(try mesh.pass("web-1", at: bolt).status == 0)
                let away = try mesh.envoy(
                    "run", "--once", "--report-only", "--bolt", "127.0.0.1:1", "--state", state, "-o", "json")
                #expect(away.status == 69 && error(away)["code"] as? String == "unreachable", "\(away)")
                let attempts = error(away)["attempts"] as? [[String: Any]] ?? []
                #expect(attempts.map { $0["address"] as? String } == ["127.0.0.1:1"], "\(away)")
                let text = try mesh.envoy(
                    "run", "--once", "--report-only", "--bolt", "127.0.0.1:1", "--state", state)
                #expect(text.status == 69 && text.standardError.contains("everything is kept"), "\(text)")
                #expect(!text.standardError.contains("wait=") && text.standardError.contains("next:"), "\(text)")
                let failing = try mesh.envoy("status", "--state", state, "-o", "json").json
                #expect(failing?["reporting"] as? String == "failing" && failing?["waiting"] as? Int == 2)
                #expect((failing?["oldest_age_seconds"] as? Double).map { $0 >= 0 && $0 < 120 } == true)
                #expect((failing?["last_failure"] as? [String: Any])?["code"] as? String == "unreachable")
                try mesh.done("envoy", "ban", "web-1", "--wait", "--yes", "--reason", "lost laptop")
                let refused = try mesh.pass("web-1", at: other)
                #expect(refused.status == 77 && error(refused)["code"] as? String == "banned", "\(refused)")
                #expect((error(refused)["reason"] as? String)?.contains("lost laptop") == true, "\(refused)")
                #expect(refused.standardOutput.isEmpty, "\(refused)")
                let shown = try mesh.envoy("status", "--state", state)
                for part in ["reporting    refused", "lost laptop", "[banned]", "next:", "3 records"] {
                    #expect(shown.standardOutput.contains(part), "\(part): \(shown)")
                }
                // What it did before is still of interest, and kept.
                let known = try mesh.done("envoy", "show", "web-1", "-o", "json").json?["envoy"] as? [String: Any]
                #expect(known?["standing"] as? String == "banned" && known?["stored_through"] as? Int == 1)
                let told = try mesh.done("envoy", "results", "web-1").standardOutput
                #expect(told.contains("web-1, which is banned") && told.contains("1 result through 1"), "\(told)")
                let again = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-1", token: try mesh.token(), at: bolt),
                    environment: mesh.environment)
                #expect(again.status == 77 && again.standardError.contains("[banned]"), "\(again)")
                #expect(!again.standardOutput.contains("admitted"), "\(again)")
            }
        }

        @Test(
            "P6: a machine that was removed is enrolled anew in the same folder, and what its queue held arrives",
            .timeLimit(.minutes(2)))
        func enrolledAnew() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let state = mesh.file("web-1")
                let first = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-1", token: try mesh.token(), at: bolt) + ["-o", "json"],
                    environment: mesh.environment)
                let id = try #require(first.json?["id"] as? String, "\(first)")
                #expect(first.json?["standing"] as? String == "active")
                #expect(try mesh.pass("web-1", at: bolt).status == 0)
                let token = try mesh.token("--uses", "3")
                let enrolment = mesh.enrolment("web-1", token: token, at: bolt) + ["-o", "json"]
                let still = try Command.run("bolt-envoy", enrolment, environment: mesh.environment)
                #expect(still.status == 0 && still.json?["id"] as? String == id, "\(still)")
                #expect(still.json?["standing"] as? String == "active", "\(still)")
                try mesh.done("envoy", "remove", "web-1", "--yes", "--reason", "moved")
                try mesh.waitForEqualDigests()
                let refused = try mesh.pass("web-1", at: bolt)
                #expect(refused.status == 77 && error(refused)["code"] as? String == "removed", "\(refused)")
                let anew = try Command.run("bolt-envoy", enrolment, environment: mesh.environment)
                #expect(anew.status == 0 && anew.json?["standing"] as? String == "active", "\(anew)")
                #expect(anew.json?["id"] as? String != id, "\(anew)")
                let pass = try mesh.pass("web-1", at: bolt)
                #expect(pass.status == 0 && pass.json?["stored_through"] as? Int == 2, "\(pass)")
                let status = try mesh.envoy("status", "--state", state, "-o", "json").json
                #expect(status?["reporting"] as? String == "working" && status?["waiting"] as? Int == 0)
                #expect(FileManager.default.fileExists(atPath: state + "/identity.ended"))
                // Of another mesh's token it says so, and stays what it is.
                let foreign = try withMesh(["west"]) { try $0.token() }
                let other = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-1", token: foreign, at: bolt), environment: mesh.environment)
                #expect(other.status == 1 && other.standardError.contains("another mesh"), "\(other)")
                #expect(try mesh.pass("web-1", at: bolt).status == 0)
            }
        }

        @Test(
            "V1: a running agent tells status its backoff, says so to a second one, and ends at SIGTERM with 0",
            .timeLimit(.minutes(2)))
        func running() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                try mesh.enroll("web-1", token: try mesh.token(), at: bolt)
                let state = mesh.file("web-1")
                let agent = try Background(
                    "bolt-envoy", ["run", "--report-only", "--interval", "0.2", "--state", state],
                    environment: mesh.environment)
                func status() throws -> [String: Any] {
                    try #require(try mesh.envoy("status", "--state", state, "-o", "json").json)
                }
                // Looking at it while it starts does not keep it from starting.
                try waitUntil("it reports") { try status()["reporting"] as? String == "working" }
                let running = try status()["agent"] as? [String: Any]
                #expect(running?["running"] as? Bool == true && running?["pid"] as? Int == Int(agent.pid))
                let second = try mesh.envoy("run", "--once", "--report-only", "--state", state, "-o", "json")
                #expect(second.status == 1 && error(second)["code"] as? String == "store_locked", "\(second)")
                let enrolled = try Command.run(
                    "bolt-envoy", mesh.enrolment("web-1", token: try mesh.token(), at: bolt),
                    environment: mesh.environment)
                #expect(enrolled.status == 0 && enrolled.standardError.contains("its agent runs"), "\(enrolled)")
                try mesh.stop(bolt)
                try waitUntil("it waits") {
                    let shown = try status()
                    let failure = shown["last_failure"] as? [String: Any]
                    return shown["reporting"] as? String == "failing" && shown["next_attempt_at_ms"] is Int
                        && failure?["in_a_row"] as? Int ?? 0 > 1
                }
                #expect(agent.isRunning)
                try mesh.start(bolt)
                try waitUntil("it reports again", seconds: 30) { try status()["reporting"] as? String == "working" }
                agent.signal(SIGTERM)
                #expect(agent.wait(seconds: 15) == 0, "\(agent.text)")
                #expect(try status()["next_attempt_at_ms"] == nil)
                // Nobody is there to be asked: it says what the machine was, not what it is.
                let enrolment = mesh.enrolment("web-1", token: try mesh.token(), at: bolt)
                try mesh.stop(bolt)
                let unknown = try Command.run("bolt-envoy", enrolment, environment: mesh.environment)
                #expect(unknown.status == 0 && unknown.standardOutput.contains("was admitted"), "\(unknown)")
            }
        }
    }
}
