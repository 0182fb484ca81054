import Foundation
import Testing

extension MachineIntegrationTests.PolicyIntegrationTests {
    /// What a git forge tells a bolt, over real sockets.
    @Suite(.serialized) struct WebhookTests {
        private static let secret = "a shared secret of the forge"

        /// What a forge sends, signed with this secret.
        private func call(
            _ bolt: RealMesh.Bolt, _ mesh: RealMesh, _ body: String, secret: String = WebhookTests.secret
        ) throws -> HTTP.Answer {
            let file = mesh.file("call.json")
            try body.write(toFile: file, atomically: true, encoding: .utf8)
            let digest = try Command.run(HTTP.openssl, ["dgst", "-sha256", "-hmac", secret, "-r", file])
            let code = try #require(digest.standardOutput.split(separator: " ").first, "\(digest)")
            return try HTTP.get(
                "https://\(bolt.address)/v1/policy/webhook", root: bolt.identity + "/root.crt",
                options: [
                    "-H", "Content-Type: application/json", "-H", "X-Hub-Signature-256: sha256=\(code)",
                    "--data-binary", "@\(file)",
                ])
        }

        private func wake(
            _ bolt: RealMesh.Bolt, as identity: String, partition: String = "north"
        ) throws -> HTTP.Answer {
            try HTTP.get(
                "https://\(bolt.address)/v1/peer/policy/wake", root: bolt.identity + "/root.crt", identity: identity,
                options: [
                    "-H", "Content-Type: application/json", "--data-binary", #"{"partition":"\#(partition)"}"#,
                ])
        }

        private func waitFor(_ revision: String, _ mesh: RealMesh) throws {
            try waitUntil("\(revision) is in force", seconds: 20) {
                let output = try mesh.ctl("stack", "status", "--partition", "north", "-o", "json")
                let stack = (output.json?["stacks"] as? [[String: Any]])?.first
                let now = (stack?["in_force"] as? [String: Any])?["revision"] as? String
                guard now != revision else { return true }
                throw Unheard(what: "\(now ?? "nothing"); \(output)")
            }
        }

        private func stack(_ text: String) -> [String: String] {
            [
                "stack.yaml": "stack: trial\n",
                "layers/base.yaml": "layer: base\nresources:\n  - file: /motd\n    content: \"\(text)\\n\"\n",
            ]
        }

        /// A forge has one address: it woke nothing where another bolt than the one behind it had become primary.
        @Test(
            "Q1: a forge may call any bolt of the partition: its primary looks at the source at once",
            .timeLimit(.minutes(3)))
        func anyBoltMayBeCalled() throws {
            let mesh = try RealMesh(["north", "north", "south"])
            let repository = try StackRepository(below: mesh.folder)
            let first = try repository.publish(stack("one"))
            let file = mesh.file("webhook.secret")
            try #require(
                FileManager.default.createFile(
                    atPath: file, contents: Data(Self.secret.utf8), attributes: [.posixPermissions: 0o600]))
            // Nobody looks a second time by itself within this test.
            let settings = [
                "policy.source=git", "policy.git_url=file://\(repository.remote)", "policy.poll_seconds=86400",
                "policy.stale_seconds=172800", "policy.webhook_secret_file=\(file)",
            ]
            try with(mesh, settings: settings) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.partition == "north" && $0.name != primary.name })
                let foreign = try #require(mesh.bolts.first { $0.partition == "south" })
                try mesh.done(
                    "stack", "publish", "--source", "--partition", "north", "--yes", "--reason", "the first")
                try waitFor(first, mesh)
                let second = try repository.publish(stack("two"))
                let push = #"{"ref":"refs/heads/main"}"#
                #expect(try call(standby, mesh, push, secret: "another secret of somebody").status == 401)
                let other = try call(standby, mesh, #"{"ref":"refs/heads/draft"}"#)
                #expect(other.status == 202 && other.json?["accepted"] as? Bool == false, "\(other)")
                let heard = try call(standby, mesh, push)
                #expect(heard.status == 202 && heard.json?["accepted"] as? Bool == true, "\(heard)")
                try waitFor(second, mesh)

                let third = try repository.publish(stack("three"))
                #expect(try call(primary, mesh, push).status == 202)
                try waitFor(third, mesh)

                // S5: only its own bolts wake a source, and no wake is passed on a second time.
                #expect(try wake(primary, as: foreign.identity).status == 403)
                #expect(try wake(primary, as: mesh.directory + "/operator").status == 403)
                #expect(try wake(primary, as: standby.identity, partition: "south").status == 403)
                let back = try wake(standby, as: primary.identity)
                #expect(back.status == 503 && back.code == "no_primary", "\(back)")

                // Whoever reads the forge's page is told who was to be asked, and the forge may call again.
                try mesh.crash(primary)
                let away = try call(standby, mesh, push)
                #expect(away.status == 503, "\(away)")
                #expect(["no_primary", "owner_unreachable"].contains(away.code ?? ""), "\(away)")
            }
        }
    }
}
