import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack rollout …`
struct StackRollout: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "The way of the version in force to the machines.",
        subcommands: [RolloutPause.self, RolloutResume.self, RolloutAbort.self])
}

/// `boltctl stack rollout pause`
struct RolloutPause: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Hold a roll-out: no further machine is given the new version.",
        discussion: """
            Machines that were given it keep it; one that holds no policy at all is given it all the same. It stays \
            held over restarts and failovers, until boltctl stack rollout resume.

            EXAMPLES
              boltctl stack rollout pause --partition north --reason "looking at web-3 first"
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    typealias Request = ChangeRolloutRequest
    static var endpoint: Endpoint { .pauseRollout }
    static func question(_ partition: PartitionName) -> String { "Hold the roll-out of \(partition)?" }
}

/// `boltctl stack rollout resume`
struct RolloutResume: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a roll-out go on that was held, or that halted itself.",
        discussion: """
            Failures so far are forgiven: they count no longer towards max_fail.

            EXAMPLES
              boltctl stack rollout resume --partition north --reason "web-3 had a full disk"
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    typealias Request = ChangeRolloutRequest
    static var endpoint: Endpoint { .resumeRollout }
    static func question(_ partition: PartitionName) -> String { "Let the roll-out of \(partition) go on?" }
}

/// `boltctl stack rollout abort`
struct RolloutAbort: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "abort", abstract: "End a roll-out: machines without the new version keep what they have.",
        discussion: """
            Machines that were given it keep it too: to have all of them at the version before, use \
            boltctl stack rollback.

            EXAMPLES
              boltctl stack rollout abort --partition north --reason "not this week"
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    typealias Request = ChangeRolloutRequest
    static var endpoint: Endpoint { .abortRollout }
    static func question(_ partition: PartitionName) -> String { "End the roll-out of \(partition)?" }
}
