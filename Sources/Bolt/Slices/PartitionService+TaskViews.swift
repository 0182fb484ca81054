internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Spanner
internal import SpannerStore

extension PartitionService {
    /// The tasks of this partition, running ones first, then the latest; briefly without what is stuck but the first.
    func taskViews(brief: Bool = false) -> [TaskView] {
        let views = desk.tasks.keys.sorted().compactMap { taskView($0, stuckMax: brief ? 4 : APILimits.stuckShown) }
        return views.sorted { left, right in
            if left.isOver != right.isOver { return !left.isOver }
            return (left.beganAt, left.id) > (right.beganAt, right.id)
        }
    }

    /// One task as this partition drives it; nil where it does not.
    func taskView(_ id: PrincipalID, stuckMax: Int = APILimits.stuckShown) -> TaskView? {
        guard let run = desk.tasks[id], let board = slices?.board else { return nil }
        let (state, status) = (run.machine.state, run.machine.status())
        let names = Dictionary(board.geneses.map { ($0.id, $0.name) }) { first, _ in first }
        let note = taskNote(id)
        let now = ContinuousClock.now - began
        let stuck = status.stuck.prefix(stuckMax).compactMap { stuck -> TaskStuckView? in
            let move = state.job.moves[Int(stuck.move)]
            guard let group = names[stuck.slice.group] else { return nil }
            let (from, to) = state.isReversed ? (move.to, move.from) : (move.from, move.to)
            let age = UInt64(max(0, (now - stuck.since) / .milliseconds(1)))
            let since = WallClock.now().milliseconds
            return TaskStuckView(
                move: stuck.move, group: group, slice: stuck.slice.index, from: from, to: to,
                since: WallTime(milliseconds: since > age ? since - age : 0), reason: stuck.reason)
        }
        let isLeft = status.done + status.overtaken < status.moves
        return TaskView(
            id: id, kind: note?.kind ?? .rebalance, driver: identity.partition, bolt: nil,
            phase: TaskView.Phase(state.phase), isPaused: state.isPaused, isReversed: state.isReversed,
            isCancelled: state.phase == .cancelling || (state.phase == .ended && isLeft),
            version: state.job.topology, plan: note?.plan, beganAt: note?.at ?? run.began,
            endedAt: state.phase == .ended && note?.endedReversed == state.isReversed ? note?.endedAt : nil,
            actor: note?.actor ?? "unknown", reason: note?.reason ?? "", limits: TaskLimits(state.limits),
            progress: TaskProgress(status), stuck: Array(stuck), hold: hold(of: id))
    }

    func taskNote(_ id: PrincipalID) -> TaskNote? {
        guard let value = try? store.tables.settings.value(TaskNote.name(of: id)) else { return nil }
        return try? APIJSON.decode(TaskNote.self, from: Data(value.bytes))
    }

    /// Keeps when a task ended, for people: once for the way there, and once for the way back.
    func noteEnd(of id: PrincipalID) {
        guard let state = desk.tasks[id]?.machine.state, var note = taskNote(id),
            note.endedAt == nil || note.endedReversed != state.isReversed
        else { return }
        (note.endedAt, note.endedReversed) = (WallClock.now(), state.isReversed)
        guard let value = try? APIJSON.encode(note) else { return }
        begin([.setting(name: TaskNote.name(of: id), value: Array(value))], level: .local) { _ in }
    }

    /// Moves of a task after a number, as they stand; nil where this partition does not drive it.
    func taskMoves(_ id: PrincipalID, after: UInt32?, limit: Int) -> (moves: [TaskMoveView], next: UInt32?)? {
        guard let run = desk.tasks[id], let board = slices?.board else { return nil }
        let state = run.machine.state
        let names = Dictionary(board.geneses.map { ($0.id, $0.name) }) { first, _ in first }
        let first = after.map { Int($0) + 1 } ?? 0
        let numbers = state.job.moves.indices.dropFirst(first).prefix(limit)
        let moves = numbers.compactMap { number -> TaskMoveView? in
            let (move, attempts) = (state.job.moves[number], state.attempts[number])
            guard let group = names[move.slice.group], let register = board.register(of: move.slice) else { return nil }
            let wanted = state.isReversed ? move.from : move.to
            let origin = state.isReversed ? move.to : move.from
            let standing: TaskMoveView.State
            switch register.owner {
            case wanted: standing = .done
            case origin:
                if attempts.isOpen {
                    standing = state.phase == .ended ? .stayed : .inFlight
                } else if attempts.failures >= HandoffLimits.attemptsMax {
                    standing = .givenUp
                } else {
                    standing = state.phase == .ended ? .stayed : .waiting
                }
            default: standing = .overtaken
            }
            return TaskMoveView(
                move: UInt32(number), group: group, slice: move.slice.index, from: move.from, to: move.to,
                owner: register.owner, register: register.hash, envoys: move.envoys, bytes: move.bytes,
                state: standing, attempts: attempts.began, reason: attempts.reason)
        }
        let last = numbers.last.map { UInt32($0) }
        return (moves, last.map { Int($0) + 1 < state.job.moves.count } == true ? last : nil)
    }

    /// What every slice that this partition has something of is here. A primary says of its own ones whether it would
    /// take a check-in now, for that is what it serves; others go by the registers.
    func sliceStates() throws -> [SliceID: HandoffSliceState] {
        var states: [SliceID: HandoffSliceState] = [:]
        guard let board = slices?.board else { return states }
        let own = ownSlices(board)
        for slice in own { states[slice] = .active }
        let open = try store.tables.slices.handoffs()
        for target in open.targets { states[target.order.slice] = target.sliceState }
        for source in open.sources { states[source.order.slice] = source.sliceState }
        guard machine.role.reigns else { return states }
        for slice in own where !takes(slice) {
            if states[slice] == .active || states[slice] == .sending { states[slice] = .waiting }
        }
        return states
    }

    private func ownSlices(_ board: OwnershipBoard) -> [SliceID] {
        board.geneses.flatMap { genesis in
            board.registers(of: genesis).filter { $0.owner == identity.partition }.map(\.slice)
        }
    }
}
