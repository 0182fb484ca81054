import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack freeze`
struct StackFreeze: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Keep what is in force: nothing is published until unfreeze.",
        discussion: """
            The partition's source is no longer followed, and publish is refused. A rollback is possible, machines go \
            on as they are, and new ones get what is in force. A roll-out that is under way goes on: hold it with \
            boltctl stack rollout pause.

            EXAMPLES
              boltctl stack freeze --partition north --reason "the week of the fair"
              boltctl stack freeze --dry-run
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    typealias Request = FreezeStackRequest
    static var endpoint: Endpoint { .freezeStack }
    static func question(_ partition: PartitionName) -> String { "Freeze the stack of \(partition)?" }
}

/// `boltctl stack unfreeze`
struct StackUnfreeze: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfreeze", abstract: "Let a frozen stack be published again, and follow its source.",
        discussion: """
            Where the partition follows a source, what that holds now is published at its next look: compare it first \
            with boltctl stack publish --source --dry-run.

            EXAMPLES
              boltctl stack unfreeze --partition north --reason "the fair is over"
            """)

    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    typealias Request = FreezeStackRequest
    static var endpoint: Endpoint { .unfreezeStack }
    static func question(_ partition: PartitionName) -> String { "Let the stack of \(partition) be published again?" }
}
