/// What envoys notice of slices that move: how long nobody serves a slice, and how long check-ins take meanwhile beside
/// before.
struct HandoffFigures {
    let settings: BenchSettings
    private let writers = 64
    /// Check-ins a second that the writers offer.
    private let rate = 400.0
    private let rounds = 4
    /// Seconds of check-ins before each move.
    private let calmSeconds = 3.0
    private let rows = (envoys: 256, each: 100, times: 4, bytes: 200)

    func measure(_ report: inout Report) throws {
        let slices = try SliceMesh(settings: settings)
        let records = try slices.fill(
            envoys: rows.envoys, each: rows.each, times: rows.times, bytes: rows.bytes, &report)
        let mesh = slices.mesh
        // Spread over all four bolts: whoever owns a slice, most check-ins come to it from another bolt.
        let fleet = try LoadFleet(LoadFleet.envoys(writers, of: mesh, first: 0, allToFirst: false))
        _ = try fleet.run(rate: rate, seconds: 2)

        let before = try pauses(mesh)
        var (calm, busy, moves): (Series, Series, [SliceMesh.Move]) = (Series(), Series(), [])
        var outcomes: [LoadOutcome] = []
        for _ in 0..<rounds {
            let quiet = try fleet.run(rate: rate, seconds: calmSeconds)
            calm.values += quiet.waits.values
            try fleet.start(rate: rate)
            // Whatever becomes of the move, the writers are to come to rest.
            let move = Result { try slices.move([]) }
            let outcome = try fleet.stop()
            let moved = try move.get()
            busy.values += outcome.waits(from: moved.span.from, to: moved.span.to).values
            moves.append(moved)
            outcomes += [quiet, outcome]
        }
        let sealed = try pauses(mesh).since(before)

        report.note("\(rounds) times \(RealMesh.slices) slices with \(records) results, 16 at once, there and back")
        report.times("all slices moved, check-ins going on", Series(values: moves.map(\.seconds)))
        report.value("seals until the new owner serves: slices counted", sealed.total, "")
        report.value("  quantile 0.5, at most", sealed.quantile(0.5) * 1000, "ms")
        report.value("  quantile 0.99, at most", sealed.quantile(0.99) * 1000, "ms", aim: .atMost(50, "50"))
        tell("control: check-ins before", calm, &report)
        tell("check-ins while slices move", busy, &report)
        report.value(
            "  ratio of quantiles 0.99", busy.quantile(0.99) / calm.quantile(0.99), "× before", aim: .atMost(2, "2"))
        report.value(
            "check-ins that were not answered, or not well",
            Double(outcomes.reduce(0) { $0 + $1.failures + $1.put }), "", aim: .atMost(0, "0"))
        for outcome in outcomes { outcome.tell(&report) }
        try slices.check(&report)
    }

    private func tell(_ name: String, _ waits: Series, _ report: inout Report) {
        report.times(name, waits)
        report.value("  quantile 0.99", waits.quantile(0.99) * 1000, "ms")
    }

    private func pauses(_ mesh: RealMesh) throws -> CountedTimes {
        CountedTimes("bolt_slice_pause_seconds", in: try mesh.members.indices.map(mesh.metrics))
    }
}
