import Foundation

/// How long a planned change of primary holds up 64 writers, half of which speak to the standby at any time.
struct SwitchoverFigures {
    let settings: BenchSettings
    private let writers = 64
    private let rounds = 24
    /// Silence between two acknowledgements without a switchover, over as long a stretch.
    private let stretch = 2.0

    func measure(_ report: inout Report) throws {
        let mesh = try RealMesh(bolts: 1, each: 2, settings: settings)
        var primary = try mesh.waitForSync(2)
        let fleet = try LoadFleet(LoadFleet.envoys(writers, of: mesh, first: primary, allToFirst: false))
        _ = try fleet.run(seconds: 1)
        let calm = try fleet.run(seconds: stretch)
        let control = calm.longestSilence(from: calm.begun, to: calm.ended)
        report.value("control: rate without a switchover", calm.rate, "writes a second")
        report.value("  longest silence of it", control * 1000, "ms")

        var stretches: [(from: UInt64, to: UInt64)] = []
        var command = Series()
        try fleet.start()
        for _ in 0..<rounds {
            usleep(300_000)
            let from = LoadFleet.now
            let target = mesh.members[1 - primary].name
            _ = try mesh.control(
                ["partition", "switchover", "p0", "--to", target, "--yes", "--reason", "bench", "--bolt"]
                    + [mesh.members[primary].address])
            stretches.append((from, LoadFleet.now))
            command.values.append(Double(LoadFleet.now - from) / 1e9)
            primary = try mesh.waitForSync(2)
        }
        let outcome = try fleet.stop()
        let pauses = Series(values: stretches.map { outcome.longestSilence(from: $0.from, to: $0.to) })
        let waits = Series(values: stretches.flatMap { outcome.longestWaits(from: $0.from, to: $0.to) })
        report.times("boltctl partition switchover, whole", command)
        report.times("pause: no writer is answered", pauses)
        report.value(
            "  quantile 0.99 of \(rounds) switchovers", pauses.quantile(0.99) * 1000, "ms", aim: .atMost(60, "60"))
        report.times("longest wait of each writer", waits)
        report.value("  quantile 0.99", waits.quantile(0.99) * 1000, "ms")
        report.value(
            "writes that were not answered, or not well", Double(outcome.failures + outcome.put), "",
            aim: .atMost(0, "0"))
        outcome.tell(&report)
    }
}
