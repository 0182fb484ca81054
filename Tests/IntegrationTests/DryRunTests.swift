import Foundation
import Testing

extension IntegrationTests {
    /// `--dry-run` of every command that has it, against one mesh: nothing is changed, nobody is asked.
    @Suite(.serialized) struct DryRunTests {
        /// All that a command could change: rosters, tokens, contested names, processes, and files outside the state.
        private struct Snapshot: Equatable {
            let digests: [String]
            let tokens: String
            let conflicts: String
            let seals: String
            let secrets: String
            let applies: String
            let tasks: String
            let stacks: [String]
            let pids: [pid_t?]
            let files: [String: Data]

            init(_ mesh: RealMesh) throws {
                digests = try mesh.digests()
                tokens = try Self.member("tokens", mesh.done("envoy", "token", "list", "-o", "json"))
                conflicts = try Self.member("conflicts", mesh.done("roster", "conflicts", "-o", "json"))
                seals = try mesh.done("seal", "status", "-o", "json").standardOutput
                secrets = try Self.member("secrets", mesh.done("secret", "list", "--partition", "north", "-o", "json"))
                applies = try Self.member("applies", mesh.done("topology", "history", "-o", "json"))
                tasks = try Self.tasks(mesh)
                stacks = try ["north", "south"].map {
                    try Self.member("revisions", mesh.done("stack", "history", "--partition", $0, "-o", "json"))
                }
                pids = mesh.bolts.map(\.pid)
                files = Self.files(below: mesh.folder)
            }

            /// What is wanted of each task, and what it may take; how far it is changes by itself.
            private static func tasks(_ mesh: RealMesh) throws -> String {
                let output = try mesh.done("rebalance", "status", "-o", "json")
                let tasks = try #require(output.json?["tasks"] as? [[String: Any]])
                let wanted = ["id", "phase", "paused", "reversed", "cancelled", "limits"]
                let kept = tasks.map { task in task.filter { wanted.contains($0.key) } }
                return String(
                    decoding: try JSONSerialization.data(withJSONObject: kept, options: .sortedKeys), as: UTF8.self)
            }

            private static func member(_ name: String, _ output: Command.Output) throws -> String {
                let list = try #require(output.json?[name] as? [Any])
                return String(
                    decoding: try JSONSerialization.data(withJSONObject: list, options: .sortedKeys), as: UTF8.self)
            }

            /// Every file with its bytes, but for what the running bolts write themselves.
            private static func files(below folder: String) -> [String: Data] {
                var files: [String: Data] = [:]
                guard let walk = FileManager.default.enumerator(atPath: folder) else { return files }
                for case let path as String in walk {
                    guard !path.contains("/state/"), !path.hasSuffix("/bolt.log") else { continue }
                    files[path] = FileManager.default.contents(atPath: folder + "/" + path) ?? Data()
                }
                return files
            }

            /// What differs, in words.
            func difference(_ other: Snapshot) -> String {
                let paths = Set(files.keys).union(other.files.keys).filter { files[$0] != other.files[$0] }.sorted()
                return "digests \(digests == other.digests), tokens \(tokens == other.tokens), "
                    + "conflicts \(conflicts == other.conflicts), seals \(seals == other.seals), "
                    + "secrets \(secrets == other.secrets), applies \(applies == other.applies), "
                    + "tasks \(tasks == other.tasks), stacks \(stacks == other.stacks), "
                    + "processes \(pids == other.pids), files \(paths)"
            }
        }

        /// The paths of all commands with `--dry-run`, from the program itself.
        private func verbs(_ mesh: RealMesh) throws -> Set<String> {
            let dump = try mesh.done("--experimental-dump-help")
            let root = try #require(dump.json?["command"] as? [String: Any])
            return Set(below(root, []).map { $0.dropFirst().joined(separator: " ") })
        }

        private func below(_ command: [String: Any], _ path: [String]) -> [[String]] {
            let path = path + [command["commandName"] as? String ?? "?"]
            let arguments = command["arguments"] as? [[String: Any]] ?? []
            let names = arguments.flatMap {
                ($0["names"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
            }
            let subcommands = command["subcommands"] as? [[String: Any]] ?? []
            return (names.contains("dry-run") ? [path] : []) + subcommands.flatMap { below($0, path) }
        }

        /// Commands whose change a safety rule refuses in partitions of one bolt: a dry run says so, with exit 4.
        private let refused: [(verb: String, arguments: [String])] = [
            ("bolt remove", ["a.south", "--dead"]), ("bolt step-down", ["a.north"]),
            ("partition switchover", ["north"]), ("partition promote", ["north"]),
            ("partition promote", ["north", "--to", "a.north"]),
            ("partition promote", ["north", "--to", "a.north", "--allow-data-loss"]),
            ("bolt drain", ["a.north"]), ("slice takeover", ["--partition", "south"]),

        ]

        /// Commands that change a task that runs.
        private let moving: [(verb: String, arguments: [String])] = [
            ("rebalance pause", []), ("rebalance resume", []), ("rebalance throttle", ["--slices-in-flight", "4"]),
            ("rebalance cancel", []), ("rebalance reverse", []),
        ]

        /// Every changing command with arguments on which it would change something.
        private func lines(_ mesh: RealMesh, token: String, key: String) -> [(verb: String, arguments: [String])] {
            let authority = mesh.directory + "/authority"
            let lines: [(verb: String, arguments: [String])] = [
                ("mesh init", ["--dir", mesh.file("new/mesh"), "--name", "x", "--dev"]),
                ("mesh up", ["-f", mesh.topology, "--dir", mesh.file("new/up")]),
                ("mesh up", ["-f", mesh.topology, "--dir", mesh.directory]),
                ("mesh up", ["-f", mesh.topology, "--dir", mesh.directory, "--set", "log.level=debug"]),
                ("mesh down", ["--dir", mesh.directory]),
                (
                    "bolt invite",
                    [
                        "--authority", authority, "--request", mesh.file("c.csr"), "--name", "c", "--partition",
                        "north",
                        "--address", "127.0.0.1:9", "--out", mesh.file("c.json"),
                    ]
                ),
                (
                    "bolt invite",
                    [
                        "--authority", authority, "--request", mesh.file("c.csr"), "--name", "c", "--partition",
                        "north",
                        "--address", "127.0.0.1:9", "--out", mesh.file("c.json"), "--offline",
                    ]
                ),
                ("bolt join", ["--dir", mesh.file("new/identity"), "--request", mesh.file("new/d.csr")]),
                ("bolt join", ["--dir", mesh.file("b"), "--invitation", mesh.file("b.json")]),
                ("bolt remove", ["a.south"]),
                ("partition salvage", ["north", "--at", "a.north", "--dismiss", "7"]),
                ("envoy token create", ["--uses", "3"]),
                ("envoy token revoke", [token]),
                ("envoy remove", ["web-1"]),
                ("envoy ban", ["web-1"]),
                ("envoy ban", ["web-1", "--wait"]),
                ("envoy ban", [String(repeating: "0f", count: 32)]),
                ("roster resolve", ["twin", "--keep", key]),
                ("seal init", ["--key-file", mesh.file("new.key"), "--partition", "south"]),
                ("seal unseal", ["--key-file", mesh.file("north.key")]),
                ("seal unseal", ["--key-file", mesh.file("north.key"), "--partition", "north"]),
                ("seal seal", ["a.north", "--stop-partition"]),
                ("secret put", ["db/x", "--partition", "north", "--from-file", mesh.file("value")]),
                ("secret remove", ["db/x", "--partition", "north"]),
                (
                    "context use",
                    ["other", "--bolt", "127.0.0.1:9", "--identity", mesh.directory + "/operator"]
                ),
                ("context refresh", []),
            ]
            return lines + topologyLines(mesh)
        }

        /// Those about policy: of the partition that has a stack, a roll-out under way and one of its machines.
        private func policyLines(_ mesh: RealMesh, of partition: String) -> [(verb: String, arguments: [String])] {
            let place = ["--partition", partition]
            return [
                ("stack publish", [mesh.file("stack-3")] + place), ("stack rollback", place),
                ("stack rollback", ["--at-once", "--no-freeze"] + place), ("stack freeze", place),
                ("stack unfreeze", place), ("stack rollout pause", place),
                ("stack rollout abort", place), ("envoy push", ["--all"] + place),
            ]
        }

        /// Those about the topology, and about what it moves.
        private func topologyLines(_ mesh: RealMesh) -> [(verb: String, arguments: [String])] {
            [
                ("topology render systemd", [mesh.topology, "--out", mesh.file("new/units")]),
                ("topology render kubernetes", [mesh.topology, "--out", mesh.file("new/objects")]),
                ("topology apply", [mesh.file("heavier.yaml"), "--despite-blockers"]),
                ("rebalance apply", ["--tolerance", "0", "--despite-blockers"]),
                ("partition drain", ["north", "--despite-blockers"]),
                ("partition undrain", ["north", "--despite-blockers"]),
                ("bolt undrain", ["a.north"]),
                ("envoy reassign", ["web-1", "--group", "spare"]),
            ]
        }

        @Test("no changing verb changes anything with --dry-run, or asks anybody", .timeLimit(.minutes(3)))
        func everyVerb() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let key = try prepare(mesh)
                let listed = try mesh.done("envoy", "token", "list", "-o", "json").json?["tokens"] as? [[String: Any]]
                let token = try #require(listed?.first?["id"] as? String)
                let owner = try self.owner(mesh)
                let lines = lines(mesh, token: token, key: key) + policyLines(mesh, of: owner)
                let refused = refused + [("stack rollout resume", ["--partition", owner])]
                let named = Set((lines + refused + moving).map(\.verb))
                #expect(named == (try verbs(mesh)), "every verb with --dry-run has a line here")
                let before = try Snapshot(mesh)
                #expect(before.digests.count == 2 && Set(before.digests).count == 1)
                try expectInert(lines, mesh, before, answer: expectDone)
                try expectInert(refused, mesh, before, answer: expectRefused)
                try beginMoves(mesh)
                let held = try Snapshot(mesh)
                #expect(held.applies != before.applies && held.tasks != before.tasks)
                try expectInert(moving, mesh, held, answer: expectDone)
                // The control: what is compared does change when a verb is meant.
                try mesh.done("envoy", "token", "revoke", token, "--yes")
                try mesh.waitForEqualDigests()
                let after = try Snapshot(mesh)
                #expect(after.digests != before.digests && after.tokens != before.tokens)
            }
        }

        /// Looks at the mesh after so many lines: each look is as dear as several of them.
        private static let linesPerLook = 6

        /// Nothing is changed by any of these lines; each is to end as `answer` says.
        private func expectInert(
            _ lines: [(verb: String, arguments: [String])], _ mesh: RealMesh, _ before: Snapshot,
            answer: ([String], RealMesh) throws -> Void
        ) throws {
            for start in stride(from: 0, to: lines.count, by: Self.linesPerLook) {
                let some = lines[start..<min(start + Self.linesPerLook, lines.count)]
                    .map { $0.verb.split(separator: " ").map(String.init) + $0.arguments + ["--dry-run"] }
                for line in some { try answer(line, mesh) }
                let after = try Snapshot(mesh)
                #expect(after == before, "one of \(some): equal are \(before.difference(after))")
            }
        }

        private func expectDone(_ line: [String], _ mesh: RealMesh) throws {
            for form in ["table", "json"] {
                // Without --yes and without a terminal: a question would be an error.
                let output = try Command.run("boltctl", line + ["-o", form], environment: mesh.environment)
                #expect(output.status == 0, "\(line): \(output)")
                #expect(!output.standardOutput.isEmpty, "\(line): \(output)")
                if form == "json" { #expect(output.json != nil, "\(line): \(output)") }
            }
        }

        private func expectRefused(_ line: [String], _ mesh: RealMesh) throws {
            let output = try Command.run("boltctl", line + ["-o", "json"], environment: mesh.environment)
            #expect(output.status == 4, "\(line): \(output)")
        }

        /// A task that would take hours, held still: what changes a task has one to change.
        private func beginMoves(_ mesh: RealMesh) throws {
            let begun = try mesh.ctl(
                "topology", "apply", mesh.file("heavier.yaml"), "--despite-blockers", "--slices-in-flight", "1",
                "--bytes-per-second", "1", "--yes", "--no-wait")
            try #require(begun.status == 3, "\(begun)")
            try mesh.done("rebalance", "pause", "--yes")
            try mesh.waitForEqualDigests()
        }

        /// Writes a topology with a second group, applies it, and writes one that would move slices from there.
        private func applyTopology(_ mesh: RealMesh) throws {
            let text = try String(contentsOfFile: mesh.topology, encoding: .utf8)
                .replacing("groups:\n  - name: default", with: "groups:\n\(Self.spare)\n  - name: default")
                .replacing("groups: [default]", with: "groups: [spare, default]")
            try text.write(toFile: mesh.file("first.yaml"), atomically: true, encoding: .utf8)
            try text.replacing("  - name: north\n", with: "  - name: north\n    weight: 300\n")
                .write(toFile: mesh.file("heavier.yaml"), atomically: true, encoding: .utf8)
            try mesh.done("topology", "apply", mesh.file("first.yaml"), "--yes")
            try mesh.done("slice", "verify")
        }

        /// The partition that owns a machine: its roll-outs wait for that machine to tell how it went.
        private func owner(_ mesh: RealMesh) throws -> String {
            let shown = try mesh.done("envoy", "show", "web-1", "-o", "json").json?["envoy"] as? [String: Any]
            return try #require(shown?["owner"] as? String)
        }

        /// Two versions of a stack are in force one after the other, a third is there to be published.
        private func publishStacks(_ mesh: RealMesh) throws {
            let owner = try owner(mesh)
            for number in 1...3 {
                let folder = mesh.file("stack-\(number)")
                try FileManager.default.createDirectory(
                    atPath: folder + "/layers", withIntermediateDirectories: true)
                try "stack: trial\n".write(toFile: folder + "/stack.yaml", atomically: true, encoding: .utf8)
                try "layer: base\nresources:\n  - file: /motd\n    content: \"\(number)\"\n".write(
                    toFile: folder + "/layers/base.yaml", atomically: true, encoding: .utf8)
                guard number < 3 else { return }
                try mesh.done("stack", "publish", folder, "--partition", owner, "--yes")
            }
        }

        private static let spare = """
              - name: spare
                slices: 8
                match:
                  - hostname: "spare-*"
            """

        /// Gives every verb something to change: an envoy, a token, a contested name, a bolt's request and invitation.
        /// The result is the first key of the contested name.
        private func prepare(_ mesh: RealMesh) throws -> String {
            try applyTopology(mesh)
            let token = try mesh.token("--uses", "5")
            try mesh.enroll("web-1", token: token, at: mesh.bolts[0])
            let twins = try [0, 1].map { number in
                try Background(
                    "bolt-envoy",
                    mesh.enrolment("twin", token: token, at: mesh.bolts[number], state: "twin-\(number)"),
                    environment: mesh.environment)
            }
            let codes = twins.map { $0.wait(seconds: 30) }
            try #require(codes == [0, 0], "\(twins.map(\.text))")
            for name in ["b", "c"] {
                try mesh.done("bolt", "join", "--dir", mesh.file(name), "--request", mesh.file("\(name).csr"))
            }
            try mesh.done(
                "bolt", "invite", "--authority", mesh.directory + "/authority", "--request", mesh.file("b.csr"),
                "--name",
                "b", "--partition", "north", "--address", "127.0.0.1:9", "--out", mesh.file("b.json"), "--offline")
            try mesh.done("seal", "init", "--key-file", mesh.file("north.key"), "--partition", "north", "--yes")
            try "value".write(toFile: mesh.file("value"), atomically: true, encoding: .utf8)
            try mesh.done("secret", "put", "db/x", "--partition", "north", "--from-file", mesh.file("value"))
            try publishStacks(mesh)
            try mesh.waitForEqualDigests()
            let conflicts = try mesh.done("roster", "conflicts", "-o", "json").json?["conflicts"] as? [[String: Any]]
            let holders = try #require(conflicts?.first?["holders"] as? [[String: Any]])
            return try #require(holders.first?["fingerprint"] as? String)
        }
    }
}
