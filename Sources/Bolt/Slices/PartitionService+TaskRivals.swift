internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore

/// One task at a time, and each at one driver: as far as this partition knows of the others.
extension PartitionService {
    /// How often, each 20 ms, a repeat looks whether the first request was written.
    private static let beginningLooks = 250

    /// Whoever repeats a request that is being written waits for that. Throws `Problem`.
    func waitWhileBeginning(_ id: PrincipalID) async throws {
        for _ in 0..<PartitionService.beginningLooks {
            guard desk.beginning == id else { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        guard desk.beginning != id else { throw SliceProblems.notSafe(id) }
    }

    /// Its plan is written, or never will be.
    func endBeginning(_ id: PrincipalID) {
        if desk.beginning == id { desk.beginning = nil }
    }

    /// Refuses a task that another partition drives, or was asked to drive: there it is the same task, here another one
    /// under the same id. Throws `Problem`.
    func requireOurs(_ id: PrincipalID, _ context: SliceContext) throws {
        if let other = tasksElsewhere(context.board).first(where: { $0.id == id }) {
            throw SliceProblems.drivenElsewhere(id, by: other.driver.text)
        }
        // The apply travels faster than a census. Whoever took it drives its task.
        guard let note = context.board.version(askedFor: id)?.note, note.moves,
            !note.bolt.hasSuffix(".\(identity.partition)")
        else { return }
        throw SliceProblems.drivenElsewhere(id, by: note.bolt)
    }

    /// Why a command that sets slices in motion has to wait: a task of another partition moves some. What ends or holds
    /// a task is never refused for that.
    func rival(of id: PrincipalID, _ command: RebalanceTask.Command) -> String? {
        switch command {
        case .pause, .throttle, .cancel: return nil
        case .resume, .reverse: break
        }
        guard let board = slices?.board else { return nil }
        if let beginning = desk.beginning, beginning != id { return "task \(beginning) is about to move slices" }
        // A task whose driver has no primary moves nothing.
        let running = tasksElsewhere(board).first { $0.id != id && !$0.isOver && board.line(to: $0.driver) != nil }
        return running.map { "task \($0.id) of \($0.driver) still moves slices" }
    }

    /// Tasks that other partitions were heard to drive, by their drivers' names.
    private func tasksElsewhere(_ board: OwnershipBoard) -> [TaskView] {
        board.censuses.filter { $0.key != identity.partition }.sorted { $0.key < $1.key }.flatMap { name, census in
            census.tasks.compactMap { try? APIJSON.decode(TaskView.self, from: Data($0)) }.filter { $0.driver == name }
        }
    }
}
