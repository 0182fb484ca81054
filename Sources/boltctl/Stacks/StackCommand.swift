import ArgumentParser

/// `boltctl stack …`
struct StackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stack", abstract: "What the machines of a partition are to be, as files.",
        subcommands: [
            StackValidate.self, StackPreview.self, StackDiff.self, StackPublish.self, StackStatus.self,
            StackHistory.self, StackRollback.self, StackFreeze.self, StackUnfreeze.self, StackRollout.self,
        ])
}

/// Which partition's stack is meant.
struct StackPartitionOptions: ParsableArguments {
    @Option(name: .long, help: "The partition. Default: the only one.")
    var partition: String?
}
