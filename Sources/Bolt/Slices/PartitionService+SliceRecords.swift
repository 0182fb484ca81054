internal import CRDT
internal import Spanner
internal import SpannerStore
internal import SpannerWire

/// Steps of many slices at once: in one record where they are ready together, a few pauses at a time, and what is
/// handed on removed behind all that.
extension PartitionService {
    /// What became of a record.
    enum SliceRecordFate {
        /// It is durable here, at this place.
        case journaled(LogPoint)
        /// It is not in the journal, nor will it be.
        case refused
        /// Whether it is shows in the journal.
        case unknown
    }

    // MARK: - Records

    /// Has a step of a handoff journaled, with all others of this run of the desk: one flush here and one at each
    /// standby for all of them.
    func journal(_ command: PartitionCommand, reply: @escaping (SliceRecordFate) -> Void) {
        desk.records.append(HandoffDesk.PendingRecord(command: command, reply: reply))
    }

    /// Writes what this run of the desk has journaled. Each record is a write of its own, for its place counts.
    func writeRecords() {
        let records = desk.records
        guard !records.isEmpty else { return }
        desk.records = []
        for indices in PartitionService.recordsHolding(records.map(\.command.canonicalBytes)) {
            let together = Array(records[indices])
            begin(together.map(\.command), level: .local) { answer in
                for (index, record) in together.enumerated() {
                    record.reply(PartitionService.fate(of: index, in: answer))
                }
            }
        }
    }

    private static func fate(of index: Int, in answer: PartitionWriteAnswer) -> SliceRecordFate {
        switch answer {
        case .done(let point, _, _, let outcomes):
            if outcomes.indices.contains(index), case .refused = outcomes[index] { return .refused }
            return .journaled(point)
        case .refused: return .refused
        case .undecided: return .unknown
        }
    }

    // MARK: - Turns

    /// Has those seal whose turn it is. What is sealed together waits together: so only as many slices are unserved at
    /// once, on their way to one partition, as that has served again in a moment.
    func giveTurns() {
        guard desk.turnsDue else { return }
        desk.turnsDue = false
        var unserved: [PartitionName: (slices: Int, bytes: UInt64)] = [:]
        var ready: [HandoffID] = []
        for (id, source) in desk.sources {
            if source.isUnserved {
                let known = unserved[source.order.to] ?? (slices: 0, bytes: 0)
                unserved[source.order.to] = (slices: known.slices + 1, bytes: known.bytes &+ source.sent.bytes)
            } else if source.awaitsTurn {
                ready.append(id)
            }
        }
        for id in ready.sorted() {
            guard let source = desk.sources[id] else { continue }
            let known = unserved[source.order.to] ?? (slices: 0, bytes: 0)
            guard known.slices < HandoffLimits.slicesUnservedMax, known.bytes < HandoffLimits.unservedBytesMax else {
                continue
            }
            unserved[source.order.to] = (slices: known.slices + 1, bytes: known.bytes &+ source.sent.bytes)
            step(source: id, .turn(true))
            step(source: id, .turn(false))
        }
    }

    // MARK: - Room

    /// A handoff does not count in the budget any more.
    func freeRoom(of id: HandoffID) {
        guard desk.inFlight.remove(id) != nil else { return }
        desk.budget.end()
        if !desk.waiting.isEmpty { enqueue(.roomFree) }
    }

    /// Begins what waits, as if its driver asked just now. One that its driver does not ask for any more is forgotten.
    func beginWaiting() {
        let (now, waiting) = (ContinuousClock.now, desk.waiting)
        desk.waiting = []
        do throws(StoreError) {
            for next in waiting where now - next.at < SliceShellLimits.waitingAge {
                guard desk.budget.hasRoom else {
                    desk.waiting.append(next)
                    continue
                }
                try take(.begin(next.order), from: next.driver)
                // Where it waits on, it was asked for no later than before.
                let index = desk.waiting.firstIndex { $0.order.id == next.order.id }
                if let index { desk.waiting[index].at = next.at }
            }
        } catch { fail(error, "beginning a handoff that waited") }
    }

    /// More is known of owners: what came before that is looked at again, and not with the next second's repeat.
    func hearEarly() {
        if !desk.waiting.isEmpty { enqueue(.roomFree) }
        let early = desk.early.values.sorted { $0.message.id < $1.message.id }
        desk.early = [:]
        for offer in early { hearSlices(.handoff(offer.message), from: offer.from) }
    }

    // MARK: - What was handed on

    /// The target serves the slice, safe: our rows go, when it is their turn.
    func collect(_ id: HandoffID) {
        guard desk.sources[id]?.isOvertaken == false, !desk.collecting.contains(id) else { return }
        desk.collecting.append(id)
        if !desk.isCollecting { collectNext() }
    }

    /// Removes the rows of some envoys of the first slice that goes, and then waits as long as that took: nobody waits
    /// for this, and others have the disk meanwhile.
    func collectNext() {
        desk.isCollecting = false
        while let id = desk.collecting.first, desk.sources[id]?.isOvertaken != false { desk.collecting.removeFirst() }
        guard let id = desk.collecting.first, let slice = desk.sources[id]?.order.slice else { return }
        desk.isCollecting = true
        let begun = ContinuousClock.now
        let command = PartitionCommand.sliceCollected(id, envoys: SliceShellLimits.collectEnvoys)
        begin([command], level: .local) { answer in
            guard self.desk.collecting.first == id else { return }
            guard case .journaled = PartitionService.fate(of: 0, in: answer) else {
                return self.post(.desk(.collectNext), after: PartitionService.journalRetry)
            }
            do throws(StoreError) {
                if try !self.store.holds(slice) {
                    self.desk.collecting.removeFirst()
                    self.enqueue(.source(id, .collected))
                }
                self.post(.desk(.collectNext), after: ContinuousClock.now - begun)
            } catch { self.fail(error, "removing a slice that was handed on") }
        }
    }
}
