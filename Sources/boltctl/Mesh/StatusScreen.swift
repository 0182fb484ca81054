import BoltAPI
import CRDT
import Spanner

/// The mesh on one screen, for people.
struct StatusScreen {
    let status: StatusResponse

    /// All of it.
    var text: String {
        var lines = [head, ""] + [partitions]
        lines += explanations
        if !status.tasks.isEmpty { lines.append("") }
        for task in status.tasks { lines.append("task \(task.id): \(TaskText.line(task))") }
        lines += ["", BoltTable.text(status.bolts)]
        if !status.alarms.isEmpty { lines.append("") }
        for alarm in status.alarms {
            lines.append("\(alarm.severity.rawValue): \(alarm.text)")
            lines.append("  next: \(alarm.next)")
        }
        return lines.joined(separator: "\n")
    }

    private var head: String {
        let (roster, fresh) = (status.roster, status.freshness)
        var fields = TextFields([
            ("mesh", "\(status.mesh.name) (\(status.mesh.id.bytes.shortHex)), as \(status.bolt) sees it"),
            ("verdict", verdict),
        ])
        if status.faultTolerance > 0 {
            fields.add("fault tolerance", "\(Plural.text(status.faultTolerance, "more bolt")) may die")
        }
        let counts = [
            Plural.text(roster.events, "event"), Plural.text(roster.envoys, "envoy"),
            Plural.text(roster.bans, "banned key"), Plural.text(roster.conflicts, "contested name"),
        ]
        fields.add(
            "roster",
            "\(roster.digest.shortHex) at \(roster.boltsAtDigest) of \(Plural.text(roster.boltsTotal, "bolt")); "
                + counts.joined(separator: ", "))
        fields.add("heard", "\(fresh.boltsHeard) of \(Plural.text(fresh.boltsTotal, "bolt"))")
        return fields.text
    }

    /// The word, and what no reader should have to find out alone: that the next failure is not survived.
    var verdict: String {
        let weakness = weakness
        switch status.verdict {
        case .healthy: return weakness.map { "running; \($0)" } ?? "healthy"
        case .degraded, .broken: return status.verdict.rawValue + (weakness.map { "; \($0)" } ?? "")
        }
    }

    /// Why no bolt more may die; nil where one may.
    private var weakness: String? {
        guard status.faultTolerance == 0 else { return nil }
        let dark = status.partitions.filter { $0.reachable == 0 }.map(\.name.text)
        if !dark.isEmpty { return "no fault tolerance: no bolt of \(dark.joined(separator: ", ")) can be reached" }
        if status.partitions.allSatisfy({ $0.bolts.count <= 1 }) {
            return "no fault tolerance: every partition has one bolt"
        }
        let reasons = status.partitions.filter { $0.faultTolerance == 0 }.map { partition in
            if partition.bolts.count == 1 { return "\(partition.name) has one bolt" }
            if partition.primary == nil { return "\(partition.name) has no primary" }
            if partition.inSync < 2 { return "no standby of \(partition.name) is in sync" }
            let sealed = partition.sealedBolts
            if !sealed.isEmpty { return Plural.are(sealed, "sealed") }
            return "a bolt of \(partition.name) is missing already, and a promotion takes all but one"
        }
        return reasons.isEmpty ? "no fault tolerance" : "no fault tolerance: \(reasons.joined(separator: ", "))"
    }

    private var partitions: String { PartitionTable.text(status.partitions) }

    /// What a `-` under PRIMARY means.
    private var explanations: [String] {
        status.partitions.filter { $0.primary == nil }.map { partition in
            let sealed = partition.sealedBolts
            if !sealed.isEmpty { return "\(partition.name) has no primary: \(Plural.are(sealed, "sealed"))" }
            if partition.reachable == 0 { return "\(partition.name) has no primary: none of its bolts can be reached" }
            return partition.epoch == nil
                ? "\(partition.name) has no primary: it was not founded yet"
                : "\(partition.name) has no primary: none of the bolts that can be reached reigns"
        }
    }
}
