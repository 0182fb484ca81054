import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl partition switchover`
struct PartitionSwitchover: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "switchover", abstract: "Hand a living primary's part over to a standby in sync. Nothing is lost.",
        discussion: """
            A sealed standby takes nothing over: another is chosen, or it is refused (exit 4).

            The primary takes no more writes, the standby catches up and begins; writers wait for a moment. Where the \
            standby does not take over in time, the old primary goes on. Ends with 5 where fewer disks are in sync \
            afterwards than before.

            EXAMPLES
              boltctl partition switchover north --reason "kernel update of a"
              boltctl partition switchover north --to b.north --dry-run
            """)

    @Argument(help: "The partition.")
    var name: String
    @Option(name: .long, help: "The bolt that takes over. Default: the unsealed standby in sync that is furthest.")
    var to: String?
    @OptionGroup var waiting: OperationOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        let operation = try waiting.id()
        let operatorOf = PartitionOperator(session: try connection.session(), mutation: mutation, waiting: waiting)
        if try await operatorOf.tellSettled(name, to: connection.output) { return }
        let before = try await operatorOf.partition(name)
        let target = try to.map { try PartitionOperator.bolt($0, in: before) }
        guard let primary = before.partition.primary else {
            if let sealed = SealedPartition(before.partition) {
                throw sealed.failure("partition \(name) has no primary that could hand over")
            }
            throw CommandFailure(
                "no_primary", "partition \(name) has no primary that could hand over",
                reason: "nothing was changed", next: "boltctl partition promote \(name) --check", status: .unavailable)
        }
        let body = SwitchoverRequest(operation: operation, to: target, reason: mutation.reason)
        try await operatorOf.rehearse(.switchover, [name.text], body: body, at: primary, of: before)
        if !mutation.dryRun {
            try Console.confirm(
                "Hand \(name) over from \(primary) to \(target ?? "its furthest standby")?", yes: mutation.yes)
        }
        let result = try await operatorOf.ask(
            .switchover, [name.text], body: body, operation: operation, at: primary, of: before)
        try await operatorOf.tell(result, wanted: before.partition.inSync, to: connection.output)
    }
}

/// `boltctl bolt step-down`
struct BoltStepDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "step-down", abstract: "Have a bolt give up being primary, for the furthest of its standbys.",
        discussion: """
            EXAMPLES
              boltctl bolt step-down a.north --reason "kernel update"
              boltctl bolt step-down a.north --dry-run
            """)

    @Argument(help: "The bolt, NAME.PARTITION.")
    var name: String
    @OptionGroup var waiting: OperationOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let partition = try BoltName.partition(of: name)
        let operation = try waiting.id()
        let operatorOf = PartitionOperator(session: try connection.session(), mutation: mutation, waiting: waiting)
        if try await operatorOf.tellSettled(partition, to: connection.output) { return }
        let before = try await operatorOf.partition(partition)
        let bolt = try PartitionOperator.bolt(name, in: before)
        let body = StepDownRequest(operation: operation, reason: mutation.reason)
        try await operatorOf.rehearse(.stepDown, [bolt], body: body, at: bolt, of: before)
        if !mutation.dryRun { try Console.confirm("Have \(bolt) give up being primary?", yes: mutation.yes) }
        let result = try await operatorOf.ask(
            .stepDown, [bolt], body: body, operation: operation, at: bolt, of: before)
        try await operatorOf.tell(result, wanted: before.partition.inSync, to: connection.output)
    }
}

extension BoltName {
    /// The partition of a `NAME.PARTITION`; a usage error where it is none.
    static func partition(of text: String) throws -> PartitionName {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, BoltName(parts[0]) != nil, let partition = PartitionName(parts[1]) else {
            throw CommandFailure(
                "bad_name", "“\(text)” is no NAME.PARTITION of a bolt", next: "boltctl bolt list", status: .usage)
        }
        return partition
    }
}
