import ArgumentParser
import BoltAPI
import BoltClient
import Policy
import Spanner

/// `boltctl stack publish`
struct StackPublish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Put a stack in force at a partition.",
        discussion: """
            It reaches the machines as its roll-out policy says. The stack is a directory, checked here before \
            anything is sent; or, with --source, what the partition's own source holds now. What is in force already \
            makes no new version. A partition that follows a source takes a directory only while it is frozen: \
            freeze it first, and once it is unfrozen what the source holds is in force again.

            EXAMPLES
              boltctl stack publish examples/stack --partition north --reason "the new motd"
              boltctl stack publish . --dry-run
              boltctl stack publish --source --partition north --wait
            """)

    @Argument(help: "The directory that holds stack.yaml.")
    var directory: String?
    @Flag(name: .long, help: "Look at the partition's source now, instead of a directory.")
    var source = false
    @Option(name: .long, help: "What to call the revision: a commit's id, say. Default: the start of its digest.")
    var revision: String?
    @Option(name: .long, help: "Refuse unless this revision is in force.")
    var expect: String?
    @OptionGroup var whose: StackPartitionOptions
    @OptionGroup var following: StackFollowOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try check()
        let files = try directory.map { directory in
            try StackDirectory.bodies(LocalStack(directory).require().canonicalFiles)
        }
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        try await StackChange(
            desk: desk, mutation: mutation, output: connection.output, partition: partition, endpoint: .publishStack,
            body: request(partition, files),
            question: "Put \(directory ?? "what its source holds") in force at \(partition)?"
        ).run(following: following)
    }

    /// Refuses bad arguments before anybody is asked.
    func check() throws {
        guard (directory == nil) == source else {
            let next = "name the directory that holds stack.yaml, or --source alone"
            guard directory != nil else {
                throw CommandFailure("no_content", "no stack is named", next: next, status: .usage)
            }
            throw CommandFailure(
                "two_contents", "a directory and --source say two things", next: next, status: .usage)
        }
        guard !source || revision == nil else {
            throw CommandFailure(
                "two_contents", "--revision names a directory's revision; a source names its own",
                next: "leave --revision out", status: .usage)
        }
        if let revision, !(1...PolicyLimits.revisionBytesMax).contains(revision.utf8.count) {
            throw CommandFailure(
                "bad_name", "--revision takes 1 to \(PolicyLimits.revisionBytesMax) bytes", status: .usage)
        }
        try following.check()
    }

    /// What to ask for.
    func request(_ partition: PartitionName, _ files: [StackFileBody]?) -> PublishStackRequest {
        PublishStackRequest(
            partition: partition, files: files, revision: revision, expectRevision: expect, reason: mutation.reason)
    }
}
