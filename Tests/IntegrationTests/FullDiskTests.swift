import Foundation
import Testing

extension IntegrationTests {
    /// D7 on a real process and a real file system: a small one in memory that is filled to its last block.
    @Suite(.serialized) struct FullDiskTests {
        private func start(_ bolt: RealMesh.Bolt) throws -> Background {
            try Background("bolt", ["run", "--config", bolt.config, "--set", "limits.reserve_mib=4"])
        }

        /// Starts the bolt anew, from a state folder on a disk of 48 MiB.
        private func serveFromSmallDisk(
            _ mesh: RealMesh, _ bolt: RealMesh.Bolt
        ) throws -> (disk: SmallDisk, process: Background) {
            try mesh.stop(bolt)
            try FileManager.default.removeItem(atPath: bolt.state)
            try FileManager.default.createDirectory(atPath: bolt.state, withIntermediateDirectories: true)
            // An emptied founder founds nothing again; this one is told to, as if its partition had never been.
            try FileManager.default.removeItem(atPath: bolt.identity + "/partition-founder.used")
            try "\(bolt.partition)\n".write(
                toFile: bolt.identity + "/partition-founder", atomically: true, encoding: .utf8)
            let disk = try SmallDisk(at: bolt.state, megabytes: 48)
            let process = try start(bolt)
            try waitUntil("it serves") { try mesh.health(bolt) == 200 }
            return (disk, process)
        }

        private func alarms(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [String] {
            let answer = try HTTP.get(
                "https://\(bolt.address)/v1/status", root: bolt.identity + "/root.crt",
                identity: mesh.directory + "/operator")
            return (answer.json?["alarms"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
        }

        private func reserve(_ bolt: RealMesh.Bolt) -> Int {
            let facts = try? FileManager.default.attributesOfItem(atPath: bolt.state + "/reserve")
            return facts?[.size] as? Int ?? 0
        }

        @Test(
            "D7: a full disk refuses results, not bans; the process stays up, goes on with room, loses nothing",
            .enabled(if: SmallDisk.canMount, "needs root that may mount a file system in memory"),
            .timeLimit(.minutes(2)))
        func fullDisk() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let disk: SmallDisk
                var process: Background
                (disk, process) = try serveFromSmallDisk(mesh, bolt)
                #expect(reserve(bolt) == 4 << 20)
                let token = try mesh.token("--uses", "3")
                for name in ["web-1", "web-2", "web-3"] { try mesh.enroll(name, token: token, at: bolt) }
                var web = Reporter(mesh: mesh, bolt: bolt, name: "web-1")
                #expect(try web.report(bytes: 100_000).status == 200)

                try web.fill(disk)
                #expect(process.isRunning)
                #expect(try mesh.health(bolt) == 200)
                #expect(try alarms(mesh, at: bolt).contains("store_full"))
                // Reading goes on.
                #expect(try mesh.done("envoy", "list").standardOutput.contains("web-2"))
                #expect(try mesh.done("roster", "log").status == 0)

                // A ban is recorded on a disk without a free block, from the reserve; twice.
                for name in ["web-2", "web-3"] {
                    try mesh.done("envoy", "ban", name, "--yes", "--reason", "stolen", "--bolt", bolt.address)
                    #expect(try Reporter(mesh: mesh, bolt: bolt, name: name).send(1, bytes: 1).code == "banned")
                }
                #expect(process.text.contains("the reserve is given up"), "the ban did not need the reserve")
                #expect(reserve(bolt) == 0)
                // The reserve is not for results, nor for tokens.
                #expect(try web.report(bytes: 10).code == "store_full")
                let refused = try mesh.ctl("envoy", "token", "create", "--bolt", bolt.address)
                #expect(refused.status != 0 && refused.standardError.contains("make room on the bolt"), "\(refused)")

                try disk.makeRoom()
                try waitUntil("results are taken again") { try web.report(bytes: 100_000).status == 200 }
                try waitUntil("the reserve is held again") { reserve(bolt) == 4 << 20 }
                #expect(try !alarms(mesh, at: bolt).contains("store_full"))
                #expect(process.isRunning, "it did not go on without a restart")

                // Nothing acknowledged is lost, before and behind the full disk; neither are the bans.
                process.signal(SIGKILL)
                _ = process.wait(seconds: 10)
                process = try start(bolt)
                try waitUntil("it serves again") { try mesh.health(bolt) == 200 }
                let through = try web.send(1, bytes: 100_000).json?["stored_through"] as? Int
                #expect(through == web.acknowledged)
                for name in ["web-2", "web-3"] {
                    #expect(try Reporter(mesh: mesh, bolt: bolt, name: name).send(1, bytes: 1).code == "banned")
                }
                process.signal(SIGTERM)
                #expect(process.wait(seconds: 20) == 0)
            }
        }

        @Test(
            "D7: a bolt that ended on a full disk starts on it, from its reserve: it serves, reads, bans, and goes on",
            .enabled(if: SmallDisk.canMount, "needs root that may mount a file system in memory"),
            .timeLimit(.minutes(2)))
        func startOnAFullDisk() throws {
            try withMesh(["north"]) { (mesh) throws in
                let bolt = mesh.bolts[0]
                let disk: SmallDisk
                var process: Background
                (disk, process) = try serveFromSmallDisk(mesh, bolt)
                let token = try mesh.token("--uses", "2")
                for name in ["web-1", "web-2"] { try mesh.enroll(name, token: token, at: bolt) }
                var web = Reporter(mesh: mesh, bolt: bolt, name: "web-1")
                #expect(try web.report(bytes: 1000).status == 200)
                try web.fill(disk)
                process.signal(SIGKILL)
                _ = process.wait(seconds: 10)
                try disk.fill()
                process = try start(bolt)
                try waitUntil("it serves on a full disk") { try mesh.health(bolt) == 200 }
                let told = try HTTP.get("http://\(bolt.ops)/v1/health").body
                #expect(told.contains("MiB are free"), "how much room ends the mode: \(told)")
                #expect(process.text.contains("the reserve is given up to start"), "\(process.text)")
                #expect(try alarms(mesh, at: bolt).contains("store_full"))
                #expect(try web.report(bytes: 10).code == "store_full")
                try mesh.done("envoy", "ban", "web-2", "--yes", "--reason", "stolen", "--bolt", bolt.address)
                #expect(try Reporter(mesh: mesh, bolt: bolt, name: "web-2").send(1, bytes: 1).code == "banned")
                try disk.makeRoom()
                try waitUntil("results are taken again") { try web.report(bytes: 1000).status == 200 }
                process.signal(SIGTERM)
                #expect(process.wait(seconds: 20) == 0)
            }
        }
    }
}
