internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// Tasks of many handoffs: those that this partition drives, and what it is asked as a source.
extension PartitionService {
    // MARK: - As a source

    /// What a task's driver asks. It is said again each second, so that nothing of it has to be remembered.
    func take(_ order: SliceOrder, from driver: PartitionName) throws(StoreError) {
        guard desk.epoch != nil else { return }
        if case .throttle(let limits) = order {
            guard limits != desk.budget.limits else { return }
            desk.budget.change(to: limits)
            for id in desk.paced.keys.sorted() { release(id) }
            return
        }
        guard let handoff = order.order, handoff.from == identity.partition else { return }
        switch order {
        case .begin:
            if desk.sources[handoff.id] == nil, try !begin(handoff, for: driver) { return }
            desk.drivers[handoff.id] = driver
            report(handoff.id)
        case .cancel:
            if desk.sources[handoff.id] != nil {
                desk.drivers[handoff.id] = driver
                return enqueue(.source(handoff.id, .cancel(reason: "its task cancelled it")))
            }
            let known = try store.tables.slices.source(handoff.id)
            if let known, known.phase != .cancelled { return }
            send(.cancelled(handoff.id, reason: known?.reason ?? "it never began"), to: driver)
        case .pause(_, let isPaused): enqueue(.source(handoff.id, .pause(isPaused)))
        case .throttle: break
        }
    }

    /// Begins a handoff, or says why not; whether it is under way.
    private func begin(_ order: HandoffOrder, for driver: PartitionName) throws(StoreError) -> Bool {
        guard let context = slices, let epoch = desk.epoch else { return false }
        if let known = try store.tables.slices.source(order.id) {
            if known.phase == .cancelled {
                send(.cancelled(order.id, reason: known.reason ?? "no reason given"), to: driver)
            }
            return false
        }
        if try store.tables.slices.target(order.id) != nil {
            send(.cancelled(order.id, reason: "a handoff the other way has the same id"), to: driver)
            return false
        }
        func hinder(_ why: String) -> Bool {
            send(.progress(order.id, bytes: 0, hindrance: why), to: driver)
            return false
        }
        guard context.board.register(of: order.slice) == order.register else {
            send(.cancelled(order.id, reason: "the slice has another register at \(identity.partition)"), to: driver)
            return false
        }
        guard desk.sending[order.slice] == nil else { return hinder("another handoff of the slice is under way") }
        guard desk.isPlaced else { return hinder("\(identity.partition) still puts its envoys into slices") }
        guard takes(order.slice) else { return hinder("\(identity.partition) does not serve the slice yet") }
        guard desk.budget.hasRoom else { return hinder("the budget of \(identity.partition) is used up") }
        make(source: HandoffSourceState(order: order), epoch, context)
        return true
    }

    /// Tells the driver how a handoff stands.
    func report(_ id: HandoffID) {
        guard let driver = desk.drivers[id], let source = desk.sources[id] else { return }
        send(.progress(id, bytes: source.sent.bytes, hindrance: source.hindrance), to: driver)
    }

    func send(_ report: SliceReport, to driver: PartitionName) {
        guard driver != identity.partition else { return hear(report) }
        slices?.board.line(to: driver)?.send(.sliceReport(report))
    }

    // MARK: - As a driver

    /// A source says how a handoff stands: the task that it is of knows it by its id.
    func hear(_ report: SliceReport) {
        for id in desk.tasks.keys.sorted() {
            switch report {
            case .progress(let handoff, let bytes, let hindrance):
                enqueue(.task(id, .progress(handoff, bytes: bytes, hindrance: hindrance)))
            case .cancelled(let handoff, let reason): enqueue(.task(id, .cancelled(handoff, reason: reason)))
            }
        }
    }

    func step(task id: PrincipalID, _ event: RebalanceTask.Event) {
        guard let effects = desk.tasks[id]?.machine.step(event) else { return }
        for effect in effects { perform(effect, of: id) }
    }

    private func perform(_ effect: RebalanceTask.Effect, of id: PrincipalID) {
        switch effect {
        case .record(let record): journal(record, of: id)
        case .order(let order): ask(.begin(order), of: order.from)
        case .cancel(let order): ask(.cancel(order), of: order.from)
        case .pause(let order, let isPaused): ask(.pause(order, isPaused), of: order.from)
        case .throttle(let limits):
            for partition in desk.tasks[id]?.machine.partitions ?? [] { ask(.throttle(limits), of: partition) }
        case .refuse(_, let reason): desk.tasks[id]?.refusal = reason
        case .ended(let status):
            noteEnd(of: id)
            logger.notice(
                "task ended", metadata: [LogKeys.name: "\(id)", LogKeys.count: "\(status.done) of \(status.moves)"])
        }
    }

    private func ask(_ order: SliceOrder, of source: PartitionName) {
        guard source == identity.partition else {
            slices?.board.line(to: source)?.send(.sliceOrder(order))
            return
        }
        do throws(StoreError) { try take(order, from: source) } catch { fail(error, "reading a handoff") }
    }

    // MARK: - Records

    /// Writes a record of a task, in parts where it is large.
    private func journal(_ record: RebalanceRecord, of id: PrincipalID) {
        guard let number = desk.tasks[id]?.records else { return }
        desk.tasks[id]?.records += 1
        begin(PartitionService.parts(of: record, id, number), level: .local) { answer in
            switch answer {
            case .done(let point, _, _, _): self.enqueue(.taskJournaled(id, record, at: point.position))
            case .refused:
                self.desk.tasks[id]?.records = number
                self.post(.desk(.task(id, .refused(record))), after: .milliseconds(500))
            case .undecided: self.post(.desk(.reign), after: .seconds(1))
            }
        }
    }

    static func parts(
        of record: RebalanceRecord, _ task: PrincipalID, _ number: UInt64
    ) -> [PartitionCommand] {
        let bytes = record.canonicalBytes
        let size = PartitionLimits.taskPartBytesMax
        let count = max(1, (bytes.count + size - 1) / size)
        return (0..<count).map { part in
            let range = (part * size)..<min(bytes.count, (part + 1) * size)
            return .task(
                PartitionCommand.TaskPart(
                    task: task, number: number, part: UInt64(part), parts: UInt64(count), bytes: Array(bytes[range])))
        }
    }

    func taskJournaled(_ id: PrincipalID, _ record: RebalanceRecord, at position: UInt64) {
        desk.tasks[id]?.unsafe = (record, position)
        settleTask(id)
    }

    /// A task acts on what is safe only.
    func settleTask(_ id: PrincipalID) {
        guard let (record, position) = desk.tasks[id]?.unsafe, position <= desk.safe else { return }
        desk.tasks[id]?.unsafe = nil
        step(task: id, .recorded(record))
    }

    // MARK: - Tasks of a reign

    /// Goes on with a task of the journal. Of those that are over some are kept at hand.
    func make(task id: PrincipalID, _ context: SliceContext) throws(StoreError) {
        guard let (state, records) = try store.tables.slices.task(id),
            state.phase != .ended || desk.tasks.count < SliceShellLimits.tasksMax
        else { return }
        start(id, state, records: records, context)
    }

    private func start(_ id: PrincipalID, _ state: RebalanceState, records: UInt64, _ context: SliceContext) {
        let machine = RebalanceTask(state: state, hashedBy: context.board.witness)
        desk.tasks[id] = HandoffDesk.TaskRun(machine: machine, records: records, began: WallClock.now())
        let registers = state.job.moves.compactMap { context.board.register(of: $0.slice) }
        enqueue(.task(id, .start(registers: registers, at: ContinuousClock.now - began)))
    }

    /// Begins a task, once it is safe. A repeat of the same id is the same task. Throws `Problem`.
    func begin(task job: RebalanceJob, limits: HandoffBudget.Limits) async throws {
        guard let context = slices, desk.epoch != nil else { throw SliceProblems.noPrimary(identity.partition) }
        if desk.tasks[job.id] != nil { return }
        if let running = desk.tasks.first(where: { $0.value.machine.state.phase != .ended })?.key {
            throw SliceProblems.taskRuns(running)
        }
        let commands = PartitionService.parts(of: .planned(job, limits), job.id, 0)
        switch await write(commands, level: .paired) {
        case .done(let point, _, let safe, _):
            guard point.position <= safe else { throw SliceProblems.notSafe(job.id) }
        case .refused(let refusal): throw BoltEndpoints.problem(refusal)
        case .undecided: throw SliceProblems.notSafe(job.id)
        }
        guard desk.tasks[job.id] == nil, desk.epoch != nil else { return }
        start(job.id, RebalanceState(job: job, limits: limits), records: 1, context)
        runDesk()
    }

    /// Gives a task a command; why not, where it refused.
    func command(_ command: RebalanceTask.Command, task id: PrincipalID) -> String? {
        guard desk.tasks[id] != nil else { return "no task \(id) is driven by \(identity.partition)" }
        if let other = desk.tasks.first(where: { $0.key != id && $0.value.machine.state.phase != .ended })?.key {
            return "task \(other) still moves slices"
        }
        desk.tasks[id]?.refusal = nil
        step(task: id, .command(command))
        runDesk()
        return desk.tasks[id]?.refusal
    }
}

extension PartitionService {
    /// Whether everything that was asked of a task is safe in the journal.
    func isSettled(task id: PrincipalID) -> Bool {
        guard let run = desk.tasks[id] else { return true }
        return run.machine.isSettled && run.unsafe == nil
    }
}
