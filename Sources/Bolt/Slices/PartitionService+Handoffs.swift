internal import BoltAPI
internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerTransport
internal import SpannerWire

/// What sources and targets of handoffs ask for, done.
extension PartitionService {
    /// How long a record waits that the disk, or the journal's queue, did not take.
    static let journalRetry: Duration = .milliseconds(200)
    /// After so long everything is read from the journal again, where nobody can say what it took.
    private static let rereadAfter: Duration = .seconds(1)

    func step(source id: HandoffID, _ event: HandoffSource.Event) {
        desk.sources[id]?.isAlone = isAlone
        guard let effects = desk.sources[id]?.step(event) else { return }
        desk.turnsDue = true
        // Before anybody hears of the hand-on: whoever begins the next slice because of it finds room here.
        if desk.sources[id]?.isTransferring == false { freeRoom(of: id) }
        for effect in effects { perform(effect, of: id) }
    }

    func step(target id: HandoffID, _ event: HandoffTarget.Event) {
        guard let before = desk.targets[id]?.isArriving, let effects = desk.targets[id]?.step(event) else { return }
        if let target = desk.targets[id], target.isArriving != before { tellArriving() }
        for effect in effects { perform(effect, of: id) }
    }

    /// Whether nothing becomes safe for now: of several members none but this one is in sync.
    private var isAlone: Bool {
        guard let configuration = machine.configuration else { return false }
        return configuration.members.count > 1 && configuration.inSync.count < 2
    }

    // MARK: - Source

    func perform(_ effect: HandoffSource.Effect, of id: HandoffID) {
        guard let order = desk.sources[id]?.order, let context = slices else { return }
        do throws(StoreError) {
            switch effect {
            case .journal(let record): journal(record, of: id)
            case .send(let message):
                if case .piece(let piece) = message.body {
                    metrics.add(.handoffBytes, ["away"], by: Double(piece.content.count))
                }
                context.board.line(to: order.to)?.send(.handoff(message))
            case .readSnapshot(let point, let number, let seal):
                guard hasRoom(to: order.to, effect, of: id) else { return }
                try readSnapshot(of: point, number, at: seal, of: id, order.slice)
            case .readTail(let after, let limit):
                guard hasRoom(to: order.to, effect, of: id) else { return }
                try readTail(after, limit, effect, of: id, order.slice)
            case .locate(let places):
                enqueue(.source(id, .located(try store.first(of: places, safe: desk.safe))))
            case .digest(let point):
                let digest = store.beginDigest(of: order.slice)
                desk.digests[id] = HandoffDesk.DigestRun(point: point, digest: digest)
                goOnWithDigest(of: id)
            case .publish(let signed):
                context.board.take(journaled: [signed])
                tellNews?(.transitions([signed]))
                logger.notice("slice handed on", metadata: words(order))
            case .collect: collect(id)
            case .setTimer(let timer, let after): post(.desk(.source(id, .timerFired(timer))), after: after)
            case .tooLateToCancel:
                logger.info("a handoff cannot be cancelled any more", metadata: words(order))
            case .ended(let phase): end(source: id, phase)
            }
        } catch { fail(error, "handing a slice on") }
    }

    private func words(_ order: HandoffOrder) -> Logger.Metadata {
        [LogKeys.name: "\(order.slice)", LogKeys.from: "\(order.from)", LogKeys.through: "\(order.to)"]
    }

    private func journal(_ record: HandoffSourceRecord, of id: HandoffID) {
        timePause(record, of: id)
        journal(.handoffSource(record)) { fate in
            switch fate {
            case .journaled(let point): self.enqueue(.source(id, .journaled(record, at: point)))
            case .refused: self.post(.desk(.source(id, .refused(record))), after: PartitionService.journalRetry)
            case .unknown: self.post(.desk(.reign), after: PartitionService.rereadAfter)
            }
        }
    }

    /// Counts how long nobody served a slice: from the seal on which it was handed on until its new owner said that it
    /// does. What a promotion of this side came between is not counted.
    private func timePause(_ record: HandoffSourceRecord, of id: HandoffID) {
        switch record {
        case .sealed: desk.sealed[id] = ContinuousClock.now
        case .released:
            guard let sealed = desk.sealed.removeValue(forKey: id) else { return }
            metrics.observe(.slicePause, [], (ContinuousClock.now - sealed) / .seconds(1))
        case .begun, .unsealed, .handedOn, .collected, .cancelled, .overtaken: break
        }
    }

    /// Whether the target takes another piece now; else the effect is put off.
    private func hasRoom(to target: PartitionName, _ effect: HandoffSource.Effect, of id: HandoffID) -> Bool {
        guard let link = slices?.board.line(to: target), link.queuedBytes > SliceShellLimits.linkBytesMax else {
            return true
        }
        post(.desk(.perform(id, effect)), after: SliceShellLimits.linkPause)
        return false
    }

    private func readSnapshot(
        of point: LogPoint?, _ number: UInt32, at seal: LogPoint?, of id: HandoffID, _ slice: SliceID
    ) throws(StoreError) {
        var number = number
        if point == nil || desk.snapshots[id]?.point != point {
            desk.snapshots[id] = try store.beginSliceSnapshot(slice, at: seal)
            number = 0
        }
        guard var snapshot = desk.snapshots[id] else { return }
        var read = try store.piece(number, of: &snapshot)
        if read == nil {
            snapshot = try store.beginSliceSnapshot(slice, at: seal)
            read = try store.piece(0, of: &snapshot)
        }
        desk.snapshots[id] = snapshot
        guard let read else { return }
        guard read.shows <= desk.safe else {
            desk.unsafePieces[id] = HandoffDesk.ReadPiece(piece: read.piece, shows: read.shows)
            return
        }
        deliver(read.piece, to: id)
    }

    private func readTail(
        _ after: LogPoint, _ limit: UInt64, _ effect: HandoffSource.Effect, of id: HandoffID, _ slice: SliceID
    ) throws(StoreError) {
        switch try store.tail(of: slice, after: after, upTo: limit) {
        case .gone: enqueue(.source(id, .tailGone(after: after)))
        case .nothing(let through) where through == after:
            post(.desk(.perform(id, effect)), after: SliceShellLimits.linkPause)
        // Not in this run: who else waits has its turn between two batches.
        case .nothing(let through): post(.desk(.source(id, .skipped(after: after, through: through))))
        case .piece(let piece): deliver(piece, to: id)
        }
    }

    /// Hands a piece to its source, not faster than the budget allows.
    func deliver(_ piece: HandoffPiece, to id: HandoffID) {
        let bytes = piece.content.count + SliceShellLimits.pieceOverhead
        let pause = desk.budget.reserve(bytes: bytes, at: ContinuousClock.now - began)
        guard pause > .zero else { return enqueue(.source(id, .read(piece))) }
        desk.paced[id] = piece
        post(.desk(.paced(id)), after: pause)
    }

    /// A piece need not wait any longer: its time has come, or the budget is another.
    func release(_ id: HandoffID) {
        guard let piece = desk.paced.removeValue(forKey: id) else { return }
        enqueue(.source(id, .read(piece)))
    }

    private func end(source id: HandoffID, _ phase: HandoffSourceState.Phase) {
        guard let source = desk.sources.removeValue(forKey: id) else { return }
        if desk.sending[source.order.slice] == id { desk.sending[source.order.slice] = nil }
        desk.snapshots[id] = nil
        desk.digests[id] = nil
        desk.unsafePieces[id] = nil
        desk.paced[id] = nil
        desk.sealed[id] = nil
        desk.turnsDue = true
        freeRoom(of: id)
        let driver = desk.drivers.removeValue(forKey: id)
        applyLimits(with: nil)
        guard phase != .done else { return }
        let reason = source.state.stay ?? "it was cancelled before it began"
        logger.notice(
            phase == .overtaken ? "a slice that was handed on was taken over" : "a slice stays",
            metadata: words(source.order).merging([LogKeys.why: "\(reason)"]) { first, _ in first })
        if let driver { send(.cancelled(id, reason: reason), to: driver) }
    }

    // MARK: - Target

    private func perform(_ effect: HandoffTarget.Effect, of id: HandoffID) {
        guard let order = desk.targets[id]?.order, let context = slices else { return }
        do throws(StoreError) {
            switch effect {
            case .check(let order): enqueue(.target(id, .checked(blockers: try blockers(of: order, context))))
            case .journal(let record): journal(record, of: id)
            case .reply(let reply): context.board.line(to: order.from)?.send(.handoffReply(reply))
            case .digest(let point): goOnJudging(id, at: point)
            case .serve(let signed):
                desk.adopted.insert(signed.transition.hash(by: context.board.witness))
                context.board.take(journaled: [signed])
                tellNews?(.transitions([signed]))
                logger.notice("slice taken over", metadata: words(order))
            case .setTimer(let timer, let after): post(.desk(.target(id, .timerFired(timer))), after: after)
            case .ended:
                desk.targets[id] = nil
                desk.folds[id] = nil
                tellArriving()
            }
        } catch { fail(error, "taking a slice over") }
    }

    private func journal(_ record: HandoffTargetRecord, of id: HandoffID) {
        journal(.handoffTarget(record)) { fate in
            switch fate {
            case .journaled(let point):
                self.foldAhead(record)
                self.enqueue(.target(id, .journaled(record, at: point)))
            case .refused: self.post(.desk(.target(id, .refused(record))), after: PartitionService.journalRetry)
            case .unknown: self.post(.desk(.reign), after: PartitionService.rereadAfter)
            }
        }
    }

    /// What stands against taking a slice, in words.
    private func blockers(of order: HandoffOrder, _ context: SliceContext) throws(StoreError) -> [String] {
        var blockers: [String] = []
        let own = identity.partition
        if sealing.isSealed { blockers.append("\(own) is sealed") }
        if surroundings.siblings.count > 0, !isPaired { blockers.append("no standby of \(own) is in sync") }
        if isShort { blockers.append("the disk of \(own) is full") }
        blockers += try lacks(for: order, context)
        let genesis = context.board.geneses.first { $0.id == order.slice.group }
        let partition = context.board.version?.topology.partitions.first { $0.name == own }
        if let genesis, let partition, !partition.groups.contains(genesis.name) {
            blockers.append("\(own) does not serve the group \(genesis.name)")
        }
        if try store.holds(order.slice) { blockers.append("an older copy of the slice is not removed yet at \(own)") }
        let known = try store.tables.slices.handoffs(of: order.slice)
        if known.sources.contains(where: { !$0.isOver }) {
            blockers.append("an older handoff of the slice from \(own) is not over")
        }
        if known.targets.contains(where: { $0.order.id != order.id && !$0.isOver }) {
            blockers.append("the slice is being received at \(own) under another handoff")
        }
        return blockers
    }

    // MARK: - From other partitions

    /// A word about slices from a bolt of another partition. What it may say is bound to that partition: the source
    /// speaks of what it hands on, the target of what it receives.
    func hearSlices(_ message: PeerMessage, from partition: PartitionName) {
        guard let context = slices, desk.epoch != nil else { return }
        do throws(StoreError) {
            switch message {
            case .handoff(let message): try hear(message, from: partition, context)
            case .handoffReply(let reply): try hear(reply, from: partition, context)
            case .sliceOrder(let order): try take(order, from: partition)
            case .sliceReport(let report): hear(report, from: partition)
            case .sliceRemains(let remains): try take(remains, from: partition, context)
            case .sliceRemainsTaken(let mark, let verdict): remainsTaken(mark, verdict, by: partition)
            case .gossip, .partition, .snapshotPiece, .disk, .standing, .replay, .replayed, .expelled, .sliceCensus:
                break
            }
        } catch { fail(error, "reading a handoff") }
    }

    private func hear(
        _ message: HandoffMessage, from partition: PartitionName, _ context: SliceContext
    ) throws(StoreError) {
        if desk.targets[message.id] == nil, try store.tables.slices.source(message.id) != nil { return }
        if desk.targets[message.id] == nil {
            if let state = try store.tables.slices.target(message.id) {
                guard state.order.from == partition else { return }
                make(target: state, context)
            } else if case .offer(let order, _) = message.body {
                guard order.from == partition, order.to == identity.partition,
                    context.board.walk(of: order.slice)?.admits(offer: order) == true
                else {
                    // What is behind the register that is known here never comes.
                    let position = context.board.register(of: order.slice)?.position
                    guard order.from == partition, order.to == identity.partition,
                        position.map({ $0 < order.register.position }) ?? true
                    else { return }
                    return desk.wait(for: message, of: partition)
                }
                make(target: HandoffTargetState(order: order), context)
            } else {
                desk.early[message.id] = nil
                guard let reply = HandoffTarget.answer(toUnknown: message) else { return }
                context.board.line(to: partition)?.send(.handoffReply(reply))
                return
            }
        }
        guard desk.targets[message.id]?.order.from == partition, !exceedsStaging(message) else { return }
        if case .piece(let piece) = message.body {
            metrics.add(.handoffBytes, ["here"], by: Double(piece.content.count))
        }
        enqueue(.target(message.id, .received(message)))
    }

    private func hear(
        _ reply: HandoffReply, from partition: PartitionName, _ context: SliceContext
    ) throws(StoreError) {
        if desk.sources[reply.id] == nil {
            guard let state = try store.tables.slices.source(reply.id), state.order.to == partition,
                let epoch = desk.epoch
            else { return }
            guard !state.isOver else {
                let message = HandoffSource.answer(to: reply, of: state, safe: desk.safe, epoch: epoch)
                if let message { context.board.line(to: partition)?.send(.handoff(message)) }
                return
            }
            make(source: state, epoch, context)
        }
        guard desk.sources[reply.id]?.order.to == partition else { return }
        enqueue(.source(reply.id, .received(reply)))
    }
}
