import Foundation
import Testing

extension IntegrationTests {
    /// A partition whose promotions a lease in a real etcd decides (P9).
    @Suite(.serialized, .enabled(if: RealEtcd.program != nil, RealEtcd.absence)) struct LeaseFailoverTests {
        private static let ttl = 2

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
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                #expect(try mesh.pass("web-1", at: a).status == 0)
                try mesh.crash(a)
                try waitUntil("the standby reigns", seconds: 30) { try mesh.part(b).reigns }
                let pass = try mesh.pass("web-1", at: b)
                #expect(pass.status == 0 && pass.json?["stored_through"] as? Int == 2, "\(pass)")
                try mesh.launch(a)
                #expect(try mesh.waitForSync(of: "north", bolts: 2).letter == "b")
                #expect(try mesh.part(a).role == "standby" && mesh.part(a).tip == mesh.part(b).tip)
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
                try mesh.enroll("web-1", token: try mesh.token(), at: a)
                #expect(try mesh.pass("web-1", at: a).status == 0)
                let pid = try #require(a.pid)
                kill(pid, SIGSTOP)
                defer { kill(pid, SIGCONT) }
                try waitUntil("the standby reigns", seconds: 30) { try mesh.part(b).reigns }
                let pass = try mesh.pass("web-1", at: b)
                #expect(pass.status == 0 && pass.json?["stored_through"] as? Int == 2, "\(pass)")
                kill(pid, SIGCONT)
                #expect(try mesh.waitForSync(of: "north", bolts: 2).letter == "b")
                let again = try mesh.pass("web-1", at: a)
                #expect(again.status == 0 && again.json?["release_through"] as? Int == 3, "\(again)")
            }
        }
    }
}
