import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// The list of bad input, where it reaches a partition: its reason, and what to do.
    @Suite(.serialized) struct PartitionBadInputTests {
        private func show(_ mesh: RealMesh, at bolt: RealMesh.Bolt, _ partition: String = "north") throws -> String {
            try mesh.ctl("partition", "show", partition, "--bolt", bolt.address).standardOutput
        }

        private func refusal(_ bolt: RealMesh.Bolt) throws -> Command.Output {
            try Command.run("bolt", ["run", "--config", bolt.config], deadline: 20)
        }

        @Test(
            "R6, P4: two processes configured as one bolt: the copy is another disk, is told, and harms nothing",
            .timeLimit(.minutes(3)))
        func twins() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let standby = try #require(mesh.bolts.first { $0.name != primary.name })
                try mesh.enroll("web-1", token: try mesh.token(), at: primary)
                // All of the standby's files on another machine, where it listens elsewhere.
                try mesh.stop(standby)
                let twin = mesh.file("twin")
                try FileManager.default.copyItem(atPath: standby.directory, toPath: twin)
                try mesh.launch(standby)
                try mesh.waitForSync(of: "north", bolts: 2)
                let ports = try FreePorts.take(2)
                let config = try String(contentsOfFile: standby.config, encoding: .utf8)
                    .replacingOccurrences(of: standby.directory, with: twin)
                try config.write(toFile: twin + "/bolt.yaml", atomically: true, encoding: .utf8)
                let second = try Background(
                    "bolt",
                    [
                        "run", "--config", twin + "/bolt.yaml", "--set", "listen.port=\(ports[0])", "--set",
                        "ops.port=\(ports[1])",
                    ])
                try waitUntil("the copy says that it is another disk", seconds: 20) {
                    second.text.contains("the partition's disk is a new one")
                }
                try waitUntil("the primary sees two disks of one bolt", seconds: 20) {
                    try show(mesh, at: primary).contains("an earlier disk of this bolt")
                        || show(mesh, at: primary).contains("another disk of this bolt")
                }
                for _ in 0..<3 { #expect(try mesh.pass("web-1", at: primary).status == 0) }
                #expect(try mesh.part(primary).reigns)
                second.signal(SIGKILL)
                _ = second.wait(seconds: 10)
                try mesh.waitForSync(of: "north", bolts: 2, seconds: 30)
                let pass = try mesh.pass("web-1", at: primary)
                #expect(pass.json?["release_through"] as? Int == 4, "\(pass)")
            }
        }

        @Test("a database of another partition is not opened: reason, state, next step", .timeLimit(.minutes(1)))
        func foreignDatabase() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (north, south) = (mesh.bolts[0], mesh.bolts[1])
                for bolt in [north, south] { try mesh.stop(bolt) }
                let (own, foreign) = (north.state + "/partition.db", south.state + "/partition.db")
                try FileManager.default.removeItem(atPath: own)
                try FileManager.default.copyItem(atPath: foreign, toPath: own)
                let refused = try refusal(north)
                #expect(refused.status == 1 && refused.standardError.contains("[store_foreign]"), "\(refused)")
                for word in ["of partition south", "nothing was changed", "point the configuration"] {
                    #expect(refused.standardError.contains(word), "\(word): \(refused)")
                }
            }
        }

        /// Flips one bit in a file, where it is.
        private func flip(_ mark: String, in path: String) throws {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let place = try #require(bytes.range(of: Data(mark.utf8)), "\(path) does not hold \(mark)").lowerBound
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
            defer { try? file.close() }
            try file.seek(toOffset: UInt64(place))
            try file.write(contentsOf: Data([bytes[place] ^ 0x04]))
            try file.synchronize()
        }

        @Test(
            "D4: a flipped bit in a standby's journal is found: it serves nothing, says so, is not promoted",
            .timeLimit(.minutes(3)))
        func flippedBit() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let primary = try mesh.waitForSync(of: "north", bolts: 2)
                let mark = "a-reason-of-an-operator"
                try mesh.done("partition", "switchover", "north", "--yes", "--reason", mark)
                try mesh.waitForSync(of: "north", bolts: 2)
                let (sick, well) = (primary, try mesh.primary(of: "north"))
                try mesh.stop(sick)
                try flip(mark, in: sick.state + "/partition.db")
                try mesh.spawn(sick)
                try waitUntil("it serves nothing, or does not start", seconds: 20) {
                    try !sick.isRunning || mesh.health(sick) == 530
                }
                if sick.isRunning {
                    try waitUntil("the others are told") {
                        let status = try mesh.ctl("status", "--bolt", well.address).standardOutput
                        return status.contains("\(sick.name) serves nothing of north")
                    }
                    let refused = try mesh.ctl(
                        "partition", "switchover", "north", "--to", sick.name, "--yes", "--bolt", well.address)
                    #expect(refused.status == 4, "\(refused)")
                    // The roster goes on there.
                    try mesh.waitForEqualDigests()
                }
                #expect(mesh.log(sick).contains("store_corrupt"), "\(mesh.log(sick))")
                if sick.isRunning { try mesh.crash(sick) }
                // Its next life finds it as well: nobody has to remember.
                try mesh.spawn(sick)
                try waitUntil("it serves nothing again, or does not start", seconds: 20) {
                    try !sick.isRunning || mesh.health(sick) == 530
                }
                #expect(try mesh.part(well).reigns)
            }
        }

        @Test(
            "P3, P10: a bolt that is behind is not promoted while what it lacks may be elsewhere; with it, it fetches",
            .timeLimit(.minutes(3)))
        func behind() throws {
            try withMesh(["north", "north", "north"]) { (mesh) throws in
                let (a, b, c) = (mesh.bolts[0], mesh.bolts[1], mesh.bolts[2])
                try mesh.waitForSync(of: "north", bolts: 3)
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                try mesh.crash(c)
                try waitUntil("it goes on without c") { try mesh.part(a).inSync == 2 }
                for _ in 0..<3 { #expect(try mesh.pass("web-1", at: a).status == 0) }
                for bolt in [a, b] { try mesh.crash(bolt) }
                try mesh.launch(c)
                try waitUntil("it knows that it hears nobody", seconds: 20) { try mesh.health(c) == 474 }
                let epoch = try mesh.part(c).epoch
                for extra in [["--check"], ["--yes"]] {
                    let refused = try Command.run(
                        "boltctl",
                        ["partition", "promote", "north", "--to", c.name, "--bolt", c.address] + extra,
                        environment: mesh.environment)
                    #expect(refused.status == 4, "\(extra): \(refused)")
                    let text = refused.standardOutput + refused.standardError
                    #expect(text.contains(a.name) && text.contains(b.name), "\(extra): \(text)")
                    #expect(extra == ["--check"] || text.contains("--allow-data-loss"), "\(extra): \(text)")
                }
                #expect(try mesh.part(c).epoch == epoch && !mesh.part(c).reigns)
                // Those that cannot be reached hold what c lacks: only --dead may say that their disks are gone.
                for gone in [a, b] {
                    let kept = try mesh.ctl(
                        "bolt", "remove", gone.name, "--yes", "--reason", "test", "--bolt", c.address, "-o", "json")
                    #expect(kept.status == 4 && kept.standardError.contains("cannot_take_out"), "\(kept)")
                    #expect(kept.standardError.contains("--dead"), "\(kept)")
                }
                try mesh.launch(b)
                try waitUntil("with b it can be", seconds: 30) {
                    let promoted = try mesh.promote(c)
                    return promoted.status == 0 || promoted.status == 5
                }
                try mesh.launch(a)
                #expect(try mesh.waitForSync(of: "north", bolts: 3, seconds: 60).name == c.name)
                let pass = try mesh.pass("web-1", at: c)
                #expect(pass.json?["release_through"] as? Int == 4, "\(pass)")
            }
        }

        @Test(
            "P2, R7: a member back with an old copy of its disk is another disk: told, not taken in; epochs only grow",
            .timeLimit(.minutes(3)))
        func oldCopy() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                try mesh.stop(b)
                let copy = mesh.file("copy")
                try FileManager.default.copyItem(atPath: b.state, toPath: copy)
                // Before, a count of two is of the time when b was there.
                try waitUntil("a goes on alone", seconds: 20) { try mesh.part(a).inSync == 1 }
                try mesh.launch(b)
                try mesh.waitForSync(of: "north", bolts: 2)
                let output = try mesh.ctl("partition", "switchover", "north", "--yes", "--reason", "test")
                #expect(output.status == 0, "\(output)")
                try mesh.waitForSync(of: "north", bolts: 2)
                _ = try mesh.pass("web-1", at: a)
                try mesh.done("partition", "switchover", "north", "--yes", "--reason", "and back")
                #expect(try mesh.waitForSync(of: "north", bolts: 2).name == a.name)
                let epoch = try mesh.part(a).epoch
                try mesh.crash(b)
                try FileManager.default.removeItem(atPath: b.state)
                try FileManager.default.moveItem(atPath: copy, toPath: b.state)
                try mesh.launch(b)
                try waitUntil("it is shown as another disk", seconds: 20) {
                    try show(mesh, at: a).contains("an earlier disk of this bolt")
                }
                try waitUntil("the primary goes on alone", seconds: 20) { try mesh.part(a).inSync == 1 }
                #expect(try mesh.part(a).reigns && mesh.part(a).epoch == epoch)
                try waitUntil("it is no standby in sync") { try mesh.health(b) == 473 }
                let refused = try mesh.ctl(
                    "partition", "promote", "north", "--to", b.name, "--yes", "--bolt", b.address)
                #expect(refused.status == 4, "\(refused)")
                #expect(mesh.log(b).contains("the partition's disk is a new one"))
            }
        }

        @Test(
            "a partition whose disks are all lost can have no primary: nobody founds it again, and status says why",
            .timeLimit(.minutes(3)))
        func noDiskIsLeft() throws {
            try withMesh(["north", "north", "south"]) { (mesh) throws in
                let (a, b, south) = (mesh.bolts[0], mesh.bolts[1], mesh.bolts[2])
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in [a, b] { try mesh.crash(bolt) }
                for bolt in [a, b] {
                    try FileManager.default.removeItem(atPath: bolt.state)
                    try mesh.launch(bolt)
                }
                for bolt in [a, b] {
                    try waitUntil("\(bolt.name) waits", seconds: 20) { try mesh.health(bolt) == 501 }
                }
                let status = try mesh.ctl("status", "--bolt", south.address)
                #expect(status.standardOutput.contains("partition north has no primary"), "\(status)")
                #expect(status.standardOutput.contains("boltctl partition show north"), "\(status)")
                let shown = try show(mesh, at: a)
                #expect(shown.contains("is not founded, or its primary was not heard yet"), "\(shown)")
                for bolt in [a, b] {
                    for extra in [[], ["--allow-data-loss"]] {
                        let refused = try Command.run(
                            "boltctl",
                            ["partition", "promote", "north", "--to", bolt.name, "--yes", "--bolt", bolt.address]
                                + extra + ["-o", "json"], environment: mesh.environment)
                        #expect(refused.status == 4, "\(refused)")
                        #expect(refused.standardError.contains("\"next\""), "\(refused)")
                    }
                }
                #expect(try mesh.part(a).epoch == 0 && mesh.part(b).epoch == 0)
            }
        }
    }
}
