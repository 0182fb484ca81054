import Foundation

/// Who is what, by what the bolts say.
extension ChaosMesh {
    /// The bolts of a partition.
    nonisolated func members(_ partition: Int) -> [ChaosBolt] { bolts.filter { $0.partition == partition } }

    /// Who says to be primary of a partition, by health.
    nonisolated func primary(_ partition: Int) async -> ChaosBolt? {
        for bolt in members(partition) where await bolt.role() == 200 { return bolt }
        return nil
    }

    /// Waits until each primary counts all bolts of its partition in sync: a standby that has only just come back may
    /// still take itself for it. Gives what is missing when the time is over.
    nonisolated func waitForRedundancy(seconds: Double) async throws -> [String] {
        var gaps = ["nobody tells of the partitions"]
        let whole: Bool? = try await Waiting.until(seconds: seconds, every: .milliseconds(500)) {
            let output = try await control(["partition", "list", "--request-timeout", "3"], seconds: 15)
            let views = JSON(output.text)["partitions"].list
            guard output.code == 0, views.count == partitions.count else { return nil }
            gaps = views.compactMap { view in
                let (held, all) = (Int(view["in_sync"].number ?? 0), view["bolts"].list.count)
                return held == all ? nil : "\(view["name"].text ?? "") has \(held) of \(all) disks in sync"
            }
            return gaps.isEmpty ? true : nil
        }
        return whole == true ? [] : gaps
    }

    /// Waits for exactly one primary in each partition, all others in sync; gives what is missing when the time is
    /// over.
    nonisolated func waitForHealth(seconds: Double) async throws -> [String] {
        var gaps: [String] = []
        let healthy: Bool? = try await Waiting.until(seconds: seconds, every: .milliseconds(250)) {
            gaps = []
            for partition in partitions.indices {
                var roles: [Int] = []
                for bolt in members(partition) {
                    let role = await bolt.role()
                    roles.append(role ?? 0)
                    if role != 200, role != 429 {
                        gaps.append("\(bolt.name) answers \(role.map(String.init) ?? "not")")
                    }
                }
                let primaries = roles.count { $0 == 200 }
                if primaries != 1 { gaps.append("\(partitions[partition]) has \(primaries) primaries") }
            }
            return gaps.isEmpty ? true : nil
        }
        return healthy == true ? [] : gaps
    }

    /// Waits until a partition's primary counts all of its bolts in sync, by its own word now; gives that primary, nil
    /// when the time is over.
    nonisolated func wholePrimary(_ partition: Int, seconds: Double) async throws -> ChaosBolt? {
        try await Waiting.until(seconds: seconds) {
            guard let primary = await primary(partition) else { return nil }
            return await primary.countsInSync() == members(partition).count ? primary : nil
        }
    }
}
