import Foundation
import NIOCore
import Spanner
import SpannerWire
import Testing

extension IntegrationTests {
    /// A primary dies, gives up, or is another than it was.
    @Suite(.serialized) struct PartitionFailoverTests {
        /// Envoys that report again and again, and what they were told.
        private struct Fleet {
            let mesh: RealMesh
            let token: String
            let count: Int
            let journal: String

            init(_ mesh: RealMesh, count: Int) throws {
                (self.mesh, self.count) = (mesh, count)
                token = try mesh.token("--uses", "\(count)")
                journal = mesh.file("journal")
            }

            func start(passes: Int) throws -> Background {
                try Background(
                    "bolt-envoy",
                    ["simulate", "--count", "\(count)", "--token", token, "--passes", "\(passes)", "-o", "json"]
                        + ["--concurrency", "\(count)", "--dir", mesh.file("fleet"), "--journal", journal]
                        + mesh.bolts.flatMap { ["--mesh", $0.address] }, environment: mesh.environment)
            }

            /// The last position that each envoy was told to be stored, by its id.
            func told() -> [String: UInt64] {
                let text = (try? String(contentsOfFile: journal, encoding: .utf8)) ?? ""
                var told: [String: UInt64] = [:]
                for line in text.split(separator: "\n") {
                    guard let entry = (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any],
                        entry["event"] as? String == "delivered", let id = entry["id"] as? String
                    else { continue }
                    told[id] = max(told[id] ?? 0, (entry["stored_through"] as? NSNumber)?.uint64Value ?? 0)
                }
                return told
            }

            func delivered() -> Int {
                ((try? String(contentsOfFile: journal, encoding: .utf8)) ?? "").split(separator: "\n")
                    .count { $0.contains("\"delivered\"") }
            }
        }

        private func promote(_ mesh: RealMesh, _ bolt: RealMesh.Bolt) throws -> Command.Output {
            try mesh.ctl(
                "partition", "promote", bolt.partition, "--to", bolt.name, "--yes", "--reason", "test", "--bolt",
                bolt.address, "--timeout", "10", "-o", "json")
        }

        /// Each result that an envoy was told of is held once and in order, with none left out.
        private func expectAll(
            _ told: [String: UInt64], on disk: PartitionDisk, location: SourceLocation = #_sourceLocation
        ) throws {
            for (id, through) in told {
                let held = try disk.results(of: id)
                #expect(held.gaps.isEmpty, "envoy \(id): \(held.gaps)", sourceLocation: location)
                #expect(held.queues <= 1, "envoy \(id)", sourceLocation: location)
                #expect(
                    held.sequences == Array(1...UInt64(max(held.sequences.count, 1))), "envoy \(id)",
                    sourceLocation: location)
                #expect(UInt64(held.sequences.count) >= through, "envoy \(id)", sourceLocation: location)
            }
        }

        @Test(
            "P1, P9: kill −9 of a primary under reporters loses nothing that was released; it returns as standby",
            .timeLimit(.minutes(5)))
        func primaryKilledUnderLoad() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let old = try mesh.waitForSync(of: "north", bolts: 2)
                let other = try #require(mesh.bolts.first { $0.name != old.name })
                let fleet = try Fleet(mesh, count: 6)
                let running = try fleet.start(passes: 150)
                try waitUntil("reports are stored", seconds: 60) { fleet.delivered() > 120 }
                let epoch = try mesh.part(old).epoch
                try mesh.crash(old)
                try waitUntil("the standby misses its primary") {
                    try mesh.ctl(
                        "partition", "promote", "north", "--to", other.name, "--check", "--bolt", other.address
                    ).status == 0
                }
                let promoted = try promote(mesh, other)
                #expect(promoted.status == 0 || promoted.status == 5, "\(promoted)")
                try waitUntil("the standby reigns") { try mesh.part(other).reigns }
                #expect(try mesh.part(other).epoch > epoch)
                let before = fleet.delivered()
                try waitUntil("reports go on", seconds: 60) {
                    fleet.delivered() > before + 30 || !running.isRunning
                }
                // No file of it is touched by anybody.
                try mesh.launch(old)
                #expect(try mesh.waitForSync(of: "north", bolts: 2, seconds: 60).name == other.name)
                running.signal(SIGTERM)
                _ = running.wait(seconds: 60)
                let last = try fleet.start(passes: 2)
                #expect(last.wait(seconds: 60) == 0, "\(last.text)")
                let told = fleet.told()
                #expect(told.count == fleet.count)
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in [old, other] { try mesh.crash(bolt) }
                for bolt in [old, other] { try expectAll(told, on: PartitionDisk(bolt, of: mesh)) }
            }
        }

        @Test(
            "P4: results that only a dead primary held are replayed through the new one when it comes back",
            .timeLimit(.minutes(4)))
        func salvageIsReplayed() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                try mesh.waitForSync(of: "north", bolts: 2)
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                let first = try mesh.pass("web-1", at: a)
                #expect(first.status == 0, "\(first)")
                let id = try #require(try mesh.envoyIDs(at: a).first)
                try mesh.crash(b)
                try waitUntil("the primary goes on alone") { try mesh.part(a).inSync == 1 }
                for _ in 0..<3 {
                    let pass = try mesh.pass("web-1", at: a)
                    #expect(pass.status == 0 && pass.json?["release_through"] as? Int == 1, "\(pass)")
                }
                try mesh.crash(a)
                try mesh.launch(b)
                // All but one promise: what was released is on both disks, so one of them is enough.
                try waitUntil("the standby is promoted", seconds: 20) {
                    let promoted = try promote(mesh, b)
                    return promoted.status == 0 || promoted.status == 5
                }
                try waitUntil("it reigns") { try mesh.part(b).reigns }
                try mesh.launch(a)
                try mesh.waitForSync(of: "north", bolts: 2, seconds: 60)
                try waitUntil("what was dropped is there again") {
                    let kept = try mesh.ctl(
                        "partition", "salvage", "north", "--at", a.name, "--fate", "replayed", "-o", "json")
                    return (kept.json?["commands"] as? [Any])?.count ?? 0 >= 3
                }
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in [a, b] { try mesh.crash(bolt) }
                let disk = try PartitionDisk(b, of: mesh)
                let held = try disk.results(of: id)
                #expect(held.sequences == [1, 2, 3, 4] && held.gaps.isEmpty, "\(held)")
                let kept = try PartitionDisk(a, of: mesh).kept()
                #expect(kept.allSatisfy { !$0.hasPrefix("results") }, "\(kept)")
            }
        }

        @Test("P9: a switchover under load, and one by SIGTERM, fail no check-in", .timeLimit(.minutes(5)))
        func switchoverUnderLoad() throws {
            try withMesh(["north", "north", "north"]) { (mesh) throws in
                try mesh.waitForSync(of: "north", bolts: 3)
                let fleet = try Fleet(mesh, count: 4)
                func underLoad(_ body: () throws -> Void) throws {
                    let running = try fleet.start(passes: 300)
                    let before = fleet.delivered()
                    try waitUntil("reports are stored", seconds: 60) {
                        fleet.delivered() > before + 20 || !running.isRunning
                    }
                    #expect(running.isRunning, "the fleet ended early: \(running.text)")
                    try body()
                    #expect(running.wait(seconds: 120) == 0, "\(running.text)")
                }
                for round in 1...3 {
                    let old = try mesh.waitForSync(of: "north", bolts: 3)
                    try underLoad {
                        let output = try mesh.ctl(
                            "partition", "switchover", "north", "--yes", "--reason", "round \(round)", "--bolt",
                            old.address, "-o", "json")
                        #expect(output.status == 0, "round \(round): \(output)")
                    }
                    let new = try mesh.waitForSync(of: "north", bolts: 3)
                    #expect(new.name != old.name, "round \(round)")
                }
                let leaving = try mesh.primary(of: "north")
                try underLoad { try mesh.stop(leaving) }
                #expect(leaving.log.contains("the partition was handed over"))
                #expect(try mesh.primary(of: "north").name != leaving.name)
                let told = fleet.told()
                for bolt in mesh.bolts where bolt.isRunning { try mesh.crash(bolt) }
                for bolt in mesh.bolts where bolt.name != leaving.name {
                    try expectAll(told, on: PartitionDisk(bolt, of: mesh))
                }
            }
        }

        @Test(
            "P9, P10: an emptied standby is in sync again as another bolt; an emptied founder founds nothing",
            .timeLimit(.minutes(4)))
        func emptiedDisks() throws {
            try withMesh(["north", "north", "south"]) { (mesh) throws in
                let (a, b, lone) = (mesh.bolts[0], mesh.bolts[1], mesh.bolts[2])
                try mesh.waitForSync(of: "north", bolts: 2)
                // A living primary is not promoted away from.
                let refused = try promote(mesh, b)
                #expect(refused.status == 4, "\(refused)")
                #expect(try mesh.part(a).reigns && mesh.part(a).epoch == 1)
                for bolt in [b, lone] {
                    try mesh.crash(bolt)
                    try FileManager.default.removeItem(atPath: bolt.state)
                }
                let started = Date()
                try mesh.launch(lone)
                try mesh.launch(b)
                try waitUntil("the founder had time to found", seconds: 20) {
                    try Date().timeIntervalSince(started) > 5 && mesh.part(lone).role == "waiting"
                }
                #expect(try mesh.part(lone).epoch == 0 && mesh.part(a).inSync == 1)
                try mesh.crash(b)
                try waitUntil("the primary lost it", seconds: 30) {
                    try mesh.ctl(
                        "bolt", "remove", b.name, "--dead", "--yes", "--reason", "its disk was emptied", "--bolt",
                        a.address
                    ).status == 0
                }
                try mesh.rejoin(b, askedOf: a)
                try mesh.waitForSync(of: "north", bolts: 2, seconds: 60)
                #expect(try mesh.part(a).tip == mesh.part(b).tip && mesh.part(a).epoch == 1)
            }
        }

        @Test("S1: words of replication from another partition's bolt end the link", .timeLimit(.minutes(1)))
        func strangersAreRefused() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let (north, south) = (mesh.bolts[0], mesh.bolts[1])
                try mesh.stop(south)
                let words: [PeerMessage] = [
                    .disk(incarnation: 7), .partition(.acquaint), .snapshotPiece(offset: 0, [1]),
                    .replay(1, command: [1]),
                ]
                for word in words {
                    let before = try violations(north)
                    let peer = try Background(
                        HTTP.openssl,
                        HTTP.client(
                            north.address, root: north.identity + "/root.crt", identity: south.identity,
                            protocol: "bolt-peer/1"))
                    try waitUntil("hands are shaken") { peer.text.contains("Verify return code: 0") }
                    var frame = ByteBuffer()
                    FrameEncoder.write(word, into: &frame)
                    try peer.write(Array(frame.readableBytesView))
                    try waitUntil("the link is ended after \(word)") { try violations(north) > before }
                    peer.signal(SIGKILL)
                }
                #expect(try mesh.part(north).reigns)
            }
        }

        private func violations(_ bolt: RealMesh.Bolt) throws -> Int {
            let line = try HTTP.get("http://\(bolt.ops)/metrics").body.split(separator: "\n")
                .first { $0.contains("links_closed") && $0.contains("protocol_violation") }
            return line?.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) } ?? 0
        }
    }
}
