import CRDT
import Foundation
import Identity
import Spanner
import Testing
import Vault

extension ReplicatedIntegrationTests {
    /// Sealed state and secrets, on real processes.
    @Suite(.serialized) struct SealTests {
        private let canary = "canary-7f3a91c2-value"

        private func seals(_ mesh: RealMesh) throws -> [String: String] {
            let lines = try mesh.ctl("seal", "status", "-o", "json").json?["bolts"] as? [[String: Any]] ?? []
            return Dictionary(
                uniqueKeysWithValues: lines.compactMap { line in
                    guard let bolt = line["bolt"] as? String else { return nil }
                    return (bolt, (line["answer"] as? [String: Any])?["state"] as? String ?? "silent")
                })
        }

        private func secrets(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [[String: Any]] {
            let output = try mesh.done(
                "secret", "list", "--partition", bolt.partition, "--at", bolt.name, "-o", "json")
            return try #require(output.json?["secrets"] as? [[String: Any]])
        }

        private func health(_ bolt: RealMesh.Bolt, query: String = "") throws -> HTTP.Answer {
            try HTTP.get("http://\(bolt.ops)/v1/health\(query)")
        }

        /// Files below the mesh's folder that hold any of these bytes, but for those named.
        private func findings(_ mesh: RealMesh, _ needles: [Data], but known: Set<String>) -> [String] {
            var found: [String] = []
            guard let walk = FileManager.default.enumerator(atPath: mesh.folder) else { return ["no folder"] }
            for case let path as String in walk where !known.contains(mesh.folder + "/" + path) {
                guard let bytes = FileManager.default.contents(atPath: mesh.folder + "/" + path) else { continue }
                if needles.contains(where: { bytes.range(of: $0) != nil }) { found.append(path) }
            }
            return found
        }

        /// All forms in which the key of a file could lie about: as it stands there, as bytes, in base64.
        private func forms(ofKeyIn path: String) throws -> [Data] {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("key ") })
            let digits = Array(line.dropFirst(4))
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
            try #require(bytes.count == 32)
            return [
                Data(String(digits).utf8), Data(bytes), Data(Data(bytes).base64EncodedString().utf8),
                Data(Data(text.utf8).base64EncodedString().utf8),
            ]
        }

        @Test(
            "S1, S2, S4: a secret survives a failover; sealed bolts hold it and cannot open it, nor be promoted",
            .timeLimit(.minutes(6)))
        func secretsOfAPair() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let (keyFile, valueFile) = (mesh.file("north.key"), mesh.file("value"))
                try canary.write(toFile: valueFile, atomically: true, encoding: .utf8)
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.enroll("web-1", token: try mesh.token(), at: a)

                let early = try mesh.ctl("secret", "put", "db/password", "--from-file", valueFile)
                #expect(early.status == 1 && early.standardError.contains("keyring"), "\(early)")
                try initialise(mesh, keyFile)
                try putTwice(mesh, valueFile)
                try waitUntil("the standby has both") { try secrets(mesh, at: b).count == 1 }
                #expect(try secrets(mesh, at: b).first?["opens"] as? Bool == true)

                try standbyStartsSealed(mesh, b)
                // Gossip goes on: a ban reaches the sealed bolt, and may be given to it.
                try mesh.done("envoy", "ban", "web-1", "--yes", "--reason", "trial", "--bolt", b.address)
                try mesh.waitForEqualDigests()

                try failover(mesh, from: a, to: b, keyFile)
                try sealThePrimary(mesh, b, other: a, keyFile)

                for bolt in [a, b] { try mesh.stop(bolt) }
                let needles =
                    try forms(ofKeyIn: keyFile) + [
                        Data(canary.utf8), Data(Data(canary.utf8).base64EncodedString().utf8),
                    ]
                #expect(findings(mesh, needles, but: [keyFile, valueFile]) == [], "S1")
                // The control: the search does find what is there.
                #expect(findings(mesh, needles, but: []).sorted() == ["north.key", "value"])
            }
        }

        private func initialise(_ mesh: RealMesh, _ keyFile: String) throws {
            let made = try mesh.done("seal", "init", "--key-file", keyFile, "--yes", "--reason", "trial", "-o", "json")
            let level = (made.json?["result"] as? [String: Any])?["level"] as? String
            #expect(level == "paired", "\(made)")
            let mode = try FileManager.default.attributesOfItem(atPath: keyFile)[.posixPermissions] as? NSNumber
            #expect(mode?.intValue == 0o600)
            let states = try seals(mesh)
            #expect(states.values.allSatisfy { $0 == "unsealed" }, "\(states)")
            let again = try mesh.ctl("seal", "init", "--key-file", keyFile, "--yes")
            #expect(again.status == 4 && again.standardError.contains("it is done already"), "\(again)")
            let other = try mesh.ctl("seal", "init", "--key-file", keyFile + "2", "--yes", "-o", "json")
            #expect(other.status == 4 && other.standardError.contains("vault_initialised"), "\(other)")
            #expect(!FileManager.default.fileExists(atPath: keyFile + "2"))
        }

        private func putTwice(_ mesh: RealMesh, _ valueFile: String) throws {
            let first = try mesh.done(
                "secret", "put", "db/password", "--from-file", valueFile, "--reason", "trial", "-o", "json")
            #expect(first.json?["version"] as? Int == 1 && first.json?["level"] as? String == "paired", "\(first)")
            let second = try Command.run(
                "boltctl", ["secret", "put", "db/password", "-o", "json"], environment: mesh.environment, input: canary)
            #expect(second.status == 0 && second.json?["version"] as? Int == 2, "\(second)")
            let gone = try Command.run(
                "boltctl", ["secret", "put", "db/old"], environment: mesh.environment, input: canary)
            #expect(gone.status == 0, "\(gone)")
            try mesh.done("secret", "remove", "db/old", "--yes")
            #expect(try mesh.ctl("secret", "remove", "db/old", "--yes").status == 1)
            let again = try Command.run(
                "boltctl", ["secret", "put", "db/old", "-o", "json"], environment: mesh.environment, input: canary)
            #expect(again.json?["version"] as? Int == 2, "one name and version never mean two values: \(again)")
            try mesh.done("secret", "remove", "db/old", "--yes")
            let list = try mesh.done("secret", "list")
            #expect(list.standardOutput.contains("db/password") && !list.standardOutput.contains("db/old"), "\(list)")
            for output in [first, second, list] { #expect(!"\(output)".contains(canary)) }
            let log = try mesh.done("audit", "log", "north", "-o", "json")
            for action in ["seal.init", "secret.put", "secret.remove"] {
                #expect(log.standardOutput.contains(action), "S9: \(action) in \(log)")
            }
        }

        private func standbyStartsSealed(_ mesh: RealMesh, _ bolt: RealMesh.Bolt) throws {
            try mesh.crash(bolt)
            try mesh.launch(bolt)
            try waitUntil("\(bolt.name) says that it is sealed") {
                try health(bolt).json?["state"] as? String == "sealed"
            }
            #expect(try health(bolt).status == 503)
            #expect(try health(bolt, query: "?sealedcode=204").status == 204)
            let reasons = try #require(try health(bolt).json?["reasons"] as? [String])
            #expect(reasons.first?.contains("boltctl seal unseal") == true, "\(reasons)")
            #expect(try HTTP.get("http://\(bolt.ops)/readyz").status == 503)
            #expect(try seals(mesh)[bolt.name] == "sealed")
            let pass = try mesh.pass("web-1", at: bolt)
            #expect(pass.status != 0 && "\(pass)".contains("sealed"), "\(pass)")
            // It follows all the same, and cannot open what it holds.
            try mesh.waitForSync(of: bolt.partition, bolts: 2)
            #expect(try secrets(mesh, at: bolt).allSatisfy { $0["opens"] is NSNull || $0["opens"] == nil })
            let refused = try mesh.ctl(
                "partition", "switchover", bolt.partition, "--to", bolt.name, "--yes", "--timeout", "10")
            #expect(refused.status == 4 && "\(refused)".contains("\(bolt.name) is sealed"), "\(refused)")
            let dry = try mesh.ctl("partition", "switchover", bolt.partition, "--dry-run")
            #expect(dry.status == 4 && "\(dry)".contains("boltctl seal unseal"), "a dry run tells it too: \(dry)")
            let status = try mesh.done("status", "-o", "json").json
            #expect(status?["fault_tolerance"] as? Int == 0 && status?["verdict"] as? String == "degraded")
        }

        private func promote(_ mesh: RealMesh, _ bolt: RealMesh.Bolt) throws -> Command.Output {
            try mesh.promote(bolt, reason: "trial")
        }

        private func failover(_ mesh: RealMesh, from a: RealMesh.Bolt, to b: RealMesh.Bolt, _ keyFile: String) throws {
            try mesh.crash(a)
            try waitUntil("nobody reigns") { try health(b).json?["state"] as? String == "sealed" }
            let refused = try promote(mesh, b)
            #expect(refused.status == 4, "a sealed standby is not promoted: \(refused)")
            chmod(keyFile, 0o644)
            let open = try mesh.ctl("seal", "unseal", "--key-file", keyFile, "--bolt", b.address)
            #expect(open.status == 1 && "\(open)".contains("0644"), "a key that others may read is refused: \(open)")
            chmod(keyFile, 0o600)
            let unsealed = try mesh.ctl(
                "seal", "unseal", "--key-file", keyFile, "--only", b.name, "--bolt", b.address, "-o", "json")
            #expect(unsealed.status == 0, "\(unsealed)")
            try waitUntil("the unsealed standby reigns", seconds: 20) {
                let promoted = try promote(mesh, b)
                return promoted.status == 0 || promoted.status == 5
            }
            try waitUntil("S9: that it was unsealed, when nobody reigned, is on record") {
                try mesh.done("audit", "log", "north").standardOutput.contains("seal.unseal")
            }
            let held = try secrets(mesh, at: b)
            #expect(held.count == 1 && held.first?["version"] as? Int == 2 && held.first?["opens"] as? Bool == true)
        }

        private func sealThePrimary(
            _ mesh: RealMesh, _ primary: RealMesh.Bolt, other: RealMesh.Bolt, _ keyFile: String
        ) throws {
            let alone = try mesh.ctl("seal", "seal", primary.name, "--yes", "--bolt", primary.address)
            #expect(alone.status == 4, "nobody could take over: \(alone)")
            try mesh.launch(other)
            try mesh.done("seal", "unseal", "--key-file", keyFile, "--reason", "trial")
            try mesh.waitForSync(of: "north", bolts: 2, seconds: 60)
            try mesh.done("seal", "seal", primary.name, "--yes", "--reason", "trial")
            try waitUntil("the other reigns") { try mesh.part(other).reigns }
            #expect(try health(primary).status == 503)
            #expect(try seals(mesh) == [primary.name: "sealed", other.name: "unsealed"])
            #expect(try secrets(mesh, at: other).first?["opens"] as? Bool == true)
        }

        @Test("S1: a bolt alone is opened by its key file, if nobody else may read that", .timeLimit(.minutes(4)))
        func keyFileOfTheConfiguration() throws {
            try withMesh(["south"]) { (mesh) throws in
                let (bolt, keyFile) = (mesh.bolts[0], mesh.file("south.key"))
                try mesh.done("seal", "init", "--key-file", keyFile, "--yes")
                #expect(try health(bolt).status == 200, "whoever made the keyring goes on")
                try mesh.stop(bolt)
                try mesh.launch(bolt)
                try waitUntil("it starts sealed") { try health(bolt).status == 503 }
                try wrongKeys(mesh, bolt, keyFile)
                try mesh.stop(bolt)

                let settings = try String(contentsOfFile: bolt.config, encoding: .utf8)
                try (settings + "seal:\n  key_file: \(keyFile)\n").write(
                    toFile: bolt.config, atomically: true, encoding: .utf8)
                chmod(keyFile, 0o644)
                try mesh.launch(bolt)
                try waitUntil("it says why it stays sealed") {
                    let reasons = try health(bolt).json?["reasons"] as? [String] ?? []
                    return reasons.contains { $0.contains("0644") }
                }
                #expect(mesh.log(bolt).contains("0644"))
                try mesh.stop(bolt)
                chmod(keyFile, 0o600)
                try mesh.start(bolt)

                let refused = try mesh.ctl("seal", "seal", bolt.name, "--yes")
                #expect(refused.status == 4 && "\(refused)".contains("--stop-partition"), "\(refused)")
                #expect(try health(bolt).status == 200)
                try mesh.done("seal", "seal", bolt.name, "--yes", "--stop-partition")
                #expect(try health(bolt).status == 503)
                try mesh.done("seal", "unseal", "--key-file", keyFile)
                try waitUntil("it serves again") { try health(bolt).status == 200 }
            }
        }

        private func wrongKeys(_ mesh: RealMesh, _ bolt: RealMesh.Bolt, _ keyFile: String) throws {
            let text = try String(contentsOfFile: keyFile, encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("mesh ") })
            let id = MeshID(try #require(Bytes32(hex: String(line.dropFirst(5)))))
            let owner = VaultOwner(mesh: id, partition: try #require(PartitionName(bolt.partition)))
            let other = mesh.file("other.key")
            try UnsealKeyFile.write(Keyring.initialise(owner).key, to: other)
            let wrong = try mesh.ctl("seal", "unseal", "--key-file", other)
            #expect(wrong.status == 1 && "\(wrong)".contains("this key is of keyring"), "\(wrong)")
            let damaged = mesh.file("damaged.key")
            try UnsealKeyFile.write(Keyring.initialise(owner).key, to: damaged)
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: damaged))
            try handle.seek(toOffset: 40)
            try handle.write(contentsOf: Data("zz".utf8))
            try handle.close()
            let refused = try mesh.ctl("seal", "unseal", "--key-file", damaged)
            #expect(refused.status == 1 && "\(refused)".contains("check sum"), "\(refused)")
            #expect(try health(bolt).status == 503)
        }

        @Test(
            "S2: `mesh up` does not wait for keys; who asks a sealed partition for something is told to unseal it",
            .timeLimit(.minutes(4)))
        func meshThatStartsSealed() throws {
            let mesh = try RealMesh(["north", "south"])
            defer { mesh.remove() }
            let (bolt, keyFile) = (mesh.bolts[0], mesh.file("north.key"))
            try mesh.done("mesh", "up", "-f", mesh.topology, "--dir", mesh.directory)
            try mesh.done("seal", "init", "--key-file", keyFile, "--partition", "north", "--yes")
            try mesh.done("mesh", "down", "--dir", mesh.directory)
            let began = Date()
            let up = try mesh.ctl("mesh", "up", "-f", mesh.topology, "--dir", mesh.directory, "--timeout", "40")
            #expect(up.status == 5 && "\(up)".contains("up and sealed: \(bolt.name)"), "\(up)")
            #expect("\(up)".contains("boltctl seal unseal --key-file FILE"))
            #expect(Date().timeIntervalSince(began) < 35, "it waited for what no waiting mends")
            let status = try mesh.done("status", "-o", "json")
            #expect(status.standardOutput.contains("\"sealed\"") && status.json?["verdict"] as? String == "broken")
            for (verb, flag) in [("switchover", "--dry-run"), ("promote", "--check")] {
                let refused = try mesh.ctl("partition", verb, "north", flag)
                #expect(refused.status == 4 && "\(refused)".contains("boltctl seal unseal"), "\(refused)")
            }
            let list = try mesh.done("secret", "list", "--partition", "north")
            #expect(list.standardOutput.contains("copy of \(bolt.name)"), "\(list)")
            try mesh.done("seal", "unseal", "--key-file", keyFile)
            try waitUntil("it serves again") { try health(bolt).status == 200 }
        }

        @Test(
            "a local mesh that is made sealed opens itself by its key files, also after a restart",
            .timeLimit(.minutes(4)))
        func sealedMesh() throws {
            let mesh = try RealMesh(["north", "north", "south"])
            defer { mesh.remove() }
            try mesh.done("mesh", "up", "-f", mesh.topology, "--dir", mesh.directory, "--sealed")
            #expect(try seals(mesh).values.sorted() == Array(repeating: "unsealed", count: 3))
            try mesh.done("mesh", "down", "--dir", mesh.directory)
            try mesh.up()
            #expect(try seals(mesh).values.sorted() == Array(repeating: "unsealed", count: 3))
        }
    }
}
