import ChaosKit
import Foundation

/// Changes of primary, by operators and by accident.
extension Nemesis {
    /// An operator gives up after that.
    private static var promotionSeconds: Double { 20 }

    /// Acceptance 2: the primary is killed, another is promoted, the old one comes back by itself.
    func failOver(_ partition: Int) async throws -> String? {
        guard let old = await mesh.primary(partition) else { return "no primary" }
        note("  \(old.name) is killed")
        let from = RunClock.now
        await mesh.killAndHold(old)
        let promoted = try await promote(partition, besides: old)
        record("failover", partition, from: from)
        await mesh.letGo(old)
        return promoted
    }

    /// The old primary sleeps through the promotion and wakes up as if nothing had happened.
    func failOverPaused(_ partition: Int, _ seconds: Double) async throws -> String? {
        guard let old = await mesh.primary(partition), old.pid != nil else { return "no primary" }
        note("  \(old.name) is stopped")
        let wake = ContinuousClock.now + .seconds(seconds)
        let from = RunClock.now
        old.signal(SIGSTOP)
        defer { old.signal(SIGCONT) }
        let promoted = try await promote(partition, besides: old)
        record("failover", partition, from: from)
        try await Task.sleep(until: max(wake, ContinuousClock.now))
        return promoted
    }

    /// The old primary is cut off from its standbys, not from its writers.
    func failOverSplit(_ partition: Int, _ seconds: Double) async throws -> String? {
        guard let old = await mesh.primary(partition) else { return "no primary" }
        note("  \(old.name) is cut off")
        let heal = ContinuousClock.now + .seconds(seconds)
        let from = RunClock.now
        try await mesh.network.isolate(old.number)
        let promoted = try await promote(partition, besides: old)
        record("failover", partition, from: from)
        try await Task.sleep(until: max(heal, ContinuousClock.now))
        await mesh.network.heal()
        return promoted
    }

    /// Promotes another bolt, as an operator would: looks first, then names what was seen, and tries again while that
    /// is refused. Gives why nobody could be promoted in time.
    func promote(_ partition: Int, besides old: ChaosBolt) async throws -> String? {
        let deadline = ContinuousClock.now + .seconds(Self.promotionSeconds)
        let others = mesh.members(partition).filter { $0.number != old.number }
        var last = "no standby"
        var turn = 0
        while ContinuousClock.now < deadline, !others.isEmpty {
            let bolt = others[turn % others.count]
            turn += 1
            guard let why = try await promote(bolt, mesh.partitions[partition]) else {
                note("  \(bolt.name) promoted")
                return nil
            }
            if why != last { note("  \(why)") }
            last = why
            try await Task.sleep(for: .milliseconds(300))
        }
        return last
    }

    private func promote(_ bolt: ChaosBolt, _ partition: String) async throws -> String? {
        let place = ["--to", bolt.name, "--bolt", bolt.address, "--request-timeout", "3"]
        let check = try await mesh.control(["partition", "promote", partition, "--check"] + place, seconds: 30)
        guard check.code == 0, let seen = JSON(check.text)["result"]["point"].text else {
            return "\(bolt.name), check: exit \(check.code) \(Self.short(check))"
        }
        let output = try await mesh.control(
            ["partition", "promote", partition, "--expect", seen, "--yes", "--no-wait", "--reason", "chaos"] + place,
            seconds: 30)
        // 5: done, with fewer disks in sync than there could be.
        return output.code == 0 || output.code == 5 ? nil : "\(bolt.name): exit \(output.code) \(Self.short(output))"
    }

    static func short(_ output: Program.Output) -> String {
        let json = JSON(output.errors)
        let text = json["message"].text ?? json["what"].text ?? output.errors
        return String(text.suffix(400)).split(separator: "\n").joined(separator: " ")
    }

    /// Acceptance 3: a planned change, which nobody is to notice.
    func switchOver(_ partition: Int) async throws -> String? {
        guard let old = await mesh.primary(partition) else { return "no primary" }
        let from = RunClock.now
        let output = try await mesh.control(
            ["partition", "switchover", mesh.partitions[partition], "--yes", "--reason", "chaos"], seconds: 30)
        guard output.code == 0 || output.code == 5 else {
            return "exit \(output.code) \(Self.short(output))"
        }
        record("switchover", partition, from: from)
        note("  away from \(old.name)")
        // The next one needs a standby in sync.
        let members = mesh.members(partition)
        _ =
            try await Waiting.until(seconds: 20, every: .milliseconds(50)) {
                for bolt in members where ![200, 429].contains(await bolt.role()) { return nil }
                return true
            } as Bool?
        return nil
    }
}
