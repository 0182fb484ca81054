import Foundation
import LoopbackKit

/// How long an empty standby takes until it is in sync with a large primary, beside a plain copy of the same database
/// on the same disk, and what writers notice of it.
struct SnapshotFigures {
    let settings: BenchSettings
    private let writers = 16
    /// Writes a second that the writers offer.
    private let rate = 1000.0

    func measure(_ report: inout Report) throws {
        // The standby is made when the database has its size: one that lost its disk would have to be removed first.
        let mesh = try RealMesh(
            bolts: 1, each: 2, absent: 1, set: ["partition.records_kept=100"], settings: settings)
        let (primary, standby) = (try mesh.waitForSync(1), 1)
        let database = mesh.members[primary].database
        try fill(mesh, primary, database, &report)
        let size = bytes(of: database)
        report.value("database of the primary", size / 1_048_576, "MiB")
        var copies = try Series.seconds(3) { _ in try copy(database, to: mesh.scratch.file("copy")) }

        let fleet = try LoadFleet(LoadFleet.envoys(writers, of: mesh, first: primary))
        _ = try fleet.run(rate: rate, seconds: 1)
        let calm = try fleet.run(rate: rate, seconds: 4)
        try fleet.start(rate: rate)
        try mesh.join()
        let ops = mesh.members[standby].ops
        guard RealMesh.wait(seconds: 60, { PlainHTTP.get(ops, "/livez")?.status == 200 }) else {
            throw BenchFailure("the standby does not answer")
        }
        let begun = LoadFleet.now
        guard RealMesh.wait(seconds: 300, { PlainHTTP.get(ops, "/v1/health")?.status == 429 }) else {
            _ = try fleet.stop()
            report.note("MISSED: the standby is not in sync after 300 s")
            return
        }
        let ended = LoadFleet.now
        let busy = try fleet.stop()
        copies.values += try Series.seconds(2) { _ in try copy(database, to: mesh.scratch.file("copy")) }.values

        report.times("control: cp and fsync of it", copies)
        let whole = Double(ended - begun) / 1e9
        report.value("empty standby, from when it listens until in sync", whole, "s")
        report.value("  ratio", whole / copies.median, "× copy", aim: .atMost(3, "3"))
        report.value("writers before, of \(Int(rate)) a second offered", calm.rate, "writes a second")
        report.value("writers meanwhile", busy.rate, "writes a second")
        report.value("  part of the rate that they keep", busy.rate / calm.rate, "", aim: .atLeast(0.85, "0.85"))
        report.times("  wait of a write before, quantile 0.99", Series(values: [calm.waits.quantile(0.99)]))
        report.times("  wait of a write meanwhile, quantile 0.99", Series(values: [busy.waits.quantile(0.99)]))
        calm.tell(&report)
        busy.tell(&report)
    }

    /// Large results until the database has its size.
    private func fill(_ mesh: RealMesh, _ primary: Int, _ database: String, _ report: inout Report) throws {
        let size = CheckInExchange.Size(results: 4, bytes: 64 * 1024)
        let fleet = try LoadFleet(LoadFleet.envoys(8, of: mesh, first: primary, size: size, prefix: "fill"))
        let wanted = Double(settings.snapshotMiB) * 1_048_576
        let deadline = ContinuousClock.now + .seconds(600)
        try fleet.start()
        while bytes(of: database) < wanted, ContinuousClock.now < deadline { usleep(50_000) }
        try fleet.stop().tell(&report)
    }

    private func bytes(of path: String) -> Double {
        var status = stat()
        return stat(path, &status) == 0 ? Double(status.st_size) : 0
    }

    private func copy(_ from: String, to: String) throws {
        guard let cp = Program.find("cp") else { throw BenchFailure("there is no cp") }
        unlink(to)
        _ = try Program.output(cp, ["--reflink=never", from, to])
        let descriptor = open(to, O_RDONLY)
        guard descriptor >= 0 else { throw BenchFailure("the copy is not there") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw BenchFailure("the copy can't be flushed") }
        unlink(to)
    }
}
