import ArgumentParser
import BoltAPI
import BoltClient
import CRDT
import Spanner

/// Whether what a task moved is as safe where it is now as it should be.
struct TaskRedundancy {
    let session: Session

    /// Ends the command with 5 where a partition that was sent slices has no standby in sync, though it has standbys.
    func require(after task: TaskView) async throws {
        let weak: [PartitionName]
        do {
            let answer: PartitionsResponse = try await session.client.call(.partitions)
            // Most often nobody is without a standby, and the moves need not be asked for.
            let lone = Self.withoutStandby(answer.partitions, among: Set(answer.partitions.map(\.name)))
            guard !lone.isEmpty else { return }
            let sent = Self.receivers(try await TaskDesk(session: session).moves(task), of: task)
            weak = lone.filter { sent.contains($0) }
        } catch let error as ClientError {
            return Console.warn("whether standbys are in sync could not be asked: \(error.detail)")
        }
        guard !weak.isEmpty else { return }
        Console.warn(
            "no standby is in sync in \(weak.map(\.text).joined(separator: ", ")): watch it with boltctl partition list"
        )
        throw ExitCode(ExitStatus.redundancy.rawValue)
    }

    /// Partitions that were sent slices: where the plan wanted them, or after a reverse where they came from.
    static func receivers(_ moves: [TaskMoveView], of task: TaskView) -> Set<PartitionName> {
        Set(moves.filter { $0.state == .done }.map { task.isReversed ? $0.from : $0.to })
    }

    /// Partitions of several bolts in which only one disk is in sync.
    static func withoutStandby(
        _ partitions: [PartitionView], among names: Set<PartitionName>
    ) -> [PartitionName] {
        partitions.filter { names.contains($0.name) && $0.bolts.count > 1 && $0.inSync < 2 }.map(\.name).sorted()
    }
}
