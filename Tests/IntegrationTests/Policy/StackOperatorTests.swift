import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// What operators ask of a partition's stack, its roll-out and its pushes, by the program; machines are scratch
    /// roots whose passes are made here one by one, so that each step stands still until it was looked at.
    @Suite(.serialized) struct StackOperatorTests {
        // MARK: What is asked

        /// Runs a command about the partition that has to end so. What it complains of, in JSON too, comes with it.
        @discardableResult
        private func ask(
            _ mesh: RealMesh, _ line: String..., status: Int32 = 0, location: SourceLocation = #_sourceLocation
        ) throws -> [String: Any] {
            let output = try Command.run(
                "boltctl", line + ["-o", "json"], environment: mesh.environment, deadline: 45)
            try #require(
                output.status == status, "boltctl \(line.joined(separator: " ")): \(output)", sourceLocation: location)
            let text = output.json == nil ? output.standardError : output.standardOutput
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            return try #require(object, "\(line): \(output)", sourceLocation: location)
        }

        private func change(
            _ mesh: RealMesh, _ line: String..., status: Int32 = 0, location: SourceLocation = #_sourceLocation
        ) throws -> [String: Any] {
            let whole = line + ["--partition", "north", "--yes", "--reason", "a trial", "-o", "json"]
            let output = try Command.run("boltctl", whole, environment: mesh.environment, deadline: 45)
            try #require(output.status == status, "\(whole): \(output)", sourceLocation: location)
            let text = status == 4 ? output.standardError : output.standardOutput
            let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            return try #require(object, "\(whole): \(output)", sourceLocation: location)
        }

        /// Publishes a stack whose only file has this content, under its name. A roll-out gives one machine at a time,
        /// and stops at the first failure.
        private func publish(
            _ mesh: RealMesh, _ name: String, more: String = "", status: Int32 = 0,
            location: SourceLocation = #_sourceLocation
        ) throws -> [String: Any] {
            let folder = mesh.file("stack-\(name)")
            try FileManager.default.createDirectory(atPath: folder + "/layers", withIntermediateDirectories: true)
            try "stack: trial\nrollout:\n  max_concurrent: 1\n  max_fail: 0\n".write(
                toFile: folder + "/stack.yaml", atomically: true, encoding: .utf8)
            try "layer: base\nresources:\n  - file: /motd\n    content: \"\(name)\\n\"\n\(more)".write(
                toFile: folder + "/layers/base.yaml", atomically: true, encoding: .utf8)
            return try change(
                mesh, "stack", "publish", folder, "--revision", name, status: status, location: location)
        }

        private func rollout(_ answer: [String: Any]) -> String? {
            (answer["rollout"] as? [String: Any])?["state"] as? String
        }

        private func inForce(_ answer: [String: Any]) -> String? {
            (answer["in_force"] as? [String: Any])?["revision"] as? String
        }

        /// How the stack stands.
        private func status(_ mesh: RealMesh) throws -> [String: Any] {
            let stacks = try ask(mesh, "stack", "status", "--partition", "north")["stacks"] as? [[String: Any]]
            return try #require(stacks?.first)
        }

        private func waitForRollout(
            _ mesh: RealMesh, _ state: String, location: SourceLocation = #_sourceLocation, _ between: () throws -> Void
        ) throws {
            try waitUntil("the roll-out is \(state)", seconds: 30, location: location) {
                try between()
                let now = try status(mesh)
                guard rollout(now) != state else { return true }
                throw Unheard(what: "\(now)")
            }
        }

        /// Two machines of the partition, both with what is in force.
        private func machines(_ mesh: RealMesh) throws -> [PolicyMachine] {
            let token = try mesh.token("--uses", "2")
            let machines = try ["web-1", "web-2"].map { name in
                try mesh.enroll(name, token: token, at: mesh.bolts[0])
                return try PolicyMachine(mesh, name: name, owner: "north")
            }
            #expect(inForce(try publish(mesh, "one")) == "one")
            for machine in machines { try machine.converge("/motd", "one\n") }
            try waitForRollout(mesh, "finished") { for machine in machines { try machine.passed() } }
            return machines
        }

        // MARK: The walk

        @Test(
            "Publish, history, diff, preview, freeze, roll-out, rollback, push: what each does, says, and ends with",
            .timeLimit(.minutes(4)))
        func walk() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.done("topology", "apply", mesh.topology, "--yes", "--reason", "the first")
                let machines = try machines(mesh)
                let second = try publish(mesh, "two")
                #expect(second["changed"] as? Bool == true && second["level"] as? String == "paired", "\(second)")
                #expect(try publish(mesh, "two")["changed"] as? Bool == false, "it is in force already")
                try pauseAndResume(mesh, machines)
                try look(mesh)
                try freeze(mesh)
                try abortAndRollBack(mesh, machines)
                try push(mesh, machines)
                try stopPush(mesh, machines)
            }
        }

        private func pauseAndResume(_ mesh: RealMesh, _ machines: [PolicyMachine]) throws {
            #expect(rollout(try change(mesh, "stack", "rollout", "pause")) == "paused")
            #expect(try code(change(mesh, "stack", "rollout", "pause", status: 4)) == "rollout_refused")
            for machine in machines { try machine.passed() }
            let contents = machines.map { $0.content("/motd") ?? "" }.sorted()
            #expect(contents == ["one\n", "two\n"], "one was given it before, and the other keeps what it has")
            #expect(["running", "finished"].contains(rollout(try change(mesh, "stack", "rollout", "resume"))))
            for machine in machines { try machine.converge("/motd", "two\n") }
            try waitForRollout(mesh, "finished") { for machine in machines { try machine.passed() } }
            #expect(try code(change(mesh, "stack", "rollout", "pause", status: 4)) == "rollout_refused")
        }

        /// What changes nothing: history, differences, previews.
        private func look(_ mesh: RealMesh) throws {
            let history = try ask(mesh, "stack", "history", "--partition", "north")
            let revisions = try #require(history["revisions"] as? [[String: Any]])
            #expect(revisions.compactMap { $0["revision"] as? String } == ["two", "one"], "\(history)")
            #expect(revisions.compactMap { $0["in_force"] as? Bool } == [true, false], "\(history)")
            let diff = try ask(mesh, "stack", "diff", "--partition", "north", status: 2)
            let files = diff["files"] as? [[String: Any]] ?? []
            #expect(files.compactMap { $0["path"] as? String } == ["layers/base.yaml"], "\(diff)")
            #expect(diff["changed"] as? Int == 2 && diff["envoys"] as? Int == 2, "\(diff)")
            try ask(mesh, "stack", "diff", "two", "two", "--partition", "north")
            for (revision, text) in [("two", "two\n"), ("one", "one\n")] {
                let preview = try ask(mesh, "stack", "preview", "web-1", "--revision", revision)
                let resources = preview["resources"] as? [[String: Any]] ?? []
                #expect(resources.compactMap { $0["id"] as? String } == ["file:/motd"], "\(preview)")
                let spec = resources.first?["spec"] as? [String: Any]
                #expect(spec?["content"] as? String == text, "\(preview)")
            }
            let unknown = try Command.run(
                "boltctl", ["stack", "preview", "web-1", "--revision", "nine"], environment: mesh.environment)
            #expect(unknown.status != 0 && unknown.standardError.contains("nine"), "\(unknown)")
        }

        private func freeze(_ mesh: RealMesh) throws {
            let frozen = try change(mesh, "stack", "freeze")["frozen"] as? [String: Any]
            #expect(frozen?["reason"] as? String == "a trial", "\(String(describing: frozen))")
            #expect(try change(mesh, "stack", "freeze")["changed"] as? Bool == false)
            let refused = try #require(try publish(mesh, "three", status: 4)["error"] as? [String: Any])
            #expect(refused["code"] as? String == "stack_frozen", "\(refused)")
            #expect("\(refused)".contains("a trial") && "\(refused)".contains("stack unfreeze"), "\(refused)")
            #expect(inForce(try status(mesh)) == "two")
            #expect(try change(mesh, "stack", "unfreeze")["changed"] as? Bool == true)
            #expect(try status(mesh)["frozen"] as? [String: Any] == nil)
        }

        private func abortAndRollBack(_ mesh: RealMesh, _ machines: [PolicyMachine]) throws {
            #expect(inForce(try publish(mesh, "three")) == "three")
            #expect(rollout(try change(mesh, "stack", "rollout", "abort")) == "aborted")
            for machine in machines { try machine.passed() }
            let contents = machines.map { $0.content("/motd") ?? "" }.sorted()
            #expect(contents == ["three\n", "two\n"], "who was given it keeps it, nobody else is given it")
            #expect(try code(change(mesh, "stack", "rollout", "resume", status: 4)) == "rollout_refused")
            let back = try change(mesh, "stack", "rollback")
            #expect(inForce(back) == "two" && back["changed"] as? Bool == true, "\(back)")
            // One of the two holds that already: the roll-out ends with it all the same.
            try waitForRollout(mesh, "finished") { for machine in machines { try machine.passed() } }
            for machine in machines { #expect(machine.content("/motd") == "two\n", "\(machine.name)") }
            // A rollback freezes as well.
            #expect(try change(mesh, "stack", "unfreeze")["changed"] as? Bool == true)
        }

        // MARK: Pushes

        private func begin(_ mesh: RealMesh, _ more: String...) throws -> String {
            let line = ["envoy", "push", "--all", "--partition", "north", "--no-wait", "--yes", "--reason", "a trial"]
            let output = try Command.run("boltctl", line + more + ["-o", "json"], environment: mesh.environment)
            try #require(output.status == 3, "\(output)")
            let push = (output.json?["pushes"] as? [[String: Any]])?.first
            return try #require(push?["id"] as? String, "\(output)")
        }

        /// Follows a push to its end.
        private func end(_ mesh: RealMesh, _ push: String, status: Int32) throws -> [String: Any] {
            let answer = try ask(
                mesh, "envoy", "push", "--watch", push, "--partition", "north", "--timeout", "30", status: status)
            return try #require((answer["pushes"] as? [[String: Any]])?.first)
        }

        private func push(_ mesh: RealMesh, _ machines: [PolicyMachine]) throws {
            let push = try begin(mesh, "--batch", "2")
            for machine in machines { try machine.passed() }
            let over = try end(mesh, push, status: 0)
            #expect(over["state"] as? String == "finished" && over["succeeded"] as? Int == 2, "\(over)")
            for machine in machines {
                let named = try machine.passes().filter { $0["push"] != nil }
                #expect(named.count == 1 && named.first?["push"] as? String == push, "\(named)")
                let text = try mesh.done("envoy", "results", machine.name).standardOutput
                #expect(text.contains("push \(push.prefix(8))"), "\(text)")
            }
        }

        /// A roll-out that stopped itself: the partition is not well, and no further batch is told.
        private func stopPush(_ mesh: RealMesh, _ machines: [PolicyMachine]) throws {
            let broken = "  - exec: broken\n    command: \"exit 3\"\n"
            #expect(inForce(try publish(mesh, "four", more: broken)) == "four")
            try waitForRollout(mesh, "halted") { for machine in machines { _ = try machine.pass() } }
            let told = try #require(machines.first { $0.content("/motd") == "four\n" })
            let push = try begin(mesh, "--batch", "1", "--threshold", "0")
            for machine in machines { _ = try machine.pass() }
            let over = try end(mesh, push, status: 1)
            #expect(over["state"] as? String == "halted", "\(over)")
            #expect(over["asked"] as? Int == 1 && over["batches"] as? Int == 2, "\(over)")
            let stopped = over["stopped"] as? String ?? ""
            #expect(stopped.contains("not well") && stopped.contains("roll-out stopped itself"), "\(over)")
            let other = try #require(machines.first { $0.name != told.name })
            #expect(other.content("/motd") == "two\n", "it was told nothing, and keeps what it has")
            let ended = try Command.run(
                "boltctl", ["envoy", "push", "--abort", push, "--partition", "north", "--yes"],
                environment: mesh.environment)
            #expect(ended.status == 4 && ended.standardError.contains("is over"), "\(ended)")
        }

        /// The stable code of a refusal.
        private func code(_ answer: [String: Any]) -> String? {
            (answer["error"] as? [String: Any])?["code"] as? String
        }
    }
}
