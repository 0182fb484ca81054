import ChaosKit
import Foundation

/// Leases instead of operators, and their engine.
extension Nemesis {
    /// Until all disks of a partition are in sync: only then is there somebody who may take over.
    private static var wholeSeconds: Double { 30 }
    /// The lease has to run out, and whoever takes it has to be promised the next epoch.
    private static var takeOverSeconds: Double { 25 }

    /// Acceptance 2: the primary is killed, and no operator does anything.
    func takeOver(_ partition: Int, _ down: Double) async throws -> String? {
        guard let old = try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds) else {
            return "not all are in sync"
        }
        note("  \(old.name) is killed")
        let (from, begun) = (RunClock.now, ContinuousClock.now)
        await mesh.killAndHold(old)
        try await awaitSuccessor(of: old, from: from)
        try await Task.sleep(until: max(begun + .seconds(down), ContinuousClock.now))
        await mesh.letGo(old)
        return nil
    }

    /// Acceptance 2: the primary stands still until its lease is another's, and wakes up.
    func takeOverPaused(_ partition: Int, _ seconds: Double) async throws -> String? {
        guard let old = try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds) else {
            return "not all are in sync"
        }
        note("  \(old.name) is stopped")
        let (from, begun) = (RunClock.now, ContinuousClock.now)
        old.signal(SIGSTOP)
        defer { old.signal(SIGCONT) }
        try await awaitSuccessor(of: old, from: from)
        try await Task.sleep(until: max(begun + .seconds(seconds), ContinuousClock.now))
        return nil
    }

    private func awaitSuccessor(of old: ChaosBolt, from: UInt64) async throws {
        let others = mesh.members(old.partition).filter { $0.number != old.number }
        let successor: ChaosBolt? = try await Waiting.until(seconds: Self.takeOverSeconds) {
            for bolt in others where await bolt.role() == 200 { return bolt }
            return nil
        }
        guard let successor else {
            return fail("nobody took over from \(old.name) within \(Self.takeOverSeconds) s")
        }
        record("takeover", old.partition, from: from)
        note("  \(successor.name) took over")
    }

    /// Q9: without the engine nobody is promoted, and every primary goes on.
    func loseEngine(_ trouble: EngineTrouble, _ seconds: Double) async throws -> String? {
        guard let etcd = mesh.etcd else { return "there is no etcd" }
        for partition in mesh.partitions.indices
        where try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds) == nil {
            return "not all are in sync"
        }
        await take(etcd, away: trouble)
        let from = RunClock.now
        try await Task.sleep(for: .seconds(seconds))
        noteAbsence(from: from, calmBut: nil)
        try await bring(etcd, back: trouble)
        return nil
    }

    /// Q9: a primary that dies while the engine is away has no successor before it is back.
    func killWithoutEngine(_ partition: Int, _ seconds: Double) async throws -> String? {
        guard let etcd = mesh.etcd else { return "there is no etcd" }
        guard let old = try await mesh.wholePrimary(partition, seconds: Self.wholeSeconds) else {
            return "not all are in sync"
        }
        await take(etcd, away: .pause)
        let from = RunClock.now
        note("  \(old.name) is killed")
        await mesh.killAndHold(old)
        try await Task.sleep(for: .seconds(1))
        await mesh.letGo(old)
        try await Task.sleep(for: .seconds(max(0, seconds - 1)))
        noteAbsence(from: from, calmBut: partition)
        try await bring(etcd, back: .pause)
        let reigns: Bool? = try await Waiting.until(seconds: Self.takeOverSeconds) {
            await mesh.primary(partition) == nil ? nil : true
        }
        if reigns != true { fail("nobody reigns in \(mesh.partitions[partition]) once the engine is back") }
        return nil
    }

    private func noteAbsence(from: UInt64, calmBut struck: Int?) {
        let to = RunClock.now
        for (number, name) in mesh.partitions.enumerated() {
            absences.append(EngineAbsence(partition: name, from: from, to: to, isCalm: number != struck))
        }
    }

    private func take(_ etcd: EtcdServer, away trouble: EngineTrouble) async {
        switch trouble {
        case .stop: await etcd.end(SIGTERM)
        case .pause: await etcd.pause()
        case .kill, .rebuild: await etcd.end(SIGKILL)
        }
    }

    private func bring(_ etcd: EtcdServer, back trouble: EngineTrouble) async throws {
        if trouble == .rebuild { try await etcd.erase() }
        try await etcd.start()
        note("  the engine is back")
    }
}
