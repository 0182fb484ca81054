import ChaosKit
import Foundation

/// Changes of primary, by operators and by accident.
extension Nemesis {
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

    /// Promotes another bolt, as an operator would: looks first, then names what was seen. Gives why nobody could be.
    private func promote(_ partition: Int, besides old: ChaosBolt) async throws -> String? {
        var last = "no standby"
        for bolt in mesh.members(partition) where bolt.number != old.number {
            for _ in 1...4 {
                let name = mesh.partitions[partition]
                let place = ["--bolt", bolt.address, "--request-timeout", "5"]
                let check = try await mesh.control(["partition", "promote", name, "--check"] + place, seconds: 30)
                guard check.code == 0, let seen = JSON(check.text)["expect"].text else {
                    last = "\(bolt.name), check: exit \(check.code) \(check.errors.suffix(300))"
                    try await Task.sleep(for: .milliseconds(500))
                    continue
                }
                let output = try await mesh.control(
                    ["partition", "promote", name, "--expect", seen, "--yes", "--reason", "chaos"] + place,
                    seconds: 30)
                // 5: done, with no standby in sync yet.
                if output.code == 0 || output.code == 5 {
                    note("  \(bolt.name) promoted")
                    return nil
                }
                last = "\(bolt.name): exit \(output.code) \(output.errors.suffix(300))"
                note("  \(last)")
                try await Task.sleep(for: .milliseconds(500))
            }
        }
        return last
    }

    /// Acceptance 3: a planned change, which nobody is to notice.
    func switchOver(_ partition: Int) async throws -> String? {
        guard let old = await mesh.primary(partition) else { return "no primary" }
        let from = RunClock.now
        let output = try await mesh.control(
            ["partition", "switchover", mesh.partitions[partition], "--yes", "--reason", "chaos"], seconds: 30)
        guard output.code == 0 || output.code == 5 else {
            return "exit \(output.code) \(output.errors.suffix(300))"
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
