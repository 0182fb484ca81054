import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// D7 in a partition of two: the primary's disk is full, its standby's is not.
    @Suite(.serialized) struct FullDiskPairTests {
        private func reserve(_ bolt: RealMesh.Bolt) throws -> Int {
            let facts = try FileManager.default.attributesOfItem(atPath: bolt.state + "/reserve")
            return facts[.size] as? Int ?? 0
        }

        /// A partition of two in sync, whose primary, the first, is on a small disk.
        private func withSmallPrimary(_ body: (RealMesh, SmallDisk) throws -> Void) throws {
            let mesh = try RealMesh(["north", "north"])
            let first = mesh.bolts[0]
            try FileManager.default.createDirectory(atPath: first.state, withIntermediateDirectories: true)
            let disk = try SmallDisk(at: first.state, megabytes: 48)
            try with(mesh, settings: ["limits.reserve_mib=4"]) { (mesh) throws in
                // Before the mesh is removed: a folder that is mounted on could not be, nor what it lies in.
                defer { disk.release() }
                #expect(try mesh.waitForSync(of: "north", bolts: 2).name == first.name)
                try body(mesh, disk)
            }
        }

        @Test(
            "D7, P1: a primary's full disk refuses writes, not bans; with room it goes on, and the two hold the same",
            .enabled(if: SmallDisk.canMount, "needs root that may mount a file system in memory"),
            .timeLimit(.minutes(3)))
        func primaryIsFull() throws {
            try withSmallPrimary { (mesh, disk) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let (pid, epoch) = (a.pid, try mesh.part(a).epoch)
                let token = try mesh.token("--uses", "3")
                for name in ["web-1", "web-2", "web-3"] { try mesh.enroll(name, token: token, at: a) }
                var web = Reporter(mesh: mesh, bolt: a, name: "web-1")
                #expect(try web.report(bytes: 100_000).status == 200)
                #expect(try reserve(a) == 4 << 20)
                try web.fill(disk)
                // Asked at the standby it is the same clear refusal, from the bolt that has the word.
                let asked = try Reporter(mesh: mesh, bolt: b, name: "web-1").send(web.acknowledged + 1, bytes: 10)
                #expect(asked.status == 503 && asked.code == "store_full", "\(asked)")
                let shown = try mesh.ctl("status", "--bolt", a.address)
                #expect(shown.standardOutput.contains("the disk of a.north is full"), "\(shown)")
                #expect(shown.standardOutput.contains("make room in \(a.state)"), "\(shown)")
                for (name, bolt) in [("web-2", a), ("web-3", b)] {
                    try mesh.done("envoy", "ban", name, "--yes", "--reason", "stolen", "--bolt", bolt.address)
                }
                try mesh.waitForEqualDigests()
                for bolt in [a, b] {
                    for name in ["web-2", "web-3"] {
                        let answer = try Reporter(mesh: mesh, bolt: bolt, name: name).send(1, bytes: 1)
                        #expect(answer.code == "banned", "\(name) at \(bolt.name): \(answer)")
                    }
                }
                try disk.makeRoom()
                try waitUntil("results are taken again", seconds: 20) { try web.report(bytes: 100_000).status == 200 }
                #expect(a.pid == pid && a.isRunning, "it did not go on without a restart")
                #expect(try mesh.waitForSync(of: "north", bolts: 2).name == a.name)
                #expect(try mesh.part(a).epoch == epoch)
                let last = try web.send(1, bytes: 100_000)
                #expect(last.json?["release_through"] as? Int == web.acknowledged, "\(last)")
                try waitUntil("the alarm ends") {
                    try !mesh.ctl("status", "--bolt", a.address).standardOutput.contains("is full")
                }
                let id = try #require(try mesh.envoyIDs(at: a).count == 1 ? mesh.envoyIDs(at: a).first : nil)
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in [a, b] { try mesh.crash(bolt) }
                // Opening checks every page; nothing acknowledged is lost on either.
                for bolt in [a, b] {
                    let held = try PartitionDisk(bolt, of: mesh).results(of: id)
                    #expect(held.sequences == Array(1...UInt64(web.acknowledged)) && held.gaps.isEmpty, "\(bolt.name)")
                }
            }
        }

        @Test(
            "D7, P1: a primary whose disk is full is handed over, and is no heir until it has room; nothing is lost",
            .enabled(if: SmallDisk.canMount, "needs root that may mount a file system in memory"),
            .timeLimit(.minutes(3)))
        func primaryIsLeft() throws {
            try withSmallPrimary { (mesh, disk) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let token = try mesh.token("--uses", "1")
                try mesh.enroll("web-1", token: token, at: a)
                var web = Reporter(mesh: mesh, bolt: a, name: "web-1")
                #expect(try web.report(bytes: 100_000).status == 200)
                try web.fill(disk)
                let left = try mesh.ctl(
                    "partition", "switchover", "north", "--yes", "--reason", "its disk is full", "--bolt", b.address)
                #expect(left.status == 0 || left.status == 5, "\(left)")
                try waitUntil("the other one reigns") { try mesh.part(b).role == "primary" }
                #expect(try reserve(a) == 0, "the hand-over did not need the reserve")
                web = Reporter(mesh: mesh, bolt: b, name: "web-1", acknowledged: web.acknowledged)
                #expect(try web.report(bytes: 100_000).status == 200)
                try waitUntil("its page and an alarm say why it keeps nothing more", seconds: 20) {
                    let shown = try mesh.ctl("status", "--bolt", b.address).standardOutput
                    let page = try mesh.ctl("partition", "show", "north", "--bolt", b.address).standardOutput
                    return shown.contains("the disk of a.north is full") && page.contains("takes nothing over")
                }
                let back = try mesh.ctl(
                    "partition", "switchover", "north", "--to", "a.north", "--yes", "--bolt", b.address)
                let check = try mesh.ctl(
                    "partition", "promote", "north", "--to", "a.north", "--check", "--bolt", b.address)
                for refused in [back, check] {
                    #expect(refused.status != 0 && refused.standardError.contains("a.north"), "\(refused)")
                }
                #expect(check.standardError.contains("store_full"), "\(check)")
                try disk.makeRoom()
                try mesh.waitForSync(of: "north", bolts: 2, seconds: 40)
                try mesh.done("partition", "switchover", "north", "--to", "a.north", "--yes", "--bolt", b.address)
                try mesh.waitForSync(of: "north", bolts: 2)
                let id = try #require(try mesh.envoyIDs(at: a).first)
                for bolt in [a, b] { try mesh.crash(bolt) }
                for bolt in [a, b] {
                    let held = try PartitionDisk(bolt, of: mesh).results(of: id)
                    #expect(held.sequences == Array(1...UInt64(web.acknowledged)) && held.gaps.isEmpty, "\(bolt.name)")
                }
            }
        }
    }
}
