internal import BoltAPI
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
    ///
    /// A partition drives only what it began: of a handoff that runs here under another driver it may ask nothing, and
    /// its limits count while it drives one.
    func take(_ order: SliceOrder, from driver: PartitionName) throws(StoreError) {
        guard let context = slices, desk.epoch != nil else { return }
        if case .throttle(let limits) = order {
            // Of partitions that are none in the topology nothing is kept.
            guard driver == identity.partition || isNamed(driver, context) else { return }
            desk.driverLimits[driver] = limits
            return applyLimits(with: nil)
        }
        guard let handoff = order.order, handoff.from == identity.partition,
            desk.drivers[handoff.id].map({ $0 == driver }) ?? true
        else { return }
        switch order {
        case .begin:
            if desk.sources[handoff.id] == nil, try !begin(handoff, for: driver) { return }
            desk.drivers[handoff.id] = driver
            report(handoff.id)
        case .cancel:
            desk.waiting.removeAll { $0.order.id == handoff.id }
            if desk.sources[handoff.id] != nil {
                desk.drivers[handoff.id] = driver
                return enqueue(.source(handoff.id, .cancel(reason: "its task cancelled it")))
            }
            let known = try store.tables.slices.source(handoff.id)
            guard let reason = known == nil ? "it never began" : known?.stay(under: handoff.register) else { return }
            send(.cancelled(handoff.id, reason: reason), to: driver)
        case .pause(_, let isPaused):
            if isPaused { desk.waiting.removeAll { $0.order.id == handoff.id } }
            enqueue(.source(handoff.id, .pause(isPaused)))
        case .throttle: break
        }
    }

    private func isNamed(_ partition: PartitionName, _ context: SliceContext) -> Bool {
        context.board.version?.topology.partitions.contains { $0.name == partition } ?? false
    }

    /// Whether the topology in force lets a partition serve a slice, or it goes back to whom it was: nobody is handed
    /// one because he asks for it.
    private func mayServe(_ partition: PartitionName, _ slice: SliceID, _ context: SliceContext) -> Bool {
        if context.board.walk(of: slice)?.wasOwner(partition) == true { return true }
        let genesis = context.board.geneses.first { $0.id == slice.group }
        let named = context.board.version?.topology.partitions.first { $0.name == partition }
        guard let genesis, let named else { return false }
        return named.groups.contains(genesis.name)
    }

    /// Handoffs from here take what those let them who drive one of them, and `driver`, who is about to.
    func applyLimits(with driver: PartitionName?) {
        let limits = desk.limits(with: driver)
        guard limits != desk.budget.limits else { return }
        desk.budget.change(to: limits)
        for id in desk.paced.keys.sorted() { release(id) }
        if !desk.waiting.isEmpty { enqueue(.roomFree) }
    }

    /// Begins a handoff, or says why not; whether it is under way.
    private func begin(_ order: HandoffOrder, for driver: PartitionName) throws(StoreError) -> Bool {
        guard let context = slices, let epoch = desk.epoch else { return false }
        if let known = try store.tables.slices.source(order.id) {
            if let reason = known.stay(under: order.register) { send(.cancelled(order.id, reason: reason), to: driver) }
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
        // The task's driver may have heard of it first.
        let position = context.board.register(of: order.slice)?.position
        guard position.map({ $0 >= order.register.position }) ?? false else {
            desk.wait(for: order, asked: driver)
            return hinder("\(identity.partition) has not heard of the slice's register yet")
        }
        guard context.board.register(of: order.slice) == order.register else {
            send(.cancelled(order.id, reason: "the slice has another register at \(identity.partition)"), to: driver)
            return false
        }
        guard mayServe(order.to, order.slice, context) else {
            desk.wait(for: order, asked: driver)
            return hinder("\(order.to) does not serve the group by the topology that \(identity.partition) knows")
        }
        guard desk.sending[order.slice] == nil else { return hinder("another handoff of the slice is under way") }
        guard desk.isPlaced else { return hinder("\(identity.partition) still puts its envoys into slices") }
        guard takes(order.slice) else { return hinder("\(identity.partition) does not serve the slice yet") }
        applyLimits(with: driver)
        guard desk.budget.hasRoom else {
            desk.wait(for: order, asked: driver)
            return hinder("the budget of \(identity.partition) is used up")
        }
        guard desk.leaving < HandoffLimits.slicesLeavingMax else {
            return hinder("too many slices that \(identity.partition) handed on are not removed there yet")
        }
        make(source: HandoffSourceState(order: order), epoch, context)
        return true
    }

    /// Tells the driver how a handoff stands.
    func report(_ id: HandoffID) {
        guard let driver = desk.drivers[id], let source = desk.sources[id] else { return }
        send(.progress(id, bytes: source.sent.bytes, hindrance: source.hindrance), to: driver)
    }

    func send(_ report: SliceReport, to driver: PartitionName) {
        guard driver != identity.partition else { return hear(report, from: driver) }
        slices?.board.line(to: driver)?.send(.sliceReport(report))
    }

    // MARK: - As a driver

    /// A source says how a handoff stands: the task that it is of knows it by its id, and believes its source alone.
    func hear(_ report: SliceReport, from partition: PartitionName) {
        let running = desk.tasks.filter { $0.value.machine.state.phase != .ended }
        for (id, run) in running.sorted(by: { $0.key < $1.key })
        where run.machine.source(of: report.id) == partition {
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
            noteEnd(of: id, status)
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
        var commands = PartitionService.parts(of: record, id, number)
        // How far it was belongs to the end itself: later the slices may be elsewhere.
        if record == .ended, let status = desk.tasks[id]?.machine.status(), let note = endNote(of: id, status) {
            commands.append(note)
        }
        begin(commands, level: .local) { answer in
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
        let apply = taskNote(id)?.apply ?? context.board.version(askedFor: id)?.apply.id
        desk.tasks[id]?.apply = apply
        holdTasks()
        let registers = state.job.moves.compactMap { context.board.register(of: $0.slice) }
        enqueue(
            .task(id, .start(registers: registers, at: ContinuousClock.now - began, wall: WallClock.now())))
    }

    /// Begins a task, one at a time. A repeat of the same id is the same task. Throws `Problem`: where it is written
    /// and not safe it is there all the same, acts on nothing before it is, and can be cancelled.
    func begin(task job: RebalanceJob, limits: HandoffBudget.Limits) async throws {
        try await waitWhileBeginning(job.id)
        guard let context = slices, desk.epoch != nil else { throw SliceProblems.noPrimary(identity.partition) }
        if desk.tasks[job.id] != nil { return }
        let running = desk.tasks.first { $0.value.machine.state.phase != .ended }?.key
        if let rival = running ?? desk.beginning { throw SliceProblems.taskRuns(rival) }
        try requireOurs(job.id, context)
        desk.beginning = job.id
        let commands = PartitionService.parts(of: .planned(job, limits), job.id, 0)
        switch await write(commands, level: .paired) {
        case .done(let point, _, let safe, _):
            endBeginning(job.id)
            if desk.tasks[job.id] == nil, desk.epoch != nil {
                start(job.id, RebalanceState(job: job, limits: limits), records: 1, context)
                runDesk()
            }
            guard point.position <= safe else { throw SliceProblems.notSafe(job.id) }
        case .refused(let refusal):
            endBeginning(job.id)
            throw BoltEndpoints.problem(refusal)
        case .undecided:
            // Nothing else begins before the journal was read again: it says whether there is such a task.
            post(.desk(.reign), after: .seconds(1))
            throw SliceProblems.notSafe(job.id)
        }
    }

    /// Gives a task a command; why not, where it refused.
    func command(_ command: RebalanceTask.Command, task id: PrincipalID) -> String? {
        if let obstacle = obstacle(to: command, task: id) { return obstacle }
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
