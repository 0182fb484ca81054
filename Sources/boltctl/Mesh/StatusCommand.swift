import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The mesh on one screen.",
        discussion: """
            EXAMPLES
              boltctl status
              boltctl status --bolt 10.0.0.1:7440 -o json
            """)

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let session = try connection.session()
        let status: StatusResponse = try await session.client.call(.status)
        try connection.output.emit(status, table: Self.screen(status))
    }

    static func screen(_ status: StatusResponse) -> String {
        let fresh = status.freshness
        var lines = [
            "mesh             \(status.mesh.name) (\(status.mesh.id.bytes.shortHex)), as \(status.bolt) sees it",
            "verdict          \(status.verdict.rawValue)",
            "fault tolerance  \(status.faultTolerance) more bolt\(status.faultTolerance == 1 ? "" : "s") may die",
            "roster           \(status.roster.digest.shortHex) at \(status.roster.boltsAtDigest) of "
                + "\(status.roster.boltsTotal) bolts; \(status.roster.events) events, \(status.roster.envoys) envoys, "
                + "\(status.roster.bans) banned keys, \(status.roster.conflicts) contested names",
            "heard            \(fresh.boltsHeard) of \(fresh.boltsTotal) bolts", "",
        ]
        var partitions = TextTable("PARTITION", "BOLTS", "REACHABLE", "PRIMARY", "ENVOYS")
        for partition in status.partitions {
            partitions.row(
                partition.name.text, "\(partition.bolts.count)", "\(partition.reachable)", partition.primary,
                "\(partition.envoys)")
        }
        lines += [partitions.text, "", BoltTable.text(status.bolts)]
        if !status.alarms.isEmpty { lines.append("") }
        for alarm in status.alarms {
            lines.append("\(alarm.severity.rawValue): \(alarm.text)")
            lines.append("  next: \(alarm.next)")
        }
        return lines.joined(separator: "\n")
    }
}

/// Bolts as a table.
enum BoltTable {
    static func text(_ bolts: [BoltView]) -> String {
        var table = TextTable("BOLT", "ADDRESS", "ZONE", "STANDING", "REACH", "DIGEST", "LAG", "HEARD", "NOTE")
        for bolt in bolts {
            table.row(
                bolt.fullName, bolt.address, bolt.zone, bolt.standing.rawValue, bolt.reach.rawValue,
                bolt.digest?.shortHex, bolt.lagEvents.map { "\($0) events" },
                bolt.lastHeardSeconds.map { "\(Int($0.rounded())) s ago" }, bolt.reason)
        }
        return table.text
    }
}
