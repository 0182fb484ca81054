import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// `boltctl stack rollback`
struct StackRollback: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Put an earlier revision in force again.",
        discussion: """
            Without REVISION the one that was in force before the present one. It becomes a new version, which every \
            machine takes as it takes any other. The stack is frozen too, so that a source does not bring the same \
            revision again; --no-freeze leaves that, and a source then brings it at its next look. --at-once gives it \
            to all machines now instead of as its roll-out policy says.

            EXAMPLES
              boltctl stack rollback --partition north --reason "sshd does not start"
              boltctl stack rollback 9c41d2 --partition north --at-once --yes --wait
              boltctl stack rollback --dry-run
            """)

    @Argument(help: "The revision: its name, the start of its digest, or its version. Default: the one before.")
    var revision: String?
    @OptionGroup var whose: StackPartitionOptions
    @Flag(name: .long, inversion: .prefixedNo, help: "Freeze the stack too.")
    var freeze = true
    @Flag(name: .customLong("at-once"), help: "Give it to all machines now, whatever the roll-out policy says.")
    var atOnce = false
    @Option(name: .long, help: "Refuse unless this revision is in force.")
    var expect: String?
    @OptionGroup var following: StackFollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try following.check()
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        try await StackChange(
            desk: desk, mutation: mutation, output: connection.output, partition: partition, endpoint: .rollbackStack,
            body: request(partition),
            question: "Put \(revision.map { "the revision \($0)" } ?? "the revision before") in force at \(partition)?"
        ).run(following: following)
    }

    /// What to ask for.
    func request(_ partition: PartitionName) -> RollbackStackRequest {
        RollbackStackRequest(
            partition: partition, revision: revision, expectRevision: expect, freeze: freeze, immediately: atOnce,
            reason: mutation.reason)
    }
}
