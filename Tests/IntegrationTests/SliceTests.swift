import Foundation
import Testing

/// Topologies, slices and handoffs between real processes.
extension MachineIntegrationTests {
    @Suite(.serialized) struct SliceTests {
        /// The mesh's own topology with another weight for one partition.
        private func weighted(_ mesh: RealMesh, _ partition: String, _ weight: Int) throws -> String {
            let text = try String(contentsOfFile: mesh.topology, encoding: .utf8).replacing(
                "  - name: \(partition)\n", with: "  - name: \(partition)\n    weight: \(weight)\n")
            let path = mesh.file("\(partition)-\(weight).yaml")
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return path
        }

        private func apply(_ mesh: RealMesh, _ file: String, _ options: String...) throws -> Command.Output {
            try Command.run(
                "boltctl", ["topology", "apply", file, "--yes", "--reason", "test", "-o", "json"] + options,
                environment: mesh.environment, deadline: 120)
        }

        /// How many slices each partition owns, as one bolt says.
        private func owners(_ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> [String: Int] {
            let page = try #require(
                try mesh.done("slice", "list", "--limit", "1000", "--bolt", bolt.address, "-o", "json").json)
            var owners: [String: Int] = [:]
            for slice in page["slices"] as? [[String: Any]] ?? [] {
                if let owner = slice["owner"] as? String { owners[owner, default: 0] += 1 }
            }
            return owners
        }

        @Test(
            "P5, P7: slices go to another partition while machines report, and back: nothing is refused, lost, doubled",
            .timeLimit(.minutes(5)))
        func moved() throws {
            try withMesh(["north", "north", "south", "south"]) { (mesh) throws in
                for partition in ["north", "south"] { try mesh.waitForSync(of: partition, bolts: 2) }
                let first = try apply(mesh, mesh.topology)
                #expect(first.status == 0, "\(first)")
                for bolt in mesh.bolts {
                    try waitUntil("\(bolt.name) knows the owners") {
                        try owners(mesh, at: bolt).values.reduce(0, +) == 64
                    }
                }
                let before = try owners(mesh, at: mesh.bolts[0])
                for bolt in mesh.bolts { #expect(try owners(mesh, at: bolt) == before, "\(bolt.name)") }
                let fleet = try Fleet(mesh, count: 8)
                let running = try fleet.start()
                try fleet.waitForMore(40, of: running)
                let heavier = try apply(mesh, try weighted(mesh, "south", 300))
                #expect(heavier.status == 0, "\(heavier)")
                let after = try owners(mesh, at: mesh.bolts[0])
                #expect(after["south", default: 0] > before["south", default: 0], "\(before) → \(after)")
                try fleet.waitForMore(40, of: running)
                let verified = try mesh.ctl("slice", "verify")
                #expect(verified.status == 0, "\(verified)")
                let back = try apply(mesh, mesh.topology)
                #expect(back.status == 0, "\(back)")
                try fleet.waitForMore(40, of: running)
                let said = try fleet.finish(running)
                #expect(said["failed_passes"] as? Int == 0, "\(said)")
                #expect(said["failed_enrolments"] as? Int == 0, "\(said)")
                try stored(mesh, fleet)
            }
        }

        /// What each machine was told is stored is at its owner, in order, and nowhere else.
        private func stored(_ mesh: RealMesh, _ fleet: Fleet, bolts count: Int = 2) throws {
            let told = fleet.told()
            #expect(told.count == fleet.count)
            for partition in ["north", "south"] { try mesh.waitForSync(of: partition, bolts: count) }
            let primaries = try ["north", "south"].map { try mesh.primary(of: $0) }
            try waitUntil("what was handed on is removed", seconds: 60) {
                try primaries.allSatisfy { bolt in
                    let page = try mesh.ctl(
                        "slice", "list", "--limit", "1000", "--bolt", bolt.address, "-o", "json"
                    ).json
                    let states = (page?["slices"] as? [[String: Any]])?.compactMap { $0["state"] as? String }
                    return states.map { Set($0).isSubset(of: ["active"]) } ?? false
                }
            }
            for bolt in mesh.bolts { try mesh.crash(bolt) }
            for (envoy, through) in told {
                let held = try primaries.filter { try PartitionDisk($0, of: mesh).envoys().contains(envoy) }
                #expect(held.count == 1, "\(envoy) is at \(held.map(\.name))")
                guard let owner = held.first else { continue }
                let sequences = try PartitionDisk(owner, of: mesh).results(of: envoy).sequences
                #expect(sequences.count >= Int(through), "\(envoy): \(sequences.count) of \(through)")
                #expect(sequences == Array(1...(sequences.last ?? 1)), "\(envoy): dense and in order")
            }
        }

        @Test(
            "P5, P6: while a partition is away the other keeps its machines' results, and nothing is lost or doubled",
            .timeLimit(.minutes(4)))
        func covered() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let first = try apply(mesh, mesh.topology)
                #expect(first.status == 0, "\(first)")
                let south = try #require(mesh.bolts.first { $0.partition == "south" })
                let north = try #require(mesh.bolts.first { $0.partition == "north" })
                // Where no machine is the south's nothing would be kept for it.
                let fleet = try Fleet(mesh, count: 16)
                let running = try fleet.start()
                try waitUntil("machines of the south report there") {
                    try HTTP.get("http://\(south.ops)/metrics").body.contains("outcome=\"stored\"")
                }
                try fleet.waitForMore(40, of: running)
                try mesh.crash(south)
                try waitUntil("results are kept for the south", seconds: 60) {
                    try HTTP.get("http://\(north.ops)/metrics").body.contains("outcome=\"kept\"")
                }
                try fleet.waitForMore(40, of: running)
                try mesh.launch(south)
                try waitUntil("the south reigns") { try mesh.part(south).reigns }
                try fleet.waitForMore(80, of: running)
                _ = try fleet.finish(running)
                try stored(mesh, fleet, bolts: 1)
            }
        }

        /// A machine of a partition, enrolled by hand; its name and id.
        private func machine(of partition: String, _ mesh: RealMesh, at bolt: RealMesh.Bolt) throws -> (String, String)
        {
            let token = try mesh.token("--uses", "12", at: bolt)
            for number in 1...12 {
                let name = "web-\(number)"
                try mesh.enroll(name, token: token, at: bolt)
                let shown = try mesh.done("envoy", "show", name, "--bolt", bolt.address, "-o", "json").json?["envoy"]
                let envoy = try #require(shown as? [String: Any])
                if envoy["owner"] as? String == partition { return (name, try #require(envoy["id"] as? String)) }
            }
            throw Unheard(what: "a machine of \(partition) among 12")
        }

        private func gauge(_ name: String, at bolt: RealMesh.Bolt) throws -> Double {
            let line = try HTTP.get("http://\(bolt.ops)/metrics").body.split(separator: "\n").first {
                $0.hasPrefix(name + " ")
            }
            return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
        }

        @Test(
            "P5, P6: what was kept for a lost partition goes once it is safe there: the disk that took it dies too",
            .timeLimit(.minutes(4)))
        func coveredUntilItIsSafe() throws {
            try withMesh(["north", "south", "south"]) { (mesh) throws in
                let first = try mesh.waitForSync(of: "south", bolts: 2)
                let applied = try apply(mesh, mesh.topology)
                #expect(applied.status == 0, "\(applied)")
                let north = try #require(mesh.bolts.first { $0.partition == "north" })
                let other = try #require(mesh.bolts.first { $0.partition == "south" && $0.name != first.name })
                let (name, id) = try machine(of: "south", mesh, at: north)
                var reporter = Reporter(mesh: mesh, bolt: north, name: name)
                // Its admission may be on its way to the owner still.
                try waitUntil("the first is stored") { try reporter.report(bytes: 10).status == 200 }
                try mesh.waitForSync(of: "south", bolts: 2)

                for bolt in [first, other] { try mesh.crash(bolt) }
                try waitUntil("results are kept for the south", seconds: 60) {
                    _ = try reporter.report(bytes: 10)
                    return reporter.acknowledged >= 4
                }
                let sent = reporter.acknowledged
                let last = try reporter.send(sent, bytes: 10)
                #expect(last.json?["release_through"] as? Int == 0, "only the owner lets anything go: \(last)")
                #expect(try gauge("bolt_custody_bytes", at: north) > 0)

                // From here on the machine is gone: what it reported is at the north alone.
                try mesh.launch(first)
                try waitUntil("the south reigns on one disk", seconds: 60) { try mesh.part(first).reigns }
                try waitUntil("it has what was kept", seconds: 60) {
                    try gauge("bolt_results_stored_total", at: first) >= Double(sent - 1)
                }
                try mesh.crash(first)
                try mesh.launch(other)
                try waitUntil("the standby is promoted", seconds: 60) {
                    let promoted = try mesh.promote(other)
                    return promoted.status == 0 || promoted.status == 5
                }
                try waitUntil("it reigns") { try mesh.part(other).reigns }
                try waitUntil("it has what was kept, too", seconds: 60) {
                    try gauge("bolt_results_stored_total", at: other) >= Double(sent - 1)
                }
                for bolt in [north, other] { try mesh.crash(bolt) }
                let held = try PartitionDisk(other, of: mesh).results(of: id)
                #expect(held.sequences == Array(1...UInt64(sent)) && held.gaps.isEmpty, "\(held)")
            }
        }

        @Test(
            "P5, P7: the first topology comes late: what another partition holds by then is brought to its owner",
            .timeLimit(.minutes(4)))
        func late() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let fleet = try Fleet(mesh, count: 12)
                let running = try fleet.start()
                try fleet.waitForMore(60, of: running)
                let first = try apply(mesh, mesh.topology)
                #expect(first.status == 0, "\(first)")
                try fleet.waitForMore(60, of: running)
                try waitUntilBrought(mesh, mesh.bolts)
                try fleet.waitForMore(60, of: running)
                let said = try fleet.finish(running)
                #expect(said["failed_passes"] as? Int == 0, "\(said)")
                try stored(mesh, fleet, bolts: 1)
            }
        }

        /// Waits until partitions brought what they held of others' slices to the owners.
        private func waitUntilBrought(_ mesh: RealMesh, _ bolts: [RealMesh.Bolt]) throws {
            for bolt in bolts { try waitUntil("\(bolt.name) reigns", seconds: 60) { try mesh.part(bolt).reigns } }
            // Primaries count every few seconds.
            let counted = Date().addingTimeInterval(8)
            for bolt in bolts {
                try waitUntil("\(bolt.name) holds nothing of another partition", seconds: 90) {
                    let metrics = try HTTP.get("http://\(bolt.ops)/metrics").body
                    return Date() > counted && metrics.contains("\nbolt_slices_left 0\n")
                }
            }
        }

        @Test(
            "P5, P7: a lost partition is taken over under load; what it held comes when it is back",
            .timeLimit(.minutes(5)))
        func takenOver() throws {
            try withMesh(["north", "south"]) { (mesh) throws in
                let first = try apply(mesh, mesh.topology)
                #expect(first.status == 0, "\(first)")
                let south = try #require(mesh.bolts.first { $0.partition == "south" })
                let north = try #require(mesh.bolts.first { $0.partition == "north" })
                let fleet = try Fleet(mesh, count: 8)
                let running = try fleet.start()
                try fleet.waitForMore(40, of: running)
                try mesh.crash(south)
                try waitUntil("the south is taken over", seconds: 60) {
                    try Command.run(
                        "boltctl",
                        ["slice", "takeover", "--partition", "south", "--bolt", north.address, "--yes"]
                            + ["--reason", "lost"], environment: mesh.environment
                    ).status == 0
                }
                try fleet.waitForMore(80, of: running)
                try mesh.launch(south)
                try waitUntilBrought(mesh, [south])
                try fleet.waitForMore(40, of: running)
                _ = try fleet.finish(running)
                try stored(mesh, fleet, bolts: 1)
            }
        }

        @Test(
            "P7: the source's primary is killed while slices go; they go on, and all bolts agree",
            .timeLimit(.minutes(5)))
        func killed() throws {
            try withMesh(["north", "north", "south", "south"]) { (mesh) throws in
                for partition in ["north", "south"] { try mesh.waitForSync(of: partition, bolts: 2) }
                let first = try apply(mesh, mesh.topology)
                #expect(first.status == 0, "\(first)")
                let fleet = try Fleet(mesh, count: 8)
                let running = try fleet.start()
                try fleet.waitForMore(40, of: running)
                let began = try apply(mesh, try weighted(mesh, "south", 900), "--slices-in-flight", "1", "--no-wait")
                #expect(began.status == 3 || began.status == 0, "\(began)")
                let north = try mesh.primary(of: "north")
                let heir = try #require(mesh.bolts.first { $0.partition == "north" && $0.name != north.name })
                try mesh.crash(north)
                try waitUntil("the standby is promoted", seconds: 60) {
                    try mesh.promote(heir).status == 0 || mesh.part(heir).reigns
                }
                try mesh.launch(north)
                try mesh.waitForSync(of: "north", bolts: 2, seconds: 60, underLoad: true)
                try waitUntil("the task is over", seconds: 120) {
                    let tasks = try mesh.ctl("rebalance", "status", "-o", "json").json?["tasks"] as? [[String: Any]]
                    return tasks?.isEmpty == false && tasks?.allSatisfy { $0["phase"] as? String == "ended" } == true
                }
                let verified = try mesh.ctl("slice", "verify")
                #expect(verified.status == 0, "\(verified)")
                try fleet.waitForMore(40, of: running)
                _ = try fleet.finish(running)
                try stored(mesh, fleet)
            }
        }
    }
}
