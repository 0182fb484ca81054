import SpannerTestKit

/// How long a change of the roster takes until it is durable at every one of ten local bolts, and what a bolt at rest
/// takes of memory.
struct PropagationFigures {
    let settings: BenchSettings
    private let bolts = 10

    func measure(_ report: inout Report) throws {
        let mesh = try RealMesh(bolts: bolts, settings: settings)
        let resident = Series(values: mesh.members.map { Program.memoryBytes($0.pid, "VmRSS") / 1_048_576 })
        report.value(
            "resident memory of an idle bolt, median of \(bolts)", resident.median, "MiB", aim: .atMost(45, "45 MiB"))
        let floor = try StoreFigures(settings: settings).flush(in: mesh.scratch)
        var (all, half) = (Series(), Series())
        var missing = 0
        var numbers = Seeded(6)
        for _ in 0..<settings.samples {
            let key = numbers.bytes(32).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            let answer = try mesh.control(["envoy", "ban", key, "--yes", "--wait"])
            let after = answer["receipt"]["bolts"].list.compactMap { $0["after_ms"].number }.sorted()
            guard after.count == bolts, let last = after.last else {
                missing += 1
                continue
            }
            all.values.append(last / 1000)
            half.values.append(after[bolts / 2] / 1000)
        }
        report.times("control: write and fdatasync, 100 B", floor)
        report.times("a ban durable at half of the bolts", half, control: ("flush", floor))
        report.times(
            "a ban durable at all \(bolts) bolts", all, control: ("flush", floor), aim: .atMost(0.010, "10 ms"))
        report.note(
            "  quantile 0.9: \(Int((all.quantile(0.9) * 1000).rounded())) ms; without a full receipt: \(missing)")
    }
}
