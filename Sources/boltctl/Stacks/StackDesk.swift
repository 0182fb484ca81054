import BoltAPI
import BoltClient
import Spanner

/// Finds whose stack is meant, and brings questions and changes to the bolts that can answer.
struct StackDesk {
    let session: Session

    /// All partitions, by name.
    func partitions() async throws -> [PartitionView] {
        let known: PartitionsResponse = try await session.client.call(.partitions)
        return known.partitions.sorted { $0.name < $1.name }
    }

    /// The partition of an argument; without one the only partition that there is.
    func partition(_ argument: String?) async throws -> PartitionName {
        if let argument { return try NamedArgument.name(argument, "--partition") }
        return try Self.only(try await partitions().map(\.name))
    }

    /// The only one of these; a failure that names them where there is not one.
    static func only(_ names: [PartitionName]) throws -> PartitionName {
        guard names.count == 1, let only = names.first else {
            throw CommandFailure(
                "partition_needed",
                "the mesh has \(Plural.text(names.count, "partition")), each with a stack of its own",
                next: "name one with --partition: \(names.map(\.text).joined(separator: ", "))", status: .usage)
        }
        return only
    }

    /// A client of a partition's bolts, its primary first; where bolts were named on the command line, of those.
    func reader(of name: PartitionName) async throws -> BoltClient {
        guard !session.isNamed else { return session.client }
        let answer: PartitionResponse = try await session.client.call(.partition, [name.text])
        let addresses = Self.order(answer)
        return addresses.isEmpty ? session.client : try session.client(of: addresses)
    }

    /// Addresses of a partition's bolts, the primary's first.
    static func order(_ answer: PartitionResponse) -> [String] {
        let known = zip(answer.partition.bolts, answer.addresses).filter { !$0.1.isEmpty }
        return (known.filter { $0.0 == answer.partition.primary } + known.filter { $0.0 != answer.partition.primary })
            .map(\.1)
    }

    /// Asks a partition's bolts.
    func ask<Answer: Codable & Sendable>(
        _ endpoint: Endpoint, _ arguments: [String] = [], of name: PartitionName, query: [(String, String?)] = [],
        body: (any Encodable & Sendable)? = nil, as type: Answer.Type = Answer.self
    ) async throws -> Answer {
        let client = try await reader(of: name)
        defer { if client !== session.client { client.close() } }
        return try await client.call(endpoint, arguments, query: query, body: body)
    }

    /// Brings a change to a partition's primary.
    func change<Answer: Codable & Sendable>(
        _ endpoint: Endpoint, _ arguments: [String] = [], of name: PartitionName, body: any Encodable & Sendable,
        dryRun: Bool, as type: Answer.Type = Answer.self
    ) async throws -> Answer {
        let client = try await TaskDesk(session: session).primary(of: name)
        defer { client.close() }
        return try await client.call(
            endpoint, arguments, query: [("dry_run", dryRun ? "true" : nil)], body: body)
    }

    /// How a partition's stack stands.
    func status(of name: PartitionName) async throws -> StackStatusResponse {
        try await ask(.stackStatus, of: name, query: [("partition", name.text)])
    }
}

/// Asks for a change of a stack, tells what it does, asks for a yes, makes it, tells what it did.
struct StackChange {
    let desk: StackDesk
    let mutation: MutationOptions
    let output: OutputOptions
    let partition: PartitionName
    let endpoint: Endpoint
    let body: any Encodable & Sendable
    /// Asked before it is made, after its effects were told.
    let question: String

    /// Makes it. Whoever is asked for a yes sees what it would do, and is not to hear of a refusal after it.
    func run(following: StackFollowOptions? = nil) async throws {
        if !mutation.dryRun, !mutation.yes {
            let rehearsed: StackChangeResponse = try await desk.change(
                endpoint, of: partition, body: body, dryRun: true)
            for effect in rehearsed.effects { Console.note("would be so: \(effect)") }
            if rehearsed.changed { try Console.confirm(question, yes: false) }
        }
        let answer: StackChangeResponse = try await desk.change(
            endpoint, of: partition, body: body, dryRun: mutation.dryRun)
        var end: RolloutFollower.End?
        if !mutation.dryRun, answer.changed, let following, following.wait, let version = answer.inForce?.version {
            end = try await following.follow(version, of: partition, desk)
        }
        let outcome = end.map { RolloutOutcome($0, of: partition) }
        try output.emit(
            Extended(answer: answer, more: ["last": outcome?.rollout ?? answer.rollout]),
            table: StackText.change(answer, last: outcome?.rollout))
        try outcome?.conclude()
    }
}
