internal import BoltAPI
internal import CRDT
internal import Spanner
internal import SpannerStore

/// What keeps a task from going on, whatever its operator wants: that which it was planned for is not in force.
extension PartitionService {
    /// Why a task that is driven here moves nothing now; nil where it goes on, and where it is over.
    func hold(of id: PrincipalID) -> String? {
        guard let run = desk.tasks[id], run.machine.state.phase != .ended, slices != nil else { return nil }
        // Whoever was away may not know of a newer apply yet.
        guard desk.hasHeard else { return "\(identity.partition) has not heard yet what other bolts know" }
        return outdated(id)
    }

    /// Why what a task was planned for is no longer what the mesh is to be; nil where it is.
    private func outdated(_ id: PrincipalID) -> String? {
        desk.tasks[id]?.apply.flatMap { slices?.board.outdated($0) }
    }

    /// Looks which tasks have to hold still.
    func holdTasks() {
        for id in desk.tasks.keys.sorted() {
            let why = hold(of: id)
            desk.tasks[id]?.machine.hold = why
        }
    }

    /// Why a task would refuse a command as things stand; nil where it would take it. Changes nothing.
    func obstacle(to command: RebalanceTask.Command, task id: PrincipalID) -> String? {
        guard let run = desk.tasks[id] else { return "no task \(id) is driven by \(identity.partition)" }
        if desk.forgetting == id { return "task \(id) was over for long: nothing is kept of it" }
        if let other = desk.tasks.first(where: { $0.key != id && $0.value.machine.state.phase != .ended })?.key {
            return "task \(other) still moves slices"
        }
        if let rival = rival(of: id, command) { return rival }
        if let obstacle = run.machine.obstacle(to: command) { return obstacle }
        switch command {
        case .resume, .reverse: return outdated(id).map { "\($0): make a new plan" }
        case .pause, .throttle, .cancel: return nil
        }
    }
}

extension OwnershipBoard {
    /// Why a task that was planned for an apply must not move slices; nil where that apply is the one in force.
    func outdated(_ apply: Bytes32) -> String? {
        let path = applies.path
        guard let last = path.last, last.id != apply else { return nil }
        let newer = "the apply \(last.id.shortHex) of \(last.actor) is in force"
        return path.contains { $0.id == apply } ? "\(newer), which is newer" : "\(newer), and its own is not"
    }

    /// Whether an operator took slices from a partition and it owns none any more.
    func isTakenOver(_ partition: PartitionName) -> Bool {
        var lost = false
        for genesis in geneses {
            for walk in walks(of: genesis) {
                guard walk.owner != partition else { return false }
                lost = lost || walk.path.contains { !$0.transition.isHandOn && $0.transition.from == partition }
            }
        }
        return lost
    }
}
