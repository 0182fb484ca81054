import ArgumentParser
import BoltAPI
import Foundation
import Spanner

/// `boltctl mesh down`
struct MeshDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "End the bolts that `mesh up` started below a directory.",
        discussion: """
            Ends only processes that `mesh up` started, whose arguments name a configuration below --dir; says which \
            bolts run on that were started by hand. Nothing on disk is removed.

            EXAMPLES
              boltctl mesh down --dir /tmp/mesh
            """)

    @Option(name: .long, help: "Directory of the mesh.")
    var dir: String
    @Option(name: .long, help: "Seconds that each bolt has to drain.")
    var timeout: Double = 20
    @Flag(name: .customLong("dry-run"), help: "Say which processes would be ended.")
    var dryRun = false
    @OptionGroup var output: OutputOptions

    /// One bolt in the answer.
    struct Line: Encodable {
        let bolt: String
        let pid: Int32?
        /// `ended`, `not_running`, `left_running`, `to_end`, `still_running`.
        let action: String
    }

    func run() async throws {
        let bolts = try Self.bolts(in: LocalMesh.absolute(dir))
        var lines: [Line] = []
        let running = bolts.map { ($0, $0.runningPID) }
        if !dryRun { for (_, pid) in running { if let pid { kill(pid, SIGTERM) } } }
        for (bolt, pid) in running {
            guard let pid else {
                if !dryRun { bolt.forgetEnded() }
                let stranger = bolt.strangerPID
                let action = stranger == nil ? "not_running" : "left_running"
                lines.append(Line(bolt: bolt.fullName, pid: stranger, action: action))
                continue
            }
            let ended = dryRun ? nil : try await bolt.stop(seconds: timeout)
            let action = ended.map { $0 ? "ended" : "still_running" } ?? "to_end"
            lines.append(Line(bolt: bolt.fullName, pid: pid, action: action))
        }
        var table = TextTable("BOLT", "PID", "ACTION")
        for line in lines { table.row(line.bolt, line.pid.map { "\($0)" }, line.action) }
        try output.emit(["bolts": lines], table: table.text)
        for line in lines where line.action == "left_running" {
            Console.warn("\(line.bolt) runs on as \(line.pid ?? 0): it was not started by mesh up; end it by hand")
        }
        guard !lines.contains(where: { $0.action == "still_running" }) else {
            throw CommandFailure(
                "still_running", "not every bolt ended in time", next: "wait and run the same again, or read its log",
                changed: true)
        }
    }

    /// The bolts that stand below a mesh's directory, whatever the topology says now.
    static func bolts(in directory: String) throws -> [LocalBolt] {
        let folder = "\(directory)/bolts"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw CommandFailure("no_mesh", "there is no mesh in \(directory)", next: "check --dir", status: .usage)
        }
        return names.sorted().compactMap { name in
            let bolt = LocalBolt(folder: "\(folder)/\(name)")
            if bolt == nil { Console.warn("\(folder)/\(name) has no bolt.yaml that names a bolt; it is left alone") }
            return bolt
        }
    }
}
