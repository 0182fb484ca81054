import ArgumentParser
import Convergence
import Envoy
import Identity
import Policy
import Spanner

/// Where and with what a policy is put in force; shared by commands.
struct WorkOptions: ParsableArguments {
    /// A machine's own handlers, then those that came with the agent.
    static let handlersDefault = [
        "/etc/bolt-envoy/handlers", "/usr/local/lib/bolt-envoy/handlers", "/usr/lib/bolt-envoy/handlers",
    ]

    @Option(help: "Put the policy in force below this folder instead of the whole machine.")
    var root = "/"
    @Option(
        help: """
            A folder of executables that apply what the agent itself does not know, such as package and service; \
            may be given several times, the first that has one counts.
            """)
    var handlers = WorkOptions.handlersDefault
    @Option(name: .customLong("traits"), help: "Folder of executables that print facts of this machine as JSON.")
    var traitsDirectory = TraitsDocument.directoryDefault

    func check() throws {
        guard !root.isEmpty else { throw ValidationError("--root names no folder") }
        for path in [traitsDirectory] + handlers where !path.hasPrefix("/") {
            throw ValidationError(
                "--handlers and --traits take absolute paths: “\(path)” is none; the agent may be started anywhere")
        }
    }

    /// The agent's work on a machine.
    func policy(
        of identity: EnvoyIdentity, _ profile: EnvoyDirectory.Profile, in directory: EnvoyDirectory, isDryRun: Bool
    ) throws -> PolicyWork {
        let options = ConvergenceOptions(
            root: EnvoyDirectory.absolute(root), stateDirectory: try directory.makeConvergencePath(),
            isDryRun: isDryRun, handlers: handlers)
        return PolicyWork(
            machine: StandingFacts(
                id: identity.principal, name: profile.name, group: profile.group, labels: [:]),
            sealingKey: identity.sealingKey, enforcer: ConvergenceEnforcer(options), log: PassLog(directory))
    }
}
