import Foundation
import Testing

extension IntegrationTests {
    /// Topologies, plans and tasks as operators meet them, on real bolts.
    @Suite(.serialized) struct SliceOperatorTests {
        /// The mesh's topology with another weight of one partition, in a file of its own.
        private func weighted(_ mesh: RealMesh, _ partition: String, _ weight: Int) throws -> String {
            let text = try String(contentsOfFile: mesh.topology, encoding: .utf8)
                .replacing("  - name: \(partition)\n", with: "  - name: \(partition)\n    weight: \(weight)\n")
            let path = mesh.file("\(partition)-\(weight).yaml")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        /// How many slices each partition owns, as one bolt knows it.
        private func owners(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [String: Int] {
            let output = try mesh.done("slice", "list", "--bolt", bolt.address, "-o", "json")
            let slices = try #require(output.json?["slices"] as? [[String: Any]], "\(output)")
            return Dictionary(grouping: slices) { $0["owner"] as? String ?? "?" }.mapValues(\.count)
        }

        private func task(_ output: Command.Output) throws -> [String: Any] {
            try #require(output.json?["task"] as? [String: Any], "\(output)")
        }

        @Test(
            "P5: before the first apply there is nothing; after it every bolt tells the same owners, each slice once",
            .timeLimit(.minutes(3)))
        func genesis() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                for line in [["slice", "verify"], ["topology", "export"], ["rebalance", "plan"]] {
                    let output = try Command.run("boltctl", line + ["-o", "json"], environment: mesh.environment)
                    #expect(output.status == 4 && output.standardError.contains("no_topology"), "\(line): \(output)")
                }
                let planned = try mesh.ctl("topology", "plan", mesh.topology, "-o", "json")
                #expect(planned.status == 2 && planned.json?["plan"] != nil, "\(planned)")
                let digests = try mesh.digests()
                let dry = try mesh.done("topology", "apply", mesh.topology, "--dry-run")
                #expect(dry.standardOutput.contains("dry run: nothing was changed"), "\(dry)")
                #expect(try mesh.digests() == digests && mesh.ctl("topology", "export").status == 4)
                try mesh.done("topology", "apply", mesh.topology, "--yes", "--reason", "the first")
                try mesh.done("slice", "verify")
                let told = try mesh.bolts.map { try owners(mesh, at: $0) }
                #expect(told[0] == told[1] && told[0].values.reduce(0, +) == 64, "\(told)")
                // Applied again it is nothing; what is exported is what was applied.
                #expect(try mesh.ctl("topology", "plan", mesh.topology).status == 0)
                let exported = try mesh.done("topology", "export")
                try exported.standardOutput.write(toFile: mesh.file("again.yaml"), atomically: true, encoding: .utf8)
                #expect(try mesh.ctl("topology", "diff", mesh.topology, mesh.file("again.yaml")).status == 0)
                // YAML is the document as well: it was the whole answer, which no apply takes.
                #expect(try mesh.done("topology", "export", "-o", "yaml").standardOutput == exported.standardOutput)
                // Whoever asks one bolt is not told that the others' partitions have no primary.
                let one = try mesh.done("slice", "verify", "--bolt", mesh.bolts[0].address)
                #expect(one.standardOutput.contains("as far as was asked, 1 of 2 bolts"), "\(one)")
                let history = try mesh.done("topology", "history", "-o", "json").json?["applies"] as? [[String: Any]]
                #expect(history?.count == 1 && history?.first?["reason"] as? String == "the first")
                let explained = try mesh.done("slice", "explain", "default/7")
                #expect(explained.standardOutput.contains("genesis"), "\(explained)")
            }
        }

        @Test(
            "P5, P7: slices move with their envoys, are verified, and go back; nothing is enrolled anew or lost",
            .timeLimit(.minutes(5)))
        func thereAndBack() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let names = (1...6).map { "web-\($0)" }
                let token = try mesh.token("--uses", "\(names.count)")
                for name in names { try mesh.enroll(name, token: token, at: mesh.bolts[0]) }
                try mesh.waitForEqualDigests()
                for name in names { #expect(try mesh.pass(name, at: mesh.bolts[0]).status == 0) }
                let before = try owners(mesh, at: mesh.bolts[0])
                let ids = try mesh.envoyIDs(at: mesh.bolts[0])
                let heavier = try weighted(mesh, "north", 300)
                let applied = try mesh.done("topology", "apply", heavier, "--yes", "-o", "json", "--reason", "north")
                let id = try #require(try task(applied)["id"] as? String)
                try mesh.done("rebalance", "verify", id)
                let after = try owners(mesh, at: mesh.bolts[1])
                #expect((after["north"] ?? 0) > (before["north"] ?? 0) && after["south"] != nil, "\(before) \(after)")
                for name in names {
                    let passed = try mesh.pass(name, at: mesh.bolts[1])
                    #expect(passed.status == 0 && passed.json?["stored_through"] as? Int == 2, "\(name): \(passed)")
                }
                #expect(try mesh.envoyIDs(at: mesh.bolts[1]) == ids)
                try mesh.done("rebalance", "reverse", id, "--yes")
                try mesh.done("rebalance", "verify", id)
                #expect(try owners(mesh, at: mesh.bolts[0]) == before)
                for name in names {
                    let passed = try mesh.pass(name, at: mesh.bolts[0])
                    #expect(passed.status == 0 && passed.json?["stored_through"] as? Int == 3, "\(name): \(passed)")
                }
            }
        }

        @Test(
            "a plan of another version, an altered one, and one that is expired are refused with 4, and change nothing",
            .timeLimit(.minutes(3)))
        func stalePlans() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let (heavy, light) = (try weighted(mesh, "north", 300), try weighted(mesh, "south", 0))
                #expect(try mesh.ctl("topology", "plan", heavy, "--out", mesh.file("p.json")).status == 2)
                #expect(
                    try mesh.ctl("topology", "plan", heavy, "--out", mesh.file("short.json"), "--expires", "1s").status
                        == 2)
                func apply(_ file: String, _ plan: String) throws -> Command.Output {
                    try mesh.ctl("topology", "apply", file, "--plan", mesh.file(plan), "--yes", "-o", "json")
                }
                // The plan of another file is not carried out, whoever altered what.
                let other = try apply(light, "p.json")
                #expect(other.status == 4 && other.standardError.contains("plan_altered"), "\(other)")
                let text = try String(contentsOfFile: mesh.file("p.json"), encoding: .utf8)
                try text.replacing("\"north\"", with: "\"south\"")
                    .write(toFile: mesh.file("forged.json"), atomically: true, encoding: .utf8)
                let forged = try apply(heavy, "forged.json")
                #expect(forged.status == 4 && forged.standardError.contains("plan_altered"), "\(forged)")
                // Until then it would be carried out: only asked for, it is not.
                try waitUntil("the short plan has expired") {
                    let late = try mesh.ctl(
                        "topology", "apply", heavy, "--plan", mesh.file("short.json"), "--dry-run", "-o", "json")
                    return late.status == 4 && late.standardError.contains("plan_expired")
                }
                try mesh.done("topology", "apply", light, "--yes", "--reason", "south is drained")
                let stale = try apply(heavy, "p.json")
                #expect(stale.status == 4 && stale.standardError.contains("topology_moved"), "\(stale)")
                #expect(try owners(mesh, at: mesh.bolts[0]) == ["north": 64])
                let applies = try mesh.done("topology", "history", "-o", "json").json?["applies"] as? [Any]
                #expect(applies?.count == 2)
            }
        }

        @Test(
            "P6: a lost partition is taken over by a signed act, and yields when it is back; one that lives is not",
            .timeLimit(.minutes(4)))
        func takenOver() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let (north, south) = (mesh.bolts[0], mesh.bolts[1])
                let before = try owners(mesh, at: north)
                let line = ["slice", "takeover", "--partition", "south", "--bolt", north.address, "-o", "json"]
                func takeover(_ options: String...) throws -> Command.Output {
                    try Command.run("boltctl", line + options, environment: mesh.environment)
                }
                let alive = try takeover("--yes")
                #expect(alive.status == 4 && alive.standardError.contains("owner_lives"), "\(alive)")
                try mesh.crash(south)
                try waitUntil("south is not heard any more", seconds: 60) { try takeover("--dry-run").status == 0 }
                let typo = try takeover("--to", "nroth", "--yes")
                #expect(typo.status == 4 && typo.standardError.contains("did you mean north"), "\(typo)")
                let dry = try takeover("--dry-run")
                #expect(dry.json?["taken"] as? Int == before["south"], "\(dry)")
                #expect((dry.json?["unknowable"] as? [Any])?.isEmpty == false, "\(dry)")
                #expect(try owners(mesh, at: north) == before)
                let taken = try takeover("--yes", "--reason", "burnt")
                #expect(taken.status == 0 && taken.json?["taken"] as? Int == before["south"], "\(taken)")
                #expect(try owners(mesh, at: north) == ["north": 64])
                try mesh.done("slice", "verify", "--bolt", north.address)
                let again = try takeover("--yes")
                #expect(again.status == 4 && again.standardError.contains("nothing_owned"), "\(again)")
                // The same act again is done already.
                let act = try #require(taken.json?["act"] as? String)
                let repeated = try takeover("--act", act, "--yes")
                #expect(repeated.status == 0 && repeated.json?["taken"] as? Int == 0, "\(repeated)")
                // Back again it hears of the takeover, and yields.
                try mesh.start(south)
                try mesh.waitForEqualDigests()
                try mesh.done("slice", "verify", "--timeout", "30")
                #expect(try owners(mesh, at: south) == ["north": 64])
                let told = try (0..<64).map { try mesh.done("slice", "explain", "default/\($0)").standardOutput }
                #expect(told.count { $0.contains("takeover") && $0.contains("burnt") } == before["south"])
            }
        }

        @Test(
            "P6: the task of a lost driver stands in nobody's way, and holds itself when its driver is back",
            .timeLimit(.minutes(4)))
        func orphaned() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let (north, south) = (mesh.bolts[0], mesh.bolts[1])
                let begun = try mesh.ctl(
                    "topology", "apply", try weighted(mesh, "south", 300), "--yes", "--no-wait", "--driver", "south",
                    "--slices-in-flight", "1", "--bytes-per-second", "1", "-o", "json")
                #expect(begun.status == 3, "\(begun)")
                let id = try #require(try task(begun)["id"] as? String)
                let status = ["rebalance", "status", id, "--bolt", north.address, "-o", "json"]
                func shown() throws -> [String: Any]? {
                    try Command.run("boltctl", status, environment: mesh.environment).json?["task"] as? [String: Any]
                }
                try waitUntil("the north hears of the task") { try shown() != nil }
                try mesh.crash(south)
                let other = try weighted(mesh, "north", 200)
                func apply() throws -> Command.Output {
                    try mesh.ctl(
                        "topology", "apply", other, "--yes", "--despite-blockers", "--bolt", north.address,
                        "--reason", "the south is lost", "-o", "json")
                }
                let early = try apply()
                #expect(early.status == 4 && early.standardError.contains("task_runs"), "\(early)")
                try waitUntil("the south is taken over", seconds: 60) {
                    try mesh.ctl(
                        "slice", "takeover", "--partition", "south", "--bolt", north.address, "--yes", "--reason",
                        "burnt"
                    ).status == 0
                }
                #expect(try shown()?["orphaned"] is String)
                let applied = try apply()
                #expect(applied.status == 0, "\(applied)")
                try mesh.start(south)
                try waitUntil("the task holds itself", seconds: 60) {
                    (try shown()?["hold"] as? String)?.contains("which is newer") == true
                }
                let resumed = try mesh.ctl("rebalance", "resume", id, "--yes", "-o", "json")
                #expect(resumed.status == 4 && resumed.standardError.contains("task_refused"), "\(resumed)")
                try mesh.done("rebalance", "cancel", id, "--yes")
                #expect(try owners(mesh, at: north) == ["north": 64])
            }
        }

        @Test("of two operators who apply at once one is refused, and changes nothing", .timeLimit(.minutes(3)))
        func atOnce() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let files = [try weighted(mesh, "north", 300), try weighted(mesh, "south", 300)]
                for file in files {
                    #expect(try mesh.ctl("topology", "plan", file, "--out", file + ".json").status == 2)
                }
                let operators = try files.map { file in
                    try Background(
                        "boltctl",
                        ["topology", "apply", file, "--plan", file + ".json", "--driver", "north", "--yes"],
                        environment: mesh.environment)
                }
                let codes = operators.map { $0.wait(seconds: 60) }.sorted()
                #expect(codes == [0, 4], "\(operators.map(\.text))")
                let history = try mesh.done("topology", "history", "-o", "json").json?["applies"] as? [[String: Any]]
                #expect(history?.count == 2, "\(history ?? [])")
                try mesh.done("slice", "verify")
            }
        }

        @Test("a change that a task would refuse is refused on a dry run too", .timeLimit(.minutes(3)))
        func refusedChanges() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let heavier = try weighted(mesh, "north", 300)
                let applied = try mesh.done(
                    "topology", "apply", heavier, "--yes", "--driver", "north", "-o", "json")
                let id = try #require(try task(applied)["id"] as? String)
                for form in [["--dry-run"], ["--yes"]] {
                    let line = ["rebalance", "pause", id, "-o", "json"] + form
                    let output = try Command.run("boltctl", line, environment: mesh.environment)
                    #expect(output.status == 4 && output.standardError.contains("task_refused"), "\(output)")
                }
                let audit = try mesh.done("audit", "log", "north", "-o", "json").standardOutput
                #expect(audit.contains("topology.apply") && !audit.contains("task.pause"), "\(audit)")
            }
        }

        /// The mesh's topology with another group in front, in a file of its own.
        private func grouped(_ mesh: RealMesh) throws -> String {
            let text = try String(contentsOfFile: mesh.topology, encoding: .utf8)
                .replacing("groups: [default]", with: "groups: [db, default]")
                .replacing(
                    "  - name: default\n",
                    with: "  - name: db\n    slices: 8\n    match:\n      - hostname: \"db-*\"\n  - name: default\n")
            let path = mesh.file("grouped.yaml")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        private func shown(_ name: String, _ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [String: Any] {
            let output = try mesh.done("envoy", "show", name, "--bolt", bolt.address, "-o", "json")
            return try #require(output.json?["envoy"] as? [String: Any], "\(output)")
        }

        @Test(
            "P5, P7: machines go to another group, in slices of either partition; none is enrolled anew, nothing lost",
            .timeLimit(.minutes(4)))
        func regrouped() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", try grouped(mesh), "--yes")
                let names = (1...6).map { "web-\($0)" }
                let token = try mesh.token("--uses", "\(names.count)")
                for name in names { try mesh.enroll(name, token: token, at: mesh.bolts[0]) }
                try mesh.waitForEqualDigests()
                for name in names { #expect(try mesh.pass(name, at: mesh.bolts[0]).status == 0) }
                let ids = try mesh.envoyIDs(at: mesh.bolts[0])
                func reassign(_ name: String, _ group: String, _ option: String) throws -> Command.Output {
                    try mesh.ctl(
                        "envoy", "reassign", name, "--group", group, option, "--reason", "another role", "-o", "json")
                }
                let unknown = try reassign("web-1", "dc", "--yes")
                #expect(unknown.status == 4 && unknown.standardError.contains("no_such_group"), "\(unknown)")
                let digests = try mesh.digests()
                let dry = try reassign("web-1", "db", "--dry-run")
                #expect(dry.status == 0 && dry.json?["dry_run"] as? Bool == true, "\(dry)")
                let still = try shown("web-1", mesh, at: mesh.bolts[0])
                #expect(try mesh.digests() == digests && still["group"] as? String != "db", "\(still)")
                for name in names {
                    let done = try reassign(name, "db", "--yes")
                    #expect(done.status == 0, "\(name): \(done)")
                }
                try mesh.waitForEqualDigests()
                #expect(try reassign("web-1", "db", "--yes").status != 0, "it is there already")
                for name in names {
                    for bolt in mesh.bolts { #expect(try shown(name, mesh, at: bolt)["group"] as? String == "db") }
                    // At any bolt: whoever it belonged to sends it on to whom it belongs now.
                    let passed = try mesh.envoy(
                        "run", "--once", "--report-only", "--state", mesh.file(name), "-o", "json")
                    #expect(passed.status == 0 && passed.json?["stored_through"] as? Int == 2, "\(name): \(passed)")
                }
                #expect(try mesh.envoyIDs(at: mesh.bolts[1]) == ids)
                let lines = try ["north", "south"].map {
                    try mesh.done("audit", "log", $0, "-o", "json").standardOutput
                }.joined()
                #expect(lines.components(separatedBy: "envoy.reassign").count - 1 == names.count, "\(lines)")
                try dense(mesh, names, through: 2)
            }
        }

        /// Every result is on the disk of one partition, the owner's, in order; nothing of it is left elsewhere.
        private func dense(_ mesh: RealMesh, _ names: [String], through last: UInt64) throws {
            let envoys = try names.map { try shown($0, mesh, at: mesh.bolts[0]) }
            // Primaries count every few seconds.
            let counted = Date().addingTimeInterval(8)
            for bolt in mesh.bolts {
                try waitUntil("\(bolt.name) holds nothing that belongs elsewhere", seconds: 60) {
                    let metrics = try HTTP.get("http://\(bolt.ops)/metrics").body
                    return Date() > counted && metrics.contains("\nbolt_slices_left 0\n")
                }
            }
            for bolt in mesh.bolts { try mesh.crash(bolt) }
            for envoy in envoys {
                let id = try #require(envoy["id"] as? String)
                let held = try mesh.bolts.filter { try PartitionDisk($0, of: mesh).envoys().contains(id) }
                #expect(held.map(\.partition) == [envoy["owner"] as? String ?? "?"], "\(envoy)")
                guard let owner = held.first else { continue }
                #expect(try PartitionDisk(owner, of: mesh).results(of: id).sequences == Array(1...last), "\(envoy)")
            }
        }

        @Test(
            "a takeover that nobody could have is refused by its cause; it was said that the partition owns nothing",
            .timeLimit(.minutes(3)))
        func nobodyElse() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                // South serves nothing: it has no weight.
                try mesh.done("topology", "apply", try weighted(mesh, "south", 0), "--yes")
                #expect(try owners(mesh, at: mesh.bolts[1]) == ["north": 64])
                try mesh.crash(mesh.bolts[0])
                try waitUntil("north is not heard any more", seconds: 60) {
                    let output = try Command.run(
                        "boltctl",
                        [
                            "slice", "takeover", "--partition", "north", "--dry-run", "--bolt", mesh.bolts[1].address,
                            "-o", "json",
                        ], environment: mesh.environment)
                    return output.status == 4 && output.standardError.contains("nobody_else")
                }
            }
        }

        @Test("a task is held, told how much it may take, and ended; what did not move stays", .timeLimit(.minutes(3)))
        func heldAndCancelled() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                try mesh.done("topology", "apply", mesh.topology, "--yes")
                let heavier = try weighted(mesh, "north", 300)
                let begun = try mesh.ctl(
                    "topology", "apply", heavier, "--yes", "--no-wait", "--slices-in-flight", "1",
                    "--bytes-per-second", "1", "-o", "json")
                #expect(begun.status == 3, "\(begun)")
                let id = try #require(try task(begun)["id"] as? String)
                try mesh.done("rebalance", "pause", "--yes", "--reason", "later")
                // One task at a time, and it is named.
                let second = try mesh.ctl(
                    "topology", "apply", try weighted(mesh, "south", 300), "--yes", "-o", "json")
                #expect(second.status == 4 && second.standardError.contains("task_runs"), "\(second)")
                let held = try mesh.done("rebalance", "status", id, "-o", "json")
                #expect(try task(held)["paused"] as? Bool == true, "\(held)")
                try mesh.done("rebalance", "throttle", "--slices-in-flight", "8", "--yes")
                let limits =
                    try task(try mesh.done("rebalance", "status", id, "-o", "json"))["limits"] as? [String: Any]
                #expect(limits?["slices"] as? Int == 8 && limits?["bytes_per_second"] as? Int == 1, "\(limits ?? [:])")
                // Whoever follows a held task is told so, and gets the terminal back.
                let followed = try mesh.ctl("rebalance", "status", id, "--wait", "--timeout", "2")
                #expect(followed.status == 3 && followed.standardError.contains("held"), "\(followed)")
                try mesh.done("rebalance", "cancel", id, "--yes")
                try mesh.done("rebalance", "verify", id)
                try mesh.done("slice", "verify")
                let over = try mesh.ctl("rebalance", "pause", "--yes", "-o", "json")
                #expect(over.status == 1 && over.standardError.contains("no_task"), "\(over)")
            }
        }
    }
}
