import BoltAPI
import CRDT
import Spanner

/// Three partitions of real processes come up and agree.
@MainActor enum UpStep {
    static func run(_ demo: DemoRun) async throws {
        let (sick, seconds) = try await demo.timed {
            try demo.mesh.provision { _ in }
            try demo.network.configure(demo.mesh)
            for bolt in demo.mesh.bolts { try demo.start(bolt) }
            return try await demo.mesh.waitForHealth(seconds: 30).sick
        }
        let names = demo.mesh.bolts.map(\.fullName).joined(separator: ", ")
        demo.record(
            "up", "\(demo.mesh.bolts.count) bolts healthy", sick.isEmpty, seconds,
            sick.isEmpty ? names : sick.map { "\($0.bolt.fullName): \($0.reason)" }.joined(separator: "; "))
        guard sick.isEmpty else {
            throw CommandFailure(
                "not_healthy", "the mesh did not come up",
                reason: sick.map { $0.bolt.logTail() }.joined(separator: "\n"))
        }
        let (whole, wait) = try await demo.timed { try await demo.mesh.waitForWholeness(seconds: 30) }
        demo.record(
            "up", "all linked, equal digests", whole.digest != nil, wait,
            whole.digest.map { "\($0)" } ?? whole.gaps.joined(separator: "; "))
    }
}
