import ArgumentParser
import BoltAPI

/// The agent's program.
struct BoltEnvoy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt-envoy",
        abstract: "The agent of a Bolt mesh: enrols this machine, applies its policy, keeps results until safe.",
        discussion: """
            EXAMPLES
              bolt-envoy enroll --token "$TOKEN"
              bolt-envoy run --once --dry-run
              bolt-envoy run --interval 30
              bolt-envoy status -o json

            Exit codes: 0 done, 1 error, 2 a dry run found something to change, 3 waiting for an operator's approval, \
            64 usage, 69 nothing reachable, 77 not permitted.
            """,
        version: "bolt-envoy \(BoltVersion.text)",
        subcommands: [Enroll.self, Rekey.self, Run.self, Status.self, Results.self, Traits.self, Simulate.self])
}

/// Where the agent's state is; shared by its commands.
struct StateOptions: ParsableArguments {
    @Option(name: .customLong("state"), help: "Folder of keys, certificates and queue.")
    var state = "/var/lib/bolt-envoy"

    func validate() throws {
        guard !state.isEmpty else { throw ValidationError("--state is empty: give the folder of the agent's state") }
    }
}
