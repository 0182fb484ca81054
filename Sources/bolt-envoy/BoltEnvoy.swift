import ArgumentParser
import BoltAPI
import Logging

/// The agent's program.
@main
struct BoltEnvoy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bolt-envoy",
        abstract: "The agent of a Bolt mesh: enrols this machine, checks in, keeps results until they are safe.",
        discussion: """
            Examples:
              bolt-envoy enroll --token "$TOKEN"
              bolt-envoy run --once
              bolt-envoy run --interval 30
              bolt-envoy status -o json
            """,
        version: BoltVersion.text,
        subcommands: [Enroll.self, Rekey.self, Run.self, Status.self, Traits.self, Simulate.self])
}

/// Where the agent's state is; shared by its commands.
struct StateOptions: ParsableArguments {
    @Option(name: .customLong("state"), help: "Folder of keys, certificates and queue.")
    var state = "/var/lib/bolt-envoy"
}

/// How output is written; data goes to standard output, everything else to standard error.
struct OutputOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(name: [.customShort("o"), .customLong("output")], help: "text or json.")
    var format = Format.text
}

extension Logger {
    /// To standard error, in logfmt.
    static func agent(verbose: Bool) -> Logger {
        var logger = Logger(label: "bolt-envoy") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = verbose ? .debug : .info
        return logger
    }
}
