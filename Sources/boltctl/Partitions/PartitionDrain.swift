import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// `boltctl partition drain`
struct PartitionDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Have a partition hand on all slices that it owns, and be given none.",
        discussion: """
            Its envoys follow to the other partitions; nothing is lost. It stays drained until boltctl partition \
            undrain. To take it out for good, remove it from the topology instead.

            EXAMPLES
              boltctl partition drain north --dry-run
              boltctl partition drain north --reason "its machines are replaced"
            """)

    @Argument(help: "The partition.")
    var name: String
    @OptionGroup var planning: PlanOptions
    @OptionGroup var options: ApplyOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try options.check()
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        let change = DrainChange(partition: name, drains: true)
        try await change.run(planning, options, mutation, connection)
    }
}

/// `boltctl partition undrain`
struct PartitionUndrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undrain", abstract: "Let a drained partition own slices again: it is given its share.",
        discussion: """
            EXAMPLES
              boltctl partition undrain north --dry-run
              boltctl partition undrain north --yes
            """)

    @Argument(help: "The partition.")
    var name: String
    @OptionGroup var planning: PlanOptions
    @OptionGroup var options: ApplyOptions
    @OptionGroup var mutation: MutationOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try options.check()
        let name: PartitionName = try NamedArgument.name(name, "the partition")
        let change = DrainChange(partition: name, drains: false)
        try await change.run(planning, options, mutation, connection)
    }
}

/// One partition begins to be drained, or ends to be.
struct DrainChange {
    let partition: PartitionName
    /// Whether it is to be drained.
    let drains: Bool

    /// Looks up who is drained, and applies the list with the change.
    func run(
        _ planning: PlanOptions, _ options: ApplyOptions, _ mutation: MutationOptions, _ connection: ConnectionOptions
    ) async throws {
        let session = try connection.session()
        let inForce: TopologyResponse = try await session.client.call(.topology)
        let known = inForce.topology.partitions.map(\.name)
        let list = try list(inForce.drains, known: known)
        let wish = try PlanWish(drains: list, isChange: list != inForce.drains.sorted(), planning)
        let application = PlanApplication(
            desk: PlanDesk(session: session), options: options, mutation: mutation, output: connection.output)
        try await application.run(wish)
    }

    /// Who is drained afterwards, by name.
    func list(_ drained: [PartitionName], known: [PartitionName]) throws -> [PartitionName] {
        guard known.contains(partition) else {
            let near = NearestName.suggest(partition.text, among: known.map(\.text))
            throw CommandFailure(
                "not_found",
                "the topology has no partition \(partition)\(near.map { "; did you mean \($0)?" } ?? "")",
                next: "boltctl topology export")
        }
        let others = Set(drained).subtracting([partition])
        return (drains ? others.union([partition]) : others).sorted()
    }
}
