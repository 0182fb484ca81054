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
        let progress = progress(of: state, status, note)
        let isLeft = progress.done + progress.overtaken < progress.moves
        let isCancelled = state.isCancelled && (state.phase != .ended || isLeft)
        let isPaused = state.isPaused && state.phase != .ended
        return TaskView(
            id: id, kind: note?.kind ?? .rebalance, driver: identity.partition, bolt: nil,
            phase: TaskView.Phase(state.phase), isPaused: state.isPaused, isReversed: state.isReversed,
            isCancelled: isCancelled,
            version: state.job.topology, plan: note?.plan, beganAt: note?.at ?? run.began,
            endedAt: state.phase == .ended && note?.endedReversed == state.isReversed ? note?.endedAt : nil,
            actor: note?.actor ?? "unknown", reason: note?.reason ?? "", limits: TaskLimits(state.limits),
            progress: progress, stuck: state.phase == .ended && !isCancelled ? [] : Array(stuck), hold: hold(of: id),
            held: isPaused ? taskHold(id) : nil)
    }

    /// How far a task is; once it is over, how far it was then: its slices may have been moved on since.
    private func progress(of state: RebalanceState, _ status: RebalanceStatus, _ note: TaskNote?) -> TaskProgress {
        var progress = TaskProgress(status)
        guard state.phase == .ended else { return progress }
        if note?.endedReversed == state.isReversed, let ending = note?.ending { return ending }
        progress.inFlight = 0
        // Bolts of before kept no counts. What was not cancelled ended when nothing was left to be done.
        if !state.isCancelled { progress.overtaken = progress.moves - progress.done }
        return progress
    }

    func taskNote(_ id: PrincipalID) -> TaskNote? {
        guard let value = try? store.tables.settings.value(TaskNote.name(of: id)) else { return nil }
        return try? APIJSON.decode(TaskNote.self, from: Data(value.bytes))
    }

    /// Who holds a task, as it was kept last.
    private func taskHold(_ id: PrincipalID) -> TaskPauseView? {
        guard let value = try? store.tables.settings.value(TaskNote.holdName(of: id)) else { return nil }
        return try? APIJSON.decode(TaskPauseView.self, from: Data(value.bytes))
    }

    /// Keeps when a task ended and how far it was, where its last record did not bring that along.
    func noteEnd(of id: PrincipalID, _ status: RebalanceStatus) {
        guard let note = endNote(of: id, status) else { return }
        begin([note], level: .local) { _ in }
    }

    /// When a task ended and how far it was, for people: once for the way there, and once for the way back; nil where
    /// that is kept already.
    func endNote(of id: PrincipalID, _ status: RebalanceStatus) -> PartitionCommand? {
        guard let state = desk.tasks[id]?.machine.state, var note = taskNote(id),
            note.endedAt == nil || note.endedReversed != state.isReversed
        else { return nil }
        (note.endedAt, note.endedReversed) = (WallClock.now(), state.isReversed)
        note.ending = TaskProgress(status)
        note.ending?.remainingSeconds = nil
        guard let value = try? APIJSON.encode(note) else { return nil }
        return .setting(name: TaskNote.name(of: id), value: Array(value))
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
            return TaskMoveView(
                move: UInt32(number), group: group, slice: move.slice.index, from: move.from, to: move.to,
                owner: register.owner, register: register.hash, envoys: move.envoys, bytes: move.bytes,
                state: PartitionService.standing(of: number, state, owner: register.owner), attempts: attempts.began,
                reason: attempts.reason)
        }
        let last = numbers.last.map { UInt32($0) }
        return (moves, last.map { Int($0) + 1 < state.job.moves.count } == true ? last : nil)
    }

    /// How a move stands, given who owns its slice now. What ends without being cancelled had moved everything: a slice
    /// of it that is where it came from was put there by somebody else.
    static func standing(of number: Int, _ state: RebalanceState, owner: PartitionName) -> TaskMoveView.State {
        let (move, attempts) = (state.job.moves[number], state.attempts[number])
        if owner == (state.isReversed ? move.from : move.to) { return .done }
        guard owner == (state.isReversed ? move.to : move.from) else { return .overtaken }
        let isGivenUp = attempts.failures >= HandoffLimits.attemptsMax
        guard state.phase == .ended else { return attempts.isOpen ? .inFlight : isGivenUp ? .givenUp : .waiting }
        // When a cancelled task ends no attempt is open but of slices that had left.
        let hadLeft = attempts.isOpen && attempts.isBack == state.isReversed
        guard state.isCancelled, !hadLeft else { return .overtaken }
        return isGivenUp ? .givenUp : .stayed
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
