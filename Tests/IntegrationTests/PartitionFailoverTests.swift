import Foundation
import NIOCore
import Spanner
import SpannerWire
import Testing

extension ReplicatedIntegrationTests {
    /// A primary dies, gives up, or is another than it was.
    @Suite(.serialized) struct PartitionFailoverTests {
        private func promote(_ mesh: RealMesh, _ bolt: RealMesh.Bolt) throws -> Command.Output {
            try mesh.promote(bolt)
        }

        @Test(
            "P1, P9: kill −9 of a primary under 64 writers loses nothing that was released; it returns as standby",
            .timeLimit(.minutes(5)))
        func primaryKilledUnderLoad() throws {
            try withMesh(["north", "north"]) { (mesh) throws in
                let old = try mesh.waitForSync(of: "north", bolts: 2)
                let other = try #require(mesh.bolts.first { $0.name != old.name })
                let fleet = try Fleet(mesh, count: 64)
                let running = try fleet.start()
                try waitUntil("everybody reports", seconds: 90) { fleet.told().count == fleet.count }
                try fleet.waitForMore(64, of: running)
                let epoch = try mesh.part(old).epoch
                let killed = Fleet.now
                try mesh.crash(old)
                try waitUntil("the standby misses its primary") {
                    try mesh.ctl(
                        "partition", "promote", "north", "--to", other.name, "--check", "--bolt", other.address
                    ).status == 0
                }
                let blind = try mesh.ctl(
                    "partition", "promote", "north", "--to", other.name, "--yes", "--bolt", other.address)
                #expect(blind.status == 4 && "\(blind)".contains("--expect"), "P10: not unseen: \(blind)")
                let promoted = try promote(mesh, other)
                #expect(promoted.status == 0 || promoted.status == 5, "\(promoted)")
                try waitUntil("the standby reigns") { try mesh.part(other).reigns }
                #expect(try mesh.part(other).epoch > epoch)
                let paired = fleet.told(paired: true)
                try fleet.waitForMore(64, of: running)
                print("failover: \(fleet.longestPause(from: killed, to: Fleet.now)) ms without an answer")
                // No file of it is touched by anybody.
                try mesh.launch(old)
                let next = try mesh.waitForSync(of: "north", bolts: 2, seconds: 60, underLoad: true)
                #expect(next.name == other.name)
                try fleet.waitForMore(64, of: running)
                _ = try fleet.finish(running)
                let told = fleet.told()
                #expect(told.count == fleet.count)
                // What was not safe is replayed by itself; without writers the two hold the same.
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in [old, other] { try mesh.crash(bolt) }
                for bolt in [old, other] {
                    let disk = try PartitionDisk(bolt, of: mesh)
                    try fleet.expectAll(on: disk, told: paired)
                    try fleet.expectAll(on: disk, told: told)
                }
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
                // Whoever makes a token is on record in the partition's audit log, here on one disk only.
                _ = try mesh.token(at: a)
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
                try letGo(of: "token.create", keptBy: a, in: mesh)
                for bolt in [a, b] { try mesh.crash(bolt) }
                let disk = try PartitionDisk(b, of: mesh)
                let held = try disk.results(of: id)
                #expect(held.sequences == [1, 2, 3, 4] && held.gaps.isEmpty, "\(held)")
                let kept = try PartitionDisk(a, of: mesh).kept()
                #expect(kept.allSatisfy { !$0.hasPrefix("results") }, "\(kept)")
            }
        }

        /// What is kept for an operator stays until one who saw it lets it go; the audit log says so first.
        private func letGo(of word: String, keptBy bolt: RealMesh.Bolt, in mesh: RealMesh) throws {
            func kept() throws -> [[String: Any]] {
                let list = try mesh.done("partition", "salvage", "north", "--at", bolt.name, "-o", "json")
                return try #require(list.json?["commands"] as? [[String: Any]])
            }
            let before = try kept()
            #expect(before.contains { ($0["text"] as? String)?.contains(word) == true }, "\(before)")
            let last = try #require(before.last?["number"] as? Int)
            let line = ["partition", "salvage", "north", "--at", bolt.name, "--dismiss", "\(last)", "--reason", "seen"]
            func run(_ more: String...) throws -> Command.Output {
                try Command.run("boltctl", line + more + ["-o", "json"], environment: mesh.environment)
            }
            let dry = try run("--dry-run")
            #expect(dry.status == 0 && dry.json?["count"] as? Int == before.count, "\(dry)")
            let unasked = try run()
            #expect(unasked.status == 64 && unasked.standardError.contains("confirmation_required"), "\(unasked)")
            #expect(try kept().count == before.count)
            let done = try run("--yes")
            #expect(done.status == 0 && done.json?["count"] as? Int == before.count, "\(done)")
            #expect(try kept().isEmpty)
            let gone = try mesh.done(
                "partition", "salvage", "north", "--at", bolt.name, "--fate", "dismissed", "--limit", "1000")
            #expect(gone.standardOutput.contains(word), "\(gone)")
            // The disk is a standby's, the line its primary's.
            let log = try mesh.done("audit", "log", "north")
            #expect(log.standardOutput.contains("partition.dismiss_salvage"), "\(log)")
            #expect(log.standardOutput.contains("operator/admin") && log.standardOutput.contains("seen"), "\(log)")
        }

        /// Rounds of switchovers under load; the acceptance asks for 20.
        private static let rounds =
            ProcessInfo.processInfo.environment["BOLT_TEST_SWITCHOVERS"].flatMap { Int($0) } ?? 4

        @Test(
            "P9: switchovers under 64 writers, and one by SIGTERM, fail no write; pauses are told",
            .timeLimit(.minutes(10)))
        func switchoversUnderLoad() throws {
            try withMesh(["north", "north", "north"]) { (mesh) throws in
                try mesh.waitForSync(of: "north", bolts: 3)
                let fleet = try Fleet(mesh, count: 64)
                let running = try fleet.start()
                try waitUntil("everybody reports", seconds: 90) { fleet.told().count == fleet.count }
                var pauses: [UInt64] = []
                for round in 1...Self.rounds {
                    let old = try mesh.waitForSync(of: "north", bolts: 3, underLoad: true)
                    let start = Fleet.now
                    let output = try mesh.ctl(
                        "partition", "switchover", "north", "--yes", "--reason", "round \(round)", "--bolt",
                        old.address, "-o", "json")
                    #expect(output.status == 0, "round \(round): \(output)")
                    let end = Fleet.now
                    try fleet.waitForMore(64, of: running)
                    pauses.append(fleet.longestPause(from: start, to: end))
                    let new = try mesh.waitForSync(of: "north", bolts: 3, underLoad: true)
                    #expect(new.name != old.name, "round \(round)")
                }
                let leaving = try mesh.primary(of: "north")
                let start = Fleet.now
                try mesh.stop(leaving)
                let end = Fleet.now
                try fleet.waitForMore(64, of: running)
                pauses.append(fleet.longestPause(from: start, to: end))
                #expect(leaving.log.contains("the partition was handed over"))
                #expect(try mesh.primary(of: "north").name != leaving.name)
                let report = try fleet.finish(running)
                #expect(report["failed_passes"] as? Int == 0, "\(report)")
                print("switchovers: pauses in ms \(pauses); \(fleet.delivered) writes, 0 failed")
                try mesh.waitForSync(of: "north", bolts: 2)
                for bolt in mesh.bolts where bolt.isRunning { try mesh.crash(bolt) }
                for bolt in mesh.bolts where bolt.name != leaving.name {
                    try fleet.expectAll(on: PartitionDisk(bolt, of: mesh))
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
                try mesh.declareDead(b, askedOf: a, reason: "its disk was emptied")
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
