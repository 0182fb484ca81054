import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack freeze`
struct StackFreeze: StackChangingCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze", abstract: "Keep what is in force: a source is not followed until unfreeze.",
        discussion: """
            A partition that follows a source does so no longer: publish DIR and a rollback decide what is in force, \
            publish --source is refused. Where there is no source, publish is refused; a rollback is possible. It \
            holds through a change of primary. Machines go on as they are, and new ones get what is in force. A \
            roll-out that is under way goes on: hold it with boltctl stack rollout pause.

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
            Where the partition follows a source, what that holds now is published at once, whatever was rolled back \
            or published meanwhile: boltctl stack status says whether that differs from what is in force, and \
            boltctl stack diff --dir DIR in a clone of it how.

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
