import ArgumentParser
import BoltAPI
import BoltClient
import Spanner

/// A command that changes how a partition's stack goes on, by one request that says whose and why.
protocol StackChangingCommand: AsyncParsableCommand {
    associatedtype Request: Encodable & Sendable
    var whose: StackPartitionOptions { get }
    var mutation: MutationOptions { get }
    var connection: ConnectionOptions { get }
    static var endpoint: Endpoint { get }
    /// What is asked of the bolt.
    static func request(_ partition: PartitionName, reason: String) -> Request
    /// What is asked before it is done.
    static func question(_ partition: PartitionName) -> String
}

extension StackChangingCommand {
    func run() async throws {
        let desk = StackDesk(session: try connection.session())
        let partition = try await desk.partition(whose.partition)
        try await StackChange(
            desk: desk, mutation: mutation, output: connection.output, partition: partition, endpoint: Self.endpoint,
            body: Self.request(partition, reason: mutation.reason), question: Self.question(partition)
        ).run()
    }
}

extension StackChangingCommand where Request == ChangeRolloutRequest {
    static func request(_ partition: PartitionName, reason: String) -> ChangeRolloutRequest {
        ChangeRolloutRequest(partition: partition, reason: reason)
    }
}

extension StackChangingCommand where Request == FreezeStackRequest {
    static func request(_ partition: PartitionName, reason: String) -> FreezeStackRequest {
        FreezeStackRequest(partition: partition, reason: reason)
    }
}
