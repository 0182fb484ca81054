internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner

extension BoltEndpoints {
    /// Tasks of all partitions, as far as they are heard of, running ones first, then the latest.
    func allTasks() async -> [TaskView] {
        let own = await partition.read { $0.machine.role.reigns ? $0.taskViews() : nil }
        var tasks: [PrincipalID: TaskView] = [:]
        for (name, census) in board.censuses where name != configuration.partition || own == nil {
            for bytes in census.tasks {
                guard let task = try? APIJSON.decode(TaskView.self, from: Data(bytes)), task.driver == name else {
                    continue
                }
                tasks[task.id] = task
            }
        }
        for task in own ?? [] { tasks[task.id] = named(task) }
        for name in Set(tasks.values.map(\.driver)).sorted() where name != configuration.partition || own == nil {
            let driver = await driver(name)
            for (id, task) in tasks where task.driver == name { tasks[id] = driver.named(task) }
        }
        return tasks.values.sorted { left, right in
            if left.isOver != right.isOver { return !left.isOver }
            return (left.beganAt, left.id) > (right.beganAt, right.id)
        }
    }

    /// Who drives a task, as this bolt knows it.
    func driver(_ name: PartitionName) async -> TaskDriver {
        let views = views
        let picture = await node.read { try? views.picture($0, of: name) }
        let primary = picture?.reigning?.bolt.fullName
        let topology = board.version?.topology
        return TaskDriver(
            partition: name, hasPrimary: primary != nil, silence: board.silence(of: name),
            isInTopology: topology.map { topology in topology.partitions.contains { $0.name == name } } ?? true,
            isTakenOver: primary == nil && board.isTakenOver(name), bolt: primary)
    }

    func tasks() async throws -> TasksResponse {
        TasksResponse(tasks: Array(await allTasks().prefix(APILimits.tasksShown)), freshness: await freshness())
    }

    /// One task: answered by the primary that drives it, wherever it was asked.
    func taskRequest(_ request: HTTPRequestContext) async throws -> HTTPAnswer {
        guard let id = PrincipalID(apiText: request.arguments[0]) else {
            throw Problem(.badRequest, "the task is not \(PrincipalID.apiKind)")
        }
        if await partition.read({ $0.desk.tasks[id] != nil }) { return try await answer(request, of: id) }
        guard let known = await allTasks().first(where: { $0.id == id }) else {
            throw Problem(.notFound, "no task \(id) is heard of here", next: "boltctl rebalance status")
        }
        // Its driver may have no bolt any more that could be looked for.
        if let why = known.orphaned {
            guard request.endpoint != .task else { return try await lastHeard(known) }
            throw Problem(
                .taskRefused, "nobody drives task \(id) any more: \(why); nothing was changed",
                next: "it stands in nobody's way: make a new plan, and apply it")
        }
        let views = views
        let picture = try await node.read { try views.picture($0, of: known.driver) }
        if let primary = picture.reigning, primary.bolt.fullName != configuration.fullName {
            return try await passOn(request, to: primary)
        }
        guard request.endpoint == .task else { throw noPrimary(picture) }
        return try await lastHeard(known)
    }

    /// A task as its driver last told of it.
    private func lastHeard(_ task: TaskView) async throws -> HTTPAnswer {
        var age = await freshness()
        age.complete = false
        return try .json(TaskResponse(task: task, freshness: age))
    }

    private func answer(_ request: HTTPRequestContext, of id: PrincipalID) async throws -> HTTPAnswer {
        switch request.endpoint {
        case .changeTask: return try await changeTask(request, id)
        case .taskMoves:
            let limit = try request.limit()
            let after = try request.number("after").map { UInt32(clamping: $0) }
            guard let page = await partition.read({ $0.taskMoves(id, after: after, limit: limit) }) else {
                throw Problem(.notFound, "no task \(id) is driven here")
            }
            return try .json(
                TaskMovesResponse(task: id, moves: page.moves, nextAfter: page.next, freshness: await freshness()))
        case _:
            guard let task = await named(partition.read { $0.taskView(id) }) else {
                throw Problem(.notFound, "no task \(id) is driven here")
            }
            return try .json(TaskResponse(task: task, freshness: await freshness()))
        }
    }

    private func changeTask(_ request: HTTPRequestContext, _ id: PrincipalID) async throws -> HTTPAnswer {
        let body = try request.decode(ChangeTaskRequest.self)
        let reason = try checked(reason: body.reason)
        guard let command = body.command else {
            throw Problem(.badRequest, "limits belong to throttle, and to nothing else, within their bounds")
        }
        guard let before = await named(partition.read { $0.taskView(id) }) else {
            throw Problem(.notFound, "no task \(id) is driven here")
        }
        if let obstacle = await partition.read({ $0.obstacle(to: command, task: id) }) {
            throw Problem(.taskRefused, "\(obstacle); nothing was changed")
        }
        let effects = BoltEndpoints.effects(of: command, on: before)
        guard !request.isDryRun else {
            return try .json(ChangeTaskResponse(task: before, level: .local, dryRun: true, effects: effects))
        }
        try await requireSafeWrites("a task")
        let entry = audit("task.\(body.action.rawValue)", "\(id)", reason, request)
        var writes: [PartitionCommand] = [.audit(entry)]
        // Who asked first holds it.
        if command == .pause, !before.isPaused {
            let hold = TaskPauseView(actor: entry.actor, at: entry.at, reason: reason)
            writes.append(.setting(name: TaskNote.holdName(of: id), value: Array(try APIJSON.encode(hold))))
        }
        let level = try await writeSafely(writes)
        if let refusal = await partition.read({ $0.command(command, task: id) }) {
            throw Problem(.taskRefused, "\(refusal); nothing was changed")
        }
        // The record is on its way: the answer waits for it, so that whoever looks next sees it.
        for _ in 0..<100 {
            if await partition.read({ $0.isSettled(task: id) }) { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        guard await partition.read({ $0.desk.tasks[id] == nil ? false : $0.isSettled(task: id) }) else {
            throw SliceProblems.unsettled(id)
        }
        let after = await named(partition.read { $0.taskView(id) }) ?? before
        // What was on its way before may have arrived until it was held.
        let told = command == .pause ? BoltEndpoints.effects(of: command, on: after) : effects
        return try .json(ChangeTaskResponse(task: after, level: level, dryRun: false, effects: told))
    }

    /// What a command does to a task as it stands.
    static func effects(of command: RebalanceTask.Command, on task: TaskView) -> [String] {
        let open = task.progress.moves - task.progress.done - task.progress.overtaken
        switch command {
        case .pause:
            guard task.progress.inFlight > 0 else { return ["nothing more begins; no slice is on its way"] }
            return [
                "nothing more begins; of \(Plural.text(task.progress.inFlight, "slice")) on their way those that are "
                    + "sealed or handed on may still end, the others hold still"
            ]
        case .resume: return ["\(Plural.text(open, "slice goes", "slices go")) on, what was given up too"]
        case .throttle(let limits):
            return ["at most \(Plural.text(limits.slices, "slice is", "slices are")) in flight"]
        case .cancel:
            let one = "slice that is not handed on stays where it is"
            return [Plural.text(open, one, "slices that are not handed on stay where they are")]
        case .reverse: return ["\(Plural.text(task.progress.done, "slice goes", "slices go")) back"]
        }
    }
}
