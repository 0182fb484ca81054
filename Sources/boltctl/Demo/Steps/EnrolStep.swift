import BoltAPI

/// Real agents enrol at each bolt, and each is accepted at every other.
@MainActor enum EnrolStep {
    static let perBolt = 2

    static func run(_ demo: DemoRun) async throws {
        let token = try await demo.token(uses: 100, from: demo.mesh.bolts[0])
        let (enrolled, seconds) = try await demo.timed {
            var enrolled = 0
            for bolt in demo.mesh.bolts {
                for number in 1...perBolt {
                    let name = "\(bolt.partition)-\(number)"
                    if try await demo.enrol(name, at: bolt, token: token) { enrolled += 1 }
                }
            }
            return enrolled
        }
        let wanted = perBolt * demo.mesh.bolts.count
        demo.record("enrol", "envoys enrolled at each bolt", enrolled == wanted, seconds, "\(enrolled) of \(wanted)")
        try await demo.recordConvergence("enrol", "admissions at every bolt", within: 20)
        let (accepted, checks) = try await demo.timed {
            var accepted = 0
            for envoy in demo.envoys {
                for bolt in demo.mesh.bolts where try await demo.checkIn(envoy.directory, at: bolt) == 0 {
                    accepted += 1
                }
            }
            return accepted
        }
        let all = demo.envoys.count * demo.mesh.bolts.count
        demo.record(
            "enrol", "each envoy accepted at every bolt", accepted == all, checks, "\(accepted) of \(all) check-ins")
    }
}
