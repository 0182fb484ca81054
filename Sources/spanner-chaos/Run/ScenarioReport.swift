import ChaosKit
import Foundation

/// What one scenario came to.
struct ScenarioReport: Sendable {
    var title = ""
    var actions: [String: Int] = [:]
    var skipped: [String: Int] = [:]
    var answered = 0
    var failed: [String: Int] = [:]
    var results: UInt64 = 0
    /// Whole agents, what they made, and in how many lives of their process.
    var agents = 0
    var agentResults: UInt64 = 0
    var agentLives = 0
    var restarts = 0
    /// Seconds without an answer, by what happened.
    var pauses: [String: [Double]] = [:]
    /// What is missing at the end, and commands that failed.
    var complaints: [String] = []
    var violations: [Violation] = []
    var evidence = ""

    private static let shownMax = 12

    var isClean: Bool { violations.isEmpty && complaints.isEmpty }

    /// Counts calls, and the pauses around what happened.
    mutating func count(_ writers: [WriterHistory], _ events: [Nemesis.Event]) {
        for call in writers.flatMap(\.calls) {
            switch call.outcome {
            case .answered: answered += 1
            case .refused(let code): failed["refused \(code)", default: 0] += 1
            case .unknown(let code): failed["unknown \(code)", default: 0] += 1
            }
        }
        results = writers.reduce(0) { $0 + UInt64($1.bodies.count) }
        let all = Pauses(writers)
        for event in events {
            guard let pause = all.longest(event.partition, from: event.from, to: event.to) else { continue }
            pauses[event.kind, default: []].append(Double(pause) / 1e9)
        }
    }

    /// Counts what agents made.
    mutating func count(_ histories: [AgentHistory]) {
        agents = histories.count
        agentResults = histories.reduce(0) { $0 + $1.made }
        agentLives = histories.flatMap { $0.told.map(\.life) }.max() ?? 0
    }

    /// For people.
    var text: String {
        func list(_ counts: [String: Int]) -> String {
            counts.isEmpty
                ? "none" : counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        }
        var lines = [title, "  done: \(list(actions))"]
        if !skipped.isEmpty { lines.append("  could not be done: \(list(skipped))") }
        lines.append("  \(results) results; calls answered \(answered), not answered: \(list(failed))")
        if agents > 0 {
            lines.append("  \(agents) agents made \(agentResults) results in \(agentLives) lives of their process")
        }
        lines.append("  bolts started again: \(restarts)")
        for (kind, seconds) in pauses.sorted(by: { $0.key < $1.key }) {
            let sorted = seconds.map { UInt64($0 * 1e6) }
            let (half, most) = (Pauses.quantile(0.5, of: sorted) ?? 0, Pauses.quantile(0.99, of: sorted) ?? 0)
            lines.append(
                String(
                    format: "  without an answer at a %@ (%d): p50 %.3f s, p99 %.3f s", kind, seconds.count,
                    Double(half) / 1e6, Double(most) / 1e6))
        }
        lines += complaints.prefix(Self.shownMax).map { "  COMPLAINT \($0)" }
        lines += violations.prefix(Self.shownMax).map { "  VIOLATION \($0)" }
        if violations.count > Self.shownMax { lines.append("  and \(violations.count - Self.shownMax) more") }
        lines.append("  verdict: \(isClean ? "clean" : "NOT CLEAN, evidence in \(evidence)")")
        return lines.joined(separator: "\n")
    }
}
