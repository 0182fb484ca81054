import Foundation
import Testing

extension ReplicatedIntegrationTests {
    /// A partition whose promotions a lease in a real etcd decides (P9).
    @Suite(.serialized, .enabled(if: RealEtcd.program != nil, RealEtcd.absence)) struct LeaseFailoverTests {
        private static let ttl = 2
        /// Seconds that a primary stands still; the acceptance asks for 30.
        private static let pause = ProcessInfo.processInfo.environment["BOLT_TEST_PAUSE"].flatMap { Double($0) } ?? 0

        /// Two bolts of one partition with a lease, both in sync; `a` reigns.
        private func withLease(_ body: (RealMesh, RealEtcd) throws -> Void) throws {
            let mesh = try RealMesh(["north", "north"])
            defer { mesh.remove() }
            let etcd = try RealEtcd(in: mesh.folder)
            try etcd.start()
            do {
                try mesh.done(
                    "mesh", "up", "-f", mesh.topology, "--dir", mesh.directory, "--set", "lease.engine=etcd", "--set",
                    "lease.ttl_ms=\(Self.ttl * 1000)", "--set", "etcd.endpoints=\(etcd.endpoint)", "--set",
                    "etcd.accept_old_etcd=true")
                #expect(try mesh.waitForSync(of: "north", bolts: 2).letter == "a")
                try waitUntil("the primary has the lease") { mesh.bolts[0].log.contains("held here") }
                try body(mesh, etcd)
            } catch {
                for bolt in mesh.bolts {
                    print("--- \(bolt.name)\n" + bolt.log.split(separator: "\n").suffix(25).joined(separator: "\n"))
                }
                throw error
            }
        }

        /// What status says of the lease. An etcd that is old and accepted is always among it.
        private func troubles(_ mesh: RealMesh) throws -> [String] {
            let alarms = try mesh.ctl("status", "-o", "json").json?["alarms"] as? [[String: Any]] ?? []
            return alarms.filter { $0["code"] as? String == "lease_trouble" }.compactMap { $0["text"] as? String }
        }

        /// Whether the last that a bolt said of its standing is that it holds the lease.
        private func holds(_ bolt: RealMesh.Bolt) -> Bool {
            bolt.log.split(separator: "\n").last { $0.contains(" lease bolt.what=") }?.contains("held here") == true
        }

        @Test(
            "P1, P9: kill −9 of the primary: its standby takes over by the lease; it returns as standby by itself",
            .timeLimit(.minutes(3)))
        func primaryDies() throws {
            try withLease { (mesh, _) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let fleet = try Fleet(mesh, count: 64)
                let running = try fleet.start()
                try waitUntil("everybody reports", seconds: 90) { fleet.told().count == fleet.count }
                let killed = Fleet.now
                try mesh.crash(a)
                try waitUntil("the standby reigns", seconds: 30) { try mesh.part(b).reigns }
                try fleet.waitForMore(64, of: running)
                print("failover by lease: \(fleet.longestPause(from: killed, to: Fleet.now)) ms without an answer")
                try mesh.launch(a)
                #expect(try mesh.waitForSync(of: "north", bolts: 2, seconds: 60, underLoad: true).letter == "b")
                try fleet.waitForMore(64, of: running)
                _ = try fleet.finish(running)
                try mesh.waitForSync(of: "north", bolts: 2)
                #expect(try mesh.part(a).role == "standby" && mesh.part(a).tip == mesh.part(b).tip)
                for bolt in [a, b] { try mesh.crash(bolt) }
                for bolt in [a, b] { try fleet.expectAll(on: PartitionDisk(bolt, of: mesh)) }
            }
        }

        @Test(
            "P9, Q9: etcd stopped, killed, rebuilt empty: nobody is promoted, the primary goes on and status says so",
            .timeLimit(.minutes(4)))
        func etcdIsLost() throws {
            try withLease { (mesh, etcd) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                let epoch = try mesh.part(a).epoch
                let faults: [(String, () throws -> Void, () throws -> Void)] = [
                    ("paused", { etcd.pause() }, { etcd.resume() }),
                    ("killed", { etcd.kill() }, { try etcd.start() }),
                    (
                        "rebuilt", { etcd.kill() },
                        {
                            try etcd.erase(); try etcd.start()
                        }
                    ),
                ]
                for (name, fault, heal) in faults {
                    try fault()
                    try waitUntil("status tells that it is \(name)", seconds: 30) {
                        try troubles(mesh).contains { $0.contains("does not answer") }
                    }
                    let pass = try mesh.pass("web-1", at: b)
                    #expect(pass.status == 0, "\(name): \(pass)")
                    #expect(
                        pass.json?["release_through"] as? Int == pass.json?["stored_through"] as? Int,
                        "\(name): paired goes on")
                    try heal()
                    try waitUntil("the lease is held again after it was \(name)", seconds: 40) {
                        try holds(a) && !troubles(mesh).contains { $0.contains("does not answer") }
                    }
                    #expect(try mesh.part(a).reigns && mesh.part(a).epoch == epoch, "\(name): no failover")
                }
                #expect(a.isRunning && b.isRunning)
            }
        }

        @Test(
            "P1, P9: a primary that stands still loses its reign, not what it acknowledged; woken, it follows",
            .timeLimit(.minutes(3)))
        func primaryStandsStill() throws {
            try withLease { (mesh, _) throws in
                let (a, b) = (mesh.bolts[0], mesh.bolts[1])
                let fleet = try Fleet(mesh, count: 16)
                let running = try fleet.start()
                try waitUntil("everybody reports", seconds: 60) { fleet.told().count == fleet.count }
                let pid = try #require(a.pid)
                let stopped = Date()
                kill(pid, SIGSTOP)
                defer { kill(pid, SIGCONT) }
                try waitUntil("the standby reigns", seconds: 30) { try mesh.part(b).reigns }
                try fleet.waitForMore(16, of: running)
                let before = fleet.delivered
                try waitUntil("it has slept for \(Self.pause) s", seconds: Self.pause + 10) {
                    Date().timeIntervalSince(stopped) >= Self.pause
                }
                kill(pid, SIGCONT)
                #expect(try mesh.waitForSync(of: "north", bolts: 2, seconds: 60, underLoad: true).letter == "b")
                try fleet.waitForMore(16, of: running)
                _ = try fleet.finish(running)
                #expect(fleet.delivered > before)
                try mesh.waitForSync(of: "north", bolts: 2)
                #expect(try mesh.part(a).role == "standby" && mesh.part(a).tip == mesh.part(b).tip)
                for bolt in [a, b] { try mesh.crash(bolt) }
                for bolt in [a, b] { try fleet.expectAll(on: PartitionDisk(bolt, of: mesh)) }
            }
        }
    }
}
