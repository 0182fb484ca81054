import ChaosKit
import Foundation

/// Signals, splits, disks, clocks.
extension Nemesis {
    func killed(_ target: NemesisTarget, _ down: Double) async throws -> String? {
        let bolt = await bolt(target)
        note("  \(bolt.name)")
        let from = RunClock.now
        await mesh.killAndHold(bolt)
        try await Task.sleep(for: .seconds(down))
        await mesh.letGo(bolt)
        record("kill", bolt.partition, from: from)
        return nil
    }

    /// The process of all agents dies, in the middle of whatever it does, and goes on from their disks.
    func agentsKilled(_ down: Double) async throws -> String? {
        guard let agents else { return "there are no agents" }
        let life = await agents.killAndHold()
        try await Task.sleep(for: .seconds(down))
        await agents.letGo()
        note("  life \(life)")
        return life > 0 ? nil : "they do not run"
    }

    func powerCut(_ down: Double) async throws -> String? {
        let from = RunClock.now
        for bolt in mesh.bolts { await mesh.killAndHold(bolt) }
        try await Task.sleep(for: .seconds(down))
        for bolt in mesh.bolts { await mesh.letGo(bolt) }
        for partition in mesh.partitions.indices { record("power cut", partition, from: from) }
        return nil
    }

    func killedAt(_ target: NemesisTarget, _ point: String, _ count: Int) async throws -> String? {
        let bolt = await bolt(target)
        guard let before = bolt.pid else { return "\(bolt.name) does not run" }
        note("  \(bolt.name)")
        try "\(point) \(count)".write(toFile: bolt.faultFile, atomically: true, encoding: .utf8)
        let struck: Bool? = try await Waiting.until(seconds: 3, every: .milliseconds(20)) {
            bolt.pid == before ? nil : true
        }
        guard struck == true else {
            unlink(bolt.faultFile)
            return "\(bolt.name) did not come to \(point) \(count) times"
        }
        return nil
    }

    /// The bolt ends when it comes to that point next; whether it does is seen in its log only.
    func arm(_ target: NemesisTarget, _ point: String) async throws -> String? {
        let bolt = await bolt(target)
        note("  \(bolt.name)")
        try "\(point) 1".write(toFile: bolt.faultFile, atomically: true, encoding: .utf8)
        return nil
    }

    func paused(_ target: NemesisTarget, _ seconds: Double) async throws -> String? {
        let bolt = await bolt(target)
        guard bolt.pid != nil else { return "\(bolt.name) does not run" }
        note("  \(bolt.name)")
        let from = RunClock.now
        bolt.signal(SIGSTOP)
        defer { bolt.signal(SIGCONT) }
        try await Task.sleep(for: .seconds(seconds))
        record("pause", bolt.partition, from: from)
        return nil
    }

    func isolated(_ target: NemesisTarget, _ seconds: Double) async throws -> String? {
        let bolt = await bolt(target)
        note("  \(bolt.name)")
        let from = RunClock.now
        try await mesh.network.isolate(bolt.number)
        try await Task.sleep(for: .seconds(seconds))
        await mesh.network.heal()
        record("isolate", bolt.partition, from: from)
        return nil
    }

    func filled(_ target: NemesisTarget, _ seconds: Double) async throws -> String? {
        let bolt = await bolt(target)
        guard mesh.disks.indices.contains(bolt.number) else { return "its disk is not a small one" }
        note("  \(bolt.name)")
        let from = RunClock.now
        let disk = mesh.disks[bolt.number]
        disk.fill()
        defer { disk.makeRoom() }
        let deadline = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < deadline {
            // What the bolt frees by a checkpoint is taken too.
            try await Task.sleep(for: .milliseconds(200))
            disk.fill()
        }
        record("full disk", bolt.partition, from: from)
        return nil
    }

    /// D2: a bolt whose flush failed ends by itself, and never acknowledges on what it had open.
    func flushFailed(_ target: NemesisTarget, _ nth: Int) async throws -> String? {
        let bolt = await bolt(target)
        guard let pid = bolt.pid else { return "\(bolt.name) does not run" }
        note("  \(bolt.name)")
        let tracer = try Program.start(
            ["strace", "-f", "-qq", "-p", "\(pid)", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-e"]
                + ["inject=fsync,fdatasync:error=EIO:when=\(nth)", "-o", bolt.directory + "/strace"],
            output: bolt.directory + "/strace.out")
        let ended: Bool? = try? await Waiting.until(seconds: 6, every: .milliseconds(20)) {
            bolt.pid == pid ? nil : true
        }
        kill(tracer, SIGTERM)
        _ = try? await Waiting.until(seconds: 3, every: .milliseconds(20)) { Program.isGone(tracer) ? true : nil }
        let trace = (try? String(contentsOfFile: bolt.directory + "/strace", encoding: .utf8)) ?? ""
        let injected = trace.contains("(INJECTED)")
        if injected, ended != true {
            // It may have been on its way out.
            let late: Bool? = try await Waiting.until(seconds: 10) { bolt.pid == pid ? nil : true }
            if late != true { fail("\(bolt.name) goes on after a failed flush") }
        }
        return injected ? nil : "no flush came in time"
    }

    func clock(_ hours: Int) throws -> String? {
        try mesh.setClock(hours: hours)
        return nil
    }
}
