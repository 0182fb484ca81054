import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Foundation
import Spanner

/// A machine is banned: a receipt from every bolt, refusal at every bolt, also by one that is restored from an old
/// disk.
@MainActor enum BanStep {
    static func run(_ demo: DemoRun) async throws {
        guard let target = demo.envoys.first else { return }
        let restored = demo.mesh.bolts[1]
        let copy = "\(demo.mesh.directory)/old-copy"
        try await stopAndCopy(restored, to: copy, demo)
        let poster = try poster(demo)
        let (envoy, _) = try await poster.subject(target.name, role: .envoy)
        let (receipt, seconds) = try await demo.timed {
            let change = try await poster.post(
                .ban(
                    keys: envoy.lineage.isEmpty ? [envoy.fingerprint] : envoy.lineage, principal: envoy.id, cut: .init()
                ))
            guard let dot = change.dot else { throw CommandFailure("no_dot", "the ban came back without its event") }
            return try await poster.receipt(of: dot, seconds: 20)
        }
        let lines = receipt.bolts.map { line in
            "\(line.bolt) \(line.afterMilliseconds.map { "\(Int($0.rounded())) ms" } ?? line.state.rawValue)"
        }
        demo.record("ban", "receipt from every bolt", receipt.complete, seconds, lines.joined(separator: ", "))
        try await refused(demo, target.directory, "ban", "refused at every bolt")
        try await restore(restored, from: copy, demo)
        try await refused(demo, target.directory, "restore", "still refused at every bolt")
    }

    private static func poster(_ demo: DemoRun) throws -> ActPoster {
        var mutation = try MutationOptions.parse([])
        mutation.yes = true
        mutation.reason = "demo: stolen machine"
        return ActPoster(session: try demo.mesh.session(), mutation: mutation)
    }

    /// Every bolt has to answer that the machine is not permitted: exit 77 of the agent.
    private static func refused(_ demo: DemoRun, _ directory: String, _ step: String, _ claim: String) async throws {
        let (codes, seconds) = try await demo.timed {
            var codes: [Int32] = []
            for bolt in demo.mesh.bolts { codes.append(try await demo.checkIn(directory, at: bolt)) }
            return codes
        }
        let good = codes.allSatisfy { $0 == ExitStatus.notPermitted.rawValue }
        let detail = zip(demo.mesh.bolts, codes).map { "\($0.fullName) exit \($1)" }.joined(separator: ", ")
        demo.record(step, claim, good, seconds, detail)
        // The control: a machine in good standing is still served, so refusal is not mere failure.
        guard let other = demo.envoys.last else { return }
        let (code, wait) = try await demo.timed { try await demo.checkIn(other.directory, at: demo.mesh.bolts[1]) }
        demo.record(step, "another envoy is still served", code == 0, wait, "\(other.name) exit \(code)")
    }

    private static func stopAndCopy(_ bolt: LocalBolt, to copy: String, _ demo: DemoRun) async throws {
        let (ended, seconds) = try await demo.timed { try await bolt.stop(seconds: 20) }
        demo.record("drain", "SIGTERM ends a bolt", ended, seconds, bolt.fullName)
        guard ended else { throw CommandFailure("still_running", "\(bolt.fullName) did not end") }
        try FileManager.default.copyItem(atPath: bolt.stateDirectory, toPath: copy)
        try demo.start(bolt)
        _ = try await demo.mesh.waitForHealth(seconds: 30).sick
        _ = try await demo.mesh.waitForConvergence(seconds: 30)
    }

    private static func restore(_ bolt: LocalBolt, from copy: String, _ demo: DemoRun) async throws {
        try await demo.kill9(bolt)
        try FileManager.default.removeItem(atPath: bolt.stateDirectory)
        try FileManager.default.copyItem(atPath: copy, toPath: bolt.stateDirectory)
        let (sick, seconds) = try await demo.timed {
            try demo.start(bolt)
            // Its partition counts it as another disk, which is not taken in by itself: its part in the roster is
            // what is looked at.
            return try await demo.mesh.waitForHealth(seconds: 30, isEnough: [.active, .standby, .behind]).sick
        }
        demo.record(
            "restore", "serves on a disk from before the ban", sick.isEmpty, seconds,
            sick.isEmpty ? bolt.fullName : sick.map(\.reason).joined(separator: "; "))
        try await demo.recordConvergence("restore")
    }
}
