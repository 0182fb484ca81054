import Foundation
import Testing

/// Envoys that report without a pause, in a process of their own, and all that they were told.
final class Fleet {
    /// One answer to one envoy.
    struct Delivery {
        let id: String
        let isPaired: Bool
        let through: UInt64
        /// Milliseconds since 1970, by this machine's clock.
        let at: UInt64
    }

    private let mesh: RealMesh
    private let token: String
    let count: Int
    private let name: String
    private var journal: String { mesh.file("\(name).journal") }
    private var offset: UInt64 = 0
    private var rest = Data()
    private var known: [Delivery] = []

    init(_ mesh: RealMesh, count: Int, name: String = "fleet") throws {
        (self.mesh, self.count, self.name) = (mesh, count, name)
        token = try mesh.token("--uses", "\(count)")
    }

    /// Starts them all, for so many reports each; SIGTERM ends them after the reports under way.
    func start(passes: Int = 1_000_000) throws -> Background {
        try Background(
            "bolt-envoy",
            ["simulate", "--count", "\(count)", "--token", token, "--passes", "\(passes)", "-o", "json"]
                + ["--concurrency", "\(count)", "--dir", mesh.file(name), "--journal", journal, "--prefix", name]
                + mesh.bolts.flatMap { ["--mesh", $0.address] }, environment: mesh.environment)
    }

    /// What was told so far, in order.
    func deliveries() -> [Delivery] {
        guard let file = FileHandle(forReadingAtPath: journal) else { return known }
        defer { try? file.close() }
        try? file.seek(toOffset: offset)
        let fresh = (try? file.readToEnd()) ?? Data()
        offset += UInt64(fresh.count)
        rest.append(fresh)
        guard let end = rest.lastIndex(of: 0x0A) else { return known }
        for line in rest[..<end].split(separator: 0x0A) {
            guard let entry = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any],
                entry["event"] as? String == "delivered", let id = entry["id"] as? String,
                let through = (entry["stored_through"] as? NSNumber)?.uint64Value,
                let at = (entry["at_ms"] as? NSNumber)?.uint64Value
            else { continue }
            known.append(
                Delivery(id: id, isPaired: entry["level"] as? String == "paired", through: through, at: at))
        }
        rest = Data(rest[rest.index(after: end)...])
        return known
    }

    var delivered: Int { deliveries().count }

    /// The last place that each envoy was told to be stored; where `paired`, on two disks.
    func told(paired: Bool = false) -> [String: UInt64] {
        deliveries().filter { $0.isPaired || !paired }.reduce(into: [:]) { told, one in
            told[one.id] = max(told[one.id] ?? 0, one.through)
        }
    }

    /// Waits until so many more were answered.
    func waitForMore(
        _ more: Int, of process: Background? = nil, seconds: TimeInterval = 60,
        location: SourceLocation = #_sourceLocation
    ) throws {
        let before = delivered
        try waitUntil("\(more) more reports are stored", seconds: seconds, location: location) {
            if let process, !process.isRunning { throw TimedOut(description: "they ended: \(process.text)") }
            return self.delivered >= before + more
        }
    }

    /// Ends them after what is under way; gives what they report of themselves.
    func finish(_ process: Background, location: SourceLocation = #_sourceLocation) throws -> [String: Any] {
        process.signal(SIGTERM)
        let status = process.wait(seconds: 60)
        let text = process.text
        let start = try #require(text.firstIndex(of: "{"), "exit \(status): \(text)", sourceLocation: location)
        return try #require(
            (try? JSONSerialization.jsonObject(with: Data(text[start...].utf8))) as? [String: Any],
            "exit \(status): \(text)", sourceLocation: location)
    }

    /// The longest time in which nobody was answered and that touches the span: milliseconds.
    func longestPause(from start: UInt64, to end: UInt64) -> UInt64 {
        let all = deliveries().map(\.at).sorted()
        guard let last = all.firstIndex(where: { $0 >= end }) else { return end - min(start, end) }
        let first = all.lastIndex { $0 <= start } ?? all.startIndex
        return zip(all[first...last], all[first...last].dropFirst()).map { $1 - $0 }.max() ?? 0
    }

    /// Now, as the journal has it.
    static var now: UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }

    /// P1, P5: each result that an envoy was told of is held once and in order, with none left out.
    func expectAll(
        on disk: PartitionDisk, told: [String: UInt64]? = nil, location: SourceLocation = #_sourceLocation
    ) throws {
        for (id, through) in told ?? self.told() {
            let held = try disk.results(of: id)
            #expect(held.gaps.isEmpty, "envoy \(id): \(held.gaps)", sourceLocation: location)
            #expect(held.queues <= 1, "envoy \(id)", sourceLocation: location)
            #expect(
                held.sequences == Array(1...UInt64(max(held.sequences.count, 1))), "envoy \(id)",
                sourceLocation: location)
            #expect(
                UInt64(held.sequences.count) >= through, "envoy \(id): \(held.sequences.count) of \(through)",
                sourceLocation: location)
        }
    }
}
