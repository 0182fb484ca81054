internal import BoltAPI
internal import CRDT
internal import Foundation
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// The shell of handoffs: who is served here, what came for which machine, and the machines of a reign.
extension PartitionService {
    /// Events of the desk in one run of the queue: reading pieces must not hold up who waits for an answer.
    private static let deskEventsPerRun = 256

    /// Something for the desk, in its turn.
    func enqueue(_ event: HandoffDesk.Event) {
        desk.inbox.append(event)
        wake()
    }

    /// Does what waits at the desk. Never within a step of the partition's machine.
    func runDesk() {
        guard slices != nil, !closed, broken == nil else {
            for case .dealt(let line, let bytes) in desk.inbox { line.processed(bytes: bytes) }
            desk.inbox = []
            return
        }
        takeEvents()
        giveTurns()
        writeRecords()
    }

    private func takeEvents() {
        var count = 0
        while !desk.inbox.isEmpty {
            let events = desk.inbox
            desk.inbox = []
            for (index, event) in events.enumerated() {
                guard count < PartitionService.deskEventsPerRun else {
                    desk.inbox = Array(events[index...]) + desk.inbox
                    return wake()
                }
                take(event)
                count += 1
            }
        }
    }

    private func take(_ event: HandoffDesk.Event) {
        switch event {
        case .reign: beginSliceReign()
        case .safe(let position): settleSlices(position)
        case .source(let id, let event): step(source: id, event)
        case .target(let id, let event): step(target: id, event)
        case .paced(let id): release(id)
        case .perform(let id, let effect): if desk.sources[id] != nil { perform(effect, of: id) }
        case .task(let id, let event): step(task: id, event)
        case .taskJournaled(let id, let record, let position): taskJournaled(id, record, at: position)
        case .digestOn(let id): goOnWithDigest(of: id)
        case .judgeOn(let id, let point): goOnJudging(id, at: point)
        case .collectNext: collectNext()
        case .roomFree: beginWaiting()
        case .dealt(let line, let bytes): line.processed(bytes: bytes)
        }
    }

    // MARK: - The gate

    /// Whether a new write of this slice may be journaled here now: by the register this partition owns it, it was
    /// adopted, and no handoff has sealed it. That the last of this is safe is not asked: check-ins go on, at `local`.
    func takes(_ slice: SliceID) -> Bool {
        guard let board = slices?.board else { return true }
        guard desk.epoch != nil, let walk = board.walk(of: slice) else { return false }
        return SliceGate.isOpen(
            at: identity.partition, walk: walk, source: desk.sending[slice].flatMap { desk.sources[$0] },
            isAdopted: desk.adopted.contains(walk.register.hash))
    }

    // MARK: - Reigns

    /// The part of this bolt in its partition changed: machines are the primary's alone.
    func turnDesk(to role: PartitionRole) {
        guard slices != nil else { return }
        switch role {
        case .primary(let epoch):
            guard desk.epoch != epoch else { return }
            desk.end()
            enqueue(.reign)
        case .handingOver: break
        case .waiting, .standby, .candidate, .fenced: desk.end()
        }
    }

    /// Makes the machines of this reign from the journal.
    private func beginSliceReign() {
        guard let context = slices, let epoch = reign else { return }
        desk.end()
        desk.safe = machine.safePosition
        do throws(StoreError) {
            let all = try store.tables.slices.handoffs(includingOver: true)
            remember(all.sources, all.targets, context)
            desk.epoch = epoch
            for state in all.sources where !state.isOver { make(source: state, epoch, context) }
            // What was taken over just before the reign began is told to its source once that is safe.
            for state in all.targets where !state.isOver || (state.since?.position ?? 0) > desk.safe {
                make(target: state, context)
            }
            for id in try store.tables.slices.tasks() { try make(task: id, context) }
        } catch {
            desk.end()
            fail(error, "reading handoffs")
        }
    }

    /// The epoch in which this bolt reigns; nil where it does not.
    var reign: PartitionEpoch? {
        switch machine.role {
        case .primary(let epoch), .handingOver(let epoch, _): epoch
        case .waiting, .standby, .candidate, .fenced: nil
        }
    }

    /// What the journal knows of owners. What was handed on from here only where that is safe: it may have been
    /// forgotten before it was told to anybody.
    private func remember(
        _ sources: [HandoffSourceState], _ targets: [HandoffTargetState], _ context: SliceContext
    ) {
        var transitions: [SignedTransition] = []
        for state in sources {
            guard let signed = state.transition else { continue }
            if state.phase != .sent || (state.since?.position ?? 0) <= desk.safe { transitions.append(signed) }
        }
        // What was adopted is safe at its source.
        for state in targets where state.phase == .adopted {
            guard let signed = state.transition else { continue }
            transitions.append(signed)
            desk.adopted.insert(signed.transition.hash(by: context.board.witness))
        }
        guard !transitions.isEmpty else { return }
        context.board.take(journaled: transitions)
        tellNews?(.transitions(transitions))
    }

    func make(source state: HandoffSourceState, _ epoch: PartitionEpoch, _ context: SliceContext) {
        let (id, board) = (state.order.id, context.board)
        let voice = HandoffSource.Voice(
            mesh: board.mesh, epoch: epoch, warrant: context.warrant, signer: context.signer)
        desk.sources[id] = HandoffSource(
            state: state, safe: desk.safe, voice: voice, settings: context.settings, witness: board.witness)
        if !state.isOver {
            desk.sending[state.order.slice] = id
            // What was handed on before this reign is not brought over any more.
            let isCounted = state.phase != .sent && state.phase != .garbage
            if isCounted, desk.inFlight.insert(id).inserted { desk.budget.begin() }
        }
        if !desk.hasHeard { enqueue(.source(id, .holdSeal(true))) }
        // Before anything else: a copy that may be the last must not go.
        tellSource(of: state.order, context)
        enqueue(.source(id, .turn(false)))
        enqueue(.source(id, .start))
    }

    func make(target state: HandoffTargetState, _ context: SliceContext) {
        desk.targets[state.order.id] = HandoffTarget(
            state: state, safe: desk.safe, mesh: context.board.mesh, settings: context.settings,
            witness: context.board.witness)
        tellArriving()
        // Before it may find that it is over: what was dropped may be ours after all.
        tellTarget(of: state.order, context)
        enqueue(.target(state.order.id, .start))
    }

    /// Says which slices are on their way here.
    func tellArriving() {
        slices?.board.setArriving(desk.arriving)
    }

    // MARK: - What becomes safe, and what moved

    private func settleSlices(_ position: UInt64) {
        guard desk.epoch != nil, position > desk.safe else { return }
        desk.safe = position
        for (id, read) in desk.unsafePieces where read.shows <= position {
            desk.unsafePieces[id] = nil
            deliver(read.piece, to: id)
        }
        for id in desk.sources.keys.sorted() { step(source: id, .safe(through: position)) }
        for id in desk.targets.keys.sorted() { step(target: id, .safe(through: position)) }
        for id in desk.tasks.keys.sorted() { settleTask(id) }
    }

    /// Owners changed: by hand-ons that others told of, or by an operator's act.
    func registersMoved(_ moved: [SliceID]) {
        guard let context = slices, desk.epoch != nil else { return }
        holdTasks()
        hearEarly()
        for slice in moved {
            guard let register = context.board.register(of: slice) else { continue }
            if let id = desk.sending[slice], let order = desk.sources[id]?.order { tellSource(of: order, context) }
            let arriving = desk.targets.values.map(\.order).filter { $0.slice == slice }.sorted { $0.id < $1.id }
            for order in arriving { tellTarget(of: order, context) }
            for (id, run) in desk.tasks where run.machine.state.phase != .ended {
                enqueue(.task(id, .register(register)))
            }
        }
    }

    /// A source hears that its slice is another's, and what became of it where it was handed on already.
    private func tellSource(of order: HandoffOrder, _ context: SliceContext) {
        guard let walk = context.board.walk(of: order.slice), walk.register != order.register else { return }
        enqueue(.source(order.id, .registerMoved(walk.register)))
        switch walk.outlook(of: order) {
        case .overtaken: enqueue(.source(order.id, .overtaken))
        case .passedOn: enqueue(.source(order.id, .passedOn))
        case .open, .handedOn, .elsewhere, .takenOver: break
        }
    }

    /// A target may hear from the roster that the slice is its own before the source says so, or though that is gone;
    /// that it never will be; or that an operator took it over, so that what came may be the last copy.
    private func tellTarget(of order: HandoffOrder, _ context: SliceContext) {
        guard let epoch = desk.epoch, let walk = context.board.walk(of: order.slice) else { return }
        let outlook = walk.outlook(of: order)
        if let hash = outlook.handOn, let signed = context.board.transition(hash, of: order.slice) {
            let message = HandoffMessage(id: order.id, epoch: epoch, body: .handOn(signed))
            enqueue(.target(order.id, .received(message)))
        }
        let reason = "the slice went to \(walk.owner) meanwhile"
        switch outlook {
        case .overtaken, .takenOver: enqueue(.target(order.id, .salvage(reason: reason)))
        case .elsewhere: enqueue(.target(order.id, .abandon(reason: reason)))
        case .open, .handedOn, .passedOn: break
        }
    }

    /// What other bolts know of owners is known here too: from now on slices may be handed on.
    func registersHeard() {
        guard slices != nil, !desk.hasHeard else { return }
        desk.hasHeard = true
        for id in desk.sources.keys.sorted() { enqueue(.source(id, .holdSeal(false))) }
    }

    // MARK: - Looks

    /// Time passes: tasks tick, sources say how they stand, envoys are put into their slices and counted.
    func lookAfterSlices() {
        guard slices != nil, desk.epoch != nil else { return }
        let now = ContinuousClock.now
        placeUnplaced()
        if now - desk.ticked >= SliceShellLimits.tickInterval {
            desk.ticked = now
            let added = pace.turn(isMoving: !desk.sending.isEmpty || !desk.targets.isEmpty)
            if let added { desk.budget.observe(addedMilliseconds: added) }
            holdTasks()
            let running = desk.tasks.filter { $0.value.machine.state.phase != .ended }.keys.sorted()
            for id in running { enqueue(.task(id, .tick(now - began))) }
            for id in desk.drivers.keys.sorted() { report(id) }
        }
        if now >= desk.counted { count(now) }
        forgetTasks()
        sendRemains()
    }

    private func count(_ now: ContinuousClock.Instant) {
        guard let context = slices, context.board.version != nil else { return }
        do throws(StoreError) {
            let counts = try store.tables.slices.counts()
            let tables = store.tables.slices
            try desk.sizes.look(counts) { slice, limit throws(StoreError) in
                try tables.sample(of: slice, limit: limit)
            }
            lookForRemains(among: Array(counts.keys))
            try lookForReassigned()
            try lookForDisplaced(among: Array(counts.keys))
            var destinations: [SliceID: PartitionName] = [:]
            for (slice, id) in desk.sending {
                if let source = desk.sources[id], !source.state.isOver { destinations[slice] = source.order.to }
            }
            let slices = Set(counts.keys).union(destinations.keys)
            let census = SliceCensus(
                entries: slices.map {
                    SliceCensus.Entry(
                        slice: $0, envoys: counts[$0] ?? 0, bytes: desk.sizes.bytes(of: $0, envoys: counts[$0] ?? 0),
                        destination: destinations[$0])
                }, tasks: taskViews(brief: true).compactMap { try? Array(APIJSON.encode($0)) }, room: room,
                secrets: try secretNames(context))
            // Counting many envoys takes a while: it is done the more seldom.
            let took = ContinuousClock.now - now
            desk.counted = now + max(SliceShellLimits.censusInterval, took * 200)
            context.board.note(census, of: identity.partition)
            if let told = desk.told, told.census.agrees(with: census), told.census.tasks == census.tasks,
                told.census.secrets == census.secrets, now - told.at < SliceShellLimits.censusRepeat
            {
                return
            }
            desk.told = (census, now)
            tellNews?(.census(census))
        } catch { fail(error, "counting the envoys of slices") }
    }

    /// Envoys that were seen here before there was a topology are put into their slices.
    private func placeUnplaced() {
        guard !desk.isPlaced, !desk.isPlacing, let context = slices, context.board.version != nil, let placing
        else { return }
        do throws(StoreError) {
            let (envoys, last) = try store.tables.slices.unplaced(
                after: desk.placedThrough, limit: SliceShellLimits.placeEnvoys)
            desk.placedThrough = last
            guard !envoys.isEmpty else {
                desk.isPlaced = last == nil
                return
            }
            desk.isPlacing = true
            Task {
                let places = await placing(envoys)
                self.placed(envoys, places)
            }
        } catch { fail(error, "reading who is in no slice") }
    }

    private func placed(_ envoys: [PrincipalID], _ places: [PrincipalID: SliceID]) {
        let placements = envoys.compactMap { envoy in
            places[envoy].map { PartitionCommand.EnvoyPlacement(envoy: envoy, slice: $0) }
        }
        guard desk.epoch != nil, !placements.isEmpty else { return placedAgain() }
        begin([.placed(placements)], level: .local) { answer in
            if case .done = answer { self.desk.isPlacing = false } else { self.placedAgain() }
        }
    }

    /// An envoy may have come that is in no slice: until that was looked for nothing is handed on.
    func placeAnew() { (desk.isPlaced, desk.placedThrough) = (false, nil) }

    /// What was not written is looked for again, from the beginning.
    private func placedAgain() {
        (desk.isPlacing, desk.placedThrough) = (false, nil)
    }
}
