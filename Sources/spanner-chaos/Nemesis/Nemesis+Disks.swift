import ChaosKit
import Foundation

/// Disks that are altered or emptied, and the operator's way back.
extension Nemesis {
    private static var wholeSeconds: Double { 30 }
    /// A bolt finds what struck its disk within that time, at the latest when its scrub comes there.
    private static var foundSeconds: Double { 45 }
    private static var noticeSeconds: Double { 6 }
    /// Flips that are tried until one strikes something that is in use.
    private static var flipsMax: Int { 10 }

    // MARK: Rot

    /// D4: found before it is served or shipped; the bolt takes itself out; the rest goes on.
    func rot(_ target: NemesisTarget, isRunning: Bool) async throws -> String? {
        let partition =
            switch target {
            case .primary(let number), .standby(let number): number
            case .bolt(let number): mesh.bolts[number % mesh.bolts.count].partition
            }
        guard try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds) != nil else {
            return "not all are in sync"
        }
        let bolt = await bolt(target)
        let isPrimary = await bolt.role() == 200
        note("  \(bolt.name)\(isPrimary ? ", the primary" : "")")
        let from = RunClock.now
        let place = bolt.logLength
        let finding =
            isRunning ? try await strikeRunning(bolt, since: place) : try await strikeStopped(bolt)
        await mesh.letGo(bolt)
        guard let finding else { return "no flip struck what is in use" }
        note("  \(finding)")
        let found = try await word(of: bolt, since: place, seconds: Self.foundSeconds)
        note("  \(found ?? "NOT FOUND in time")")
        strikes.append(RotStrike(bolt: bolt.name, finding: finding, found: found))
        if found == "fenced" { try await expectAlarm(of: bolt) }
        if isPrimary {
            if let why = try await promote(partition, besides: bolt) {
                fail("nobody can be promoted in the place of \(bolt.name): \(why)")
            }
            record("rot of a primary", partition, from: from)
        }
        try await replace(bolt)
        return nil
    }

    /// Kills the bolt and flips one bit of its database so that it is not whole any more; says what is wrong then, nil
    /// where no flip did that.
    private func strikeStopped(_ bolt: ChaosBolt) async throws -> String? {
        try await mesh.killAndCollect(bolt)
        guard case .whole(let tip) = DiskCopy.look(at: bolt, of: mesh) else {
            fail("\(bolt.name)'s disk was not whole before")
            return nil
        }
        for _ in 0..<Self.flipsMax {
            guard let flip = BitFlip.any(in: bolt.state, &numbers) else { return nil }
            try flip.perform()
            switch DiskCopy.look(at: bolt, of: mesh) {
            case .broken(let finding): return "\(flip): \(finding)"
            // Like the end of a log that was torn: the disk is whole and shorter, which is another matter.
            case .whole(let after): note("  \(flip): harmless\(after == tip ? "" : ", but for the end of its log")")
            }
            try flip.perform()
        }
        return nil
    }

    /// Flips bits beneath a running bolt. What it holds in memory hides them from it, and what it writes may heal them:
    /// where it says nothing it is killed, and says what is wrong when it starts.
    private func strikeRunning(_ bolt: ChaosBolt, since place: Int) async throws -> String? {
        for _ in 0..<Self.flipsMax {
            guard let flip = BitFlip.any(in: bolt.state, &numbers, onlyDatabase: true) else { return nil }
            note("  \(flip)")
            try flip.perform()
        }
        let found = try await word(of: bolt, since: place, seconds: Self.noticeSeconds)
        if let found { note("  said while it runs: \(found)") }
        try await mesh.killAndCollect(bolt)
        guard case .broken(let finding) = DiskCopy.look(at: bolt, of: mesh) else {
            if found != nil { fail("\(bolt.name) says that its disk is damaged, and it is whole") }
            return nil
        }
        return finding
    }

    /// `fenced`, or why its process does not start; nil where it says nothing in time.
    private func word(of bolt: ChaosBolt, since place: Int, seconds: Double) async throws -> String? {
        try await Waiting.until(seconds: seconds, every: .milliseconds(250)) {
            if await bolt.role() == 530 { return "fenced" }
            guard bolt.pid == nil else { return nil }
            let log = bolt.logged(since: place)
            return ["store_foreign", "store_newer_schema"].first { log.contains($0) }.map { "ends with \($0)" }
        }
    }

    /// An operator sees it.
    private func expectAlarm(of bolt: ChaosBolt) async throws {
        let told: Bool? = try await Waiting.until(seconds: 15, every: .milliseconds(500)) {
            let output = try await mesh.control(["status", "--request-timeout", "3"], seconds: 15)
            let alarms = JSON(output.text)["alarms"].list
            return alarms.contains { alarm in
                alarm["code"].text == "bolt_fenced" && alarm["text"].text?.contains(bolt.name) == true
            } ? true : nil
        }
        if told != true { fail("status does not tell that \(bolt.name) is fenced") }
    }

    // MARK: Emptied disks

    /// P4: a disk that forgot what it promised takes no part under its old name, whatever happens to the others.
    func empty(_ partition: Int, isWhole: Bool) async throws -> String? {
        guard let primary = try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds),
            let bolt = mesh.members(partition).first(where: { $0.number != primary.number })
        else { return "not all are in sync" }
        note("  \(bolt.name)")
        try await mesh.killAndCollect(bolt)
        for name in try FileManager.default.contentsOfDirectory(atPath: bolt.state)
        where isWhole || name.hasPrefix("partition") {
            try FileManager.default.removeItem(atPath: "\(bolt.state)/\(name)")
        }
        await mesh.letGo(bolt)
        let back: Int? = try await Waiting.until(seconds: 20) { await bolt.role() }
        if back == nil { fail("\(bolt.name) does not start with an emptied disk") }
        note("  \(primary.name) is killed")
        await mesh.killAndHold(primary)
        let isPromoted = try await tryToPromote(bolt)
        await mesh.letGo(primary)
        // Beside it all may be in sync, and it may not.
        let left: Int? = try await Waiting.until(seconds: 30) {
            guard let reigning = await mesh.primary(partition), let count = await reigning.countsInSync() else {
                return nil
            }
            return count == mesh.members(partition).count - 1 ? count : nil
        }
        let count = await mesh.primary(partition)?.countsInSync()
        if left == nil, count != mesh.members(partition).count {
            fail("\(mesh.partitions[partition]) does not go on beside an emptied disk: \(count ?? 0) in sync")
        }
        returns.append(
            EmptyReturn(
                bolt: bolt.name, isCounted: left == nil && count == mesh.members(partition).count,
                isPromoted: isPromoted))
        try await replace(bolt)
        return nil
    }

    private func tryToPromote(_ bolt: ChaosBolt) async throws -> Bool {
        let partition = mesh.partitions[bolt.partition]
        for _ in 0..<3 {
            try await Task.sleep(for: .seconds(1))
            let output = try await mesh.control(
                ["partition", "promote", partition, "--check", "--to", bolt.name, "--bolt", bolt.address]
                    + ["--request-timeout", "3"], seconds: 20)
            if output.code == 0 { return true }
            note("  \(Self.short(output))")
        }
        return false
    }

    // MARK: The way back

    /// The runbook "a standby is gone for good": the bolt is taken out, and its machine joins anew, with new keys, an
    /// empty disk and the old name.
    func replace(_ bolt: ChaosBolt) async throws {
        try await mesh.killAndCollect(bolt)
        var last = "nobody reigns"
        let removed: ChaosBolt? = try await Waiting.until(seconds: 60, every: .milliseconds(500)) {
            guard let primary = await mesh.primary(bolt.partition) else { return nil }
            let output = try await mesh.control(
                ["bolt", "remove", bolt.name, "--dead", "--yes", "--reason", "chaos", "--bolt", primary.address]
                    + ["--request-timeout", "3"], seconds: 20)
            last = "exit \(output.code) \(Self.short(output))"
            return output.code == 0 || output.code == 5 ? primary : nil
        }
        guard let removed else {
            await mesh.letGo(bolt)
            return fail("\(bolt.name) can't be removed: \(last)")
        }
        note("  \(bolt.name) is removed")
        for path in [bolt.identity, bolt.state] { try? FileManager.default.removeItem(atPath: path) }
        let (request, invitation) = (bolt.directory + "/again.csr", bolt.directory + "/again.json")
        for path in [request, invitation] { unlink(path) }
        let own = String(bolt.name.prefix { $0 != "." })
        let steps = [
            ["bolt", "join", "--dir", bolt.identity, "--request", request],
            [
                "bolt", "invite", "--authority", mesh.directory + "/mesh/authority", "--request", request, "--name",
                own, "--partition", mesh.partitions[bolt.partition], "--address", bolt.address, "--out", invitation,
                "--yes", "--reason", "chaos", "--bolt", removed.address,
            ],
            ["bolt", "join", "--dir", bolt.identity, "--invitation", invitation],
        ]
        for step in steps {
            let output = try await mesh.control(step, seconds: 60)
            guard output.code == 0 || output.code == 5 else {
                return fail("boltctl \(step.prefix(2).joined(separator: " ")): \(output.code) \(Self.short(output))")
            }
        }
        await mesh.letGo(bolt)
        let from = RunClock.now
        guard try await mesh.wholePrimary(bolt.partition, seconds: 90) != nil else {
            return fail("\(bolt.name) is not in sync again with an empty disk")
        }
        note("  \(bolt.name) is in sync again after \((RunClock.now - from) / 1_000_000) ms")
    }
}
