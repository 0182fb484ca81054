import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack freeze`
struct StackFreeze: AsyncParsableCommand {
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

    func run() async throws {
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        try await StackChange(
            desk: desk, mutation: mutation, output: connection.output, partition: partition, endpoint: .freezeStack,
            body: FreezeStackRequest(partition: partition, reason: mutation.reason),
            question: "Freeze the stack of \(partition)?"
        ).run()
    }
}

/// `boltctl stack unfreeze`
struct StackUnfreeze: AsyncParsableCommand {
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

    func run() async throws {
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        try await StackChange(
            desk: desk, mutation: mutation, output: connection.output, partition: partition, endpoint: .unfreezeStack,
            body: FreezeStackRequest(partition: partition, reason: mutation.reason),
            question: "Let the stack of \(partition) be published again?"
        ).run()
    }
}
