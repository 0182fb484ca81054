import ArgumentParser
import BoltAPI
import Foundation

/// The operator's program.
struct BoltCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "boltctl", abstract: "Operate a mesh of bolts.",
        discussion: """
            EXAMPLES
              boltctl demo
              boltctl mesh up -f topology/local.yaml --dir /tmp/mesh
              boltctl status
              boltctl partition switchover north --reason "kernel update"
              boltctl topology apply topology/local.yaml --reason "the first"
              boltctl slice list
              boltctl envoy token create --uses 10 --expires 24h
              boltctl stack publish examples/stack --reason "the first"
              boltctl envoy ban web-7 --wait --reason "stolen"

            Exit codes: 0 done, 1 error, 2 there are differences, 3 still running, 4 refused by a safety rule, \
            5 done but redundancy is not restored, 64 usage, 69 nothing reachable, 77 not permitted.
            """,
        version: "boltctl \(BoltVersion.text)",
        subcommands: [
            DemoCommand.self, MeshCommand.self, StatusCommand.self, PartitionCommand.self, BoltCommand.self,
            EnvoyCommand.self, StackCommand.self, TopologyCommand.self, SliceCommand.self, RebalanceCommand.self,
            SecretCommand.self, SealCommand.self, RosterCommand.self, AuditCommand.self, ContextCommand.self,
        ])
}

/// Runs the command and turns every ending into an exit code.
@main enum Main {
    static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try BoltCtl.parseAsRoot(arguments)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let ending = Ending(error, arguments)
            if !ending.output.isEmpty { Console.out(ending.output) }
            if !ending.complaint.isEmpty { Console.note(ending.complaint) }
            Foundation.exit(ending.status)
        }
    }
}
