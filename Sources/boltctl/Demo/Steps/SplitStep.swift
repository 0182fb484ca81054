import BoltAPI
import BoltClient
import CRDT

/// The network splits; both sides go on admitting; it heals, and they agree.
@MainActor enum SplitStep {
    static func run(_ demo: DemoRun) async throws {
        let bolts = demo.mesh.bolts
        let (left, right) = (bolts[0], bolts[bolts.count - 1])
        let token = try await demo.token(uses: 10, from: left)
        _ = try await demo.mesh.waitForConvergence(seconds: 20)
        let others = bolts.dropFirst().map(\.fullName)
        try demo.network.split([left.fullName], from: others)
        let (cut, noticed) = try await demo.timed { try await unreachable(demo, from: left, count: others.count) }
        demo.record(
            "split", "the split is noticed", cut, noticed, "\(left.fullName) | \(others.joined(separator: ", "))")
        let (both, seconds) = try await demo.timed {
            let one = try await demo.enrol("split-left", at: left, token: token)
            let two = try await demo.enrol("split-right", at: right, token: token)
            return one && two
        }
        demo.record("split", "both sides admit", both, seconds, "one envoy each")
        let (atLeft, atRight) = (try await demo.names(at: left), try await demo.names(at: right))
        let apart =
            atLeft.contains("split-left") && !atLeft.contains("split-right") && atRight.contains("split-right")
            && !atRight.contains("split-left")
        demo.record("split", "neither side knows the other's", apart, 0, apart ? "digests differ" : "the split leaks")
        try demo.network.heal()
        try await demo.recordConvergence("heal", within: 60)
        var missing = 0
        for bolt in bolts { missing += demo.acknowledged.subtracting(try await demo.names(at: bolt)).count }
        demo.record("heal", "both sides' admissions everywhere", missing == 0, 0, "\(missing) missing")
    }

    /// Waits until one bolt says of `count` others that it does not reach them.
    private static func unreachable(_ demo: DemoRun, from bolt: LocalBolt, count: Int) async throws -> Bool {
        let client = try demo.mesh.session().client(of: bolt.bolt.address)
        defer { client.close() }
        let seen: Bool? = try await Waiting.until(seconds: 30) {
            let status: StatusResponse = try await client.call(.status)
            let lost = status.bolts.count { $0.reach == .suspect || $0.reach == .unreachable }
            return lost >= count ? true : nil
        }
        return seen ?? false
    }
}
