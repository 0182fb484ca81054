import CRDT
import Spanner

extension HandoffSimulation {
    // MARK: - Source

    func perform(_ effect: HandoffSource.Effect, of id: HandoffID, at partition: Int) {
        switch effect {
        case .journal(let record):
            trace.keep(now, "\(partitions[partition].name) journals \(HandoffSimulation.word(record)) of \(id)")
            checkHandsOn(record, of: id, by: partition)
            journal(.source(record), at: partition)
        case .send(let message):
            guard let order = partitions[partition].sources[id]?.order, let to = index(of: order.to) else { return }
            transmit(on: 2 * to) { .message(message, to: to) }
        case .setTimer(let timer, let after):
            queue.push(
                .sourceTimer(partition: partition, life: partitions[partition].life, id, timer),
                at: now + HandoffSimulation.microseconds(after))
        case .publish(let signed):
            checkHandOn(signed, of: id, by: partition)
            publish(signed, at: partition)
            loseTarget(of: signed)
        case .tooLateToCancel: count(work: "cancellations that came too late")
        case .ended(let phase):
            switch phase {
            case .done: count(work: "slices moved")
            case .overtaken: count(work: "hand-ons overtaken")
            case _: count(work: "handoffs cancelled")
            }
            if phase == .cancelled, isTargetDown(of: id, at: partition) {
                count(work: "handoffs cancelled while their target was away")
            }
            trace.keep(now, "\(partitions[partition].name) ends \(id): \(phase)")
            partitions[partition].sources[id] = nil
            partitions[partition].snapshots[id] = nil
        case .readSnapshot, .readTail, .locate, .digest, .collect:
            let delay = 100 + generator.below(effect == .collect ? 300_000 : 3000)
            queue.push(.shell(partition: partition, life: partitions[partition].life, id, effect), at: now + delay)
        }
    }

    /// What a shell does, a little later.
    func carryOut(_ effect: HandoffSource.Effect, of id: HandoffID, at partition: Int) {
        guard let slice = partitions[partition].sources[id]?.order.slice else { return }
        switch effect {
        case .readSnapshot(let point, let number, let place):
            step(partition, source: id, .read(snapshot(of: point, number, at: place, slice, id, partition)))
        case .readTail(let after, let limit): readTail(after, limit, slice, id, partition)
        case .locate(let points):
            let known = points.first { point in
                point.position <= partitions[partition].safe && partitions[partition].has(point)
            }
            step(partition, source: id, .located(known))
        case .digest(let point):
            let rows = partitions[partition].rows(of: slice, at: point.position)
            step(partition, source: id, .digested(at: point, HandoffSimTables.digest(rows)))
        case .collect where partitions[partition].sources[id]?.isOvertaken == true: break
        case .collect:
            checkCollection(of: id, by: partition)
            journal(.remove(id, slice), at: partition)
        case .journal, .send, .setTimer, .publish, .tooLateToCancel, .ended: break
        }
    }

    private func snapshot(
        of point: LogPoint?, _ number: UInt32, at place: LogPoint?, _ slice: SliceID, _ id: HandoffID, _ partition: Int
    ) -> HandoffPiece {
        let perPiece = 4
        var number = Int(number)
        if point == nil || partitions[partition].snapshots[id]?.point != point {
            let at = place ?? partitions[partition].tip
            partitions[partition].snapshots[id] = (at, partitions[partition].rows(of: slice, at: at.position))
            number = 0
            count(work: "snapshots")
        }
        guard let open = partitions[partition].snapshots[id] else {
            return HandoffPiece(
                place: .snapshot(of: partitions[partition].tip, number: 0, isLast: true), content: [])
        }
        let numbers = Array(open.rows.dropFirst(number * perPiece).prefix(perPiece))
        let isLast = (number + 1) * perPiece >= open.rows.count
        return HandoffPiece(
            place: .snapshot(of: open.point, number: UInt32(number), isLast: isLast),
            content: HandoffSimTables.content(numbers))
    }

    private func readTail(_ after: LogPoint, _ limit: UInt64, _ slice: SliceID, _ id: HandoffID, _ partition: Int) {
        let owner = partitions[partition]
        guard owner.has(after), !losesTails, !(chance(1) && healedAt == nil) else {
            count(work: "tails that were gone")
            return step(partition, source: id, .tailGone(after: after))
        }
        let last = min(limit, UInt64(owner.journal.count), after.position + 8)
        guard last > after.position else {
            let effect = HandoffSource.Effect.readTail(after: after, upTo: limit)
            let later = now + 5 * HandoffSimulation.millisecond
            return queue.push(.shell(partition: partition, life: owner.life, id, effect), at: later)
        }
        var numbers: [UInt64] = []
        for entry in owner.journal[Int(after.position)..<Int(last)] {
            switch entry.content {
            case .write(slice, let number): numbers.append(number)
            case .join(slice, let more): numbers += more
            case _: break
            }
        }
        let through = owner.journal[Int(last) - 1].point
        if numbers.isEmpty {
            step(partition, source: id, .skipped(after: after, through: through))
        } else {
            let piece = HandoffPiece(
                place: .tail(after: after, through: through), content: HandoffSimTables.content(numbers))
            step(partition, source: id, .read(piece))
        }
    }

    // MARK: - Target

    func perform(_ effect: HandoffTarget.Effect, of id: HandoffID, at partition: Int) {
        switch effect {
        case .journal(let record):
            if let word = HandoffSimulation.word(record) {
                trace.keep(now, "\(partitions[partition].name) journals \(word) of \(id)")
            }
            journal(.target(record), at: partition)
        case .reply(let reply):
            guard let order = partitions[partition].targets[id]?.order, let to = index(of: order.from), !loses(reply)
            else { return }
            transmit(on: 2 * to + 1) { .reply(reply, to: to) }
        case .setTimer(let timer, let after):
            queue.push(
                .targetTimer(partition: partition, life: partitions[partition].life, id, timer),
                at: now + HandoffSimulation.microseconds(after))
        case .serve(let signed):
            partitions[partition].adopted.insert(signed.transition.hash(by: witness))
            publish(signed, at: partition)
        case .ended(let phase):
            if phase == .adopted { count(work: "slices adopted") }
            partitions[partition].targets[id] = nil
        case .check, .digest:
            queue.push(
                .targetShell(partition: partition, life: partitions[partition].life, id, effect),
                at: now + 100 + generator.below(3000))
        }
    }

    func carryOut(_ effect: HandoffTarget.Effect, of id: HandoffID, at partition: Int) {
        switch effect {
        case .check(let order):
            let tables = partitions[partition].tables
            var blockers: [String] = []
            if partitions[partition].isAlone(at: now) { blockers.append("no standby is in sync") }
            if tables.rows[order.slice] != nil { blockers.append("an older copy is not collected yet") }
            if tables.sources.values.contains(where: { $0.order.slice == order.slice && !$0.isOver }) {
                blockers.append("an older handoff is not over")
            }
            if tables.targets.values.contains(where: {
                $0.order.slice == order.slice && $0.order.id != id && ($0.phase == .receiving || $0.phase == .held)
            }) {
                blockers.append("the slice is being received under another handoff")
            }
            if !blockers.isEmpty { count(work: "offers refused") }
            step(partition, target: id, .checked(blockers: blockers))
        case .digest(let point):
            let rows = partitions[partition].tables.staged[id]?.rows ?? []
            step(partition, target: id, .digested(at: point, HandoffSimTables.digest(rows)))
        case .journal, .reply, .setTimer, .serve, .ended: break
        }
    }

    // MARK: - Network

    /// Sends something: in its turn, late, twice or never.
    private func transmit(on link: Int, _ action: () -> HandoffSimAction) {
        let copies: Int
        switch generator.below(100) {
        case 0..<6 where isFaulty: copies = 0
        case 6..<14 where isFaulty: copies = 2
        default: copies = 1
        }
        if copies != 1 { count(fault: copies == 0 ? "messages lost" : "messages doubled") }
        for _ in 0..<copies {
            let soon = now + 300 + generator.below(4000)
            if isFaulty, chance(6) {
                queue.push(action(), at: soon + generator.below(1500) * HandoffSimulation.millisecond)
            } else {
                arrivals[link] = max(arrivals[link], soon)
                queue.push(action(), at: arrivals[link])
            }
        }
    }

    private var isFaulty: Bool { options.hasBadNetwork && healedAt == nil }

    func deliver(_ message: HandoffMessage, to partition: Int) {
        guard partitions[partition].isUp else { return }
        if partitions[partition].targets[message.id] == nil {
            if let state = partitions[partition].tables.targets[message.id] {
                makeTarget(state, at: partition)
            } else if case .offer(let order, _) = message.body {
                guard let genesis,
                    partitions[partition].walk(order.slice, from: genesis)?.admits(offer: order) == true
                else { return }
                makeTarget(HandoffTargetState(order: order), at: partition)
            } else if let reply = HandoffTarget.answer(toUnknown: message) {
                // Whose it is, only the source knows: it hears it from whoever it asked.
                for other in partitions.indices where partitions[other].tables.sources[message.id] != nil {
                    transmit(on: 2 * other + 1) { .reply(reply, to: other) }
                }
                return
            }
        }
        step(partition, target: message.id, .received(message))
    }

    func deliver(_ reply: HandoffReply, to partition: Int) {
        guard partitions[partition].isUp else { return }
        if partitions[partition].sources[reply.id] == nil {
            guard let state = partitions[partition].tables.sources[reply.id] else { return }
            guard !state.isOver else { return answer(reply, of: state, at: partition) }
            makeSource(state, at: partition)
        }
        step(partition, source: reply.id, .received(reply))
    }

    /// What is over needs no machine: the journal says what a target that asks is told.
    private func answer(_ reply: HandoffReply, of state: HandoffSourceState, at partition: Int) {
        let (safe, epoch) = (partitions[partition].safe, partitions[partition].epoch)
        guard options.mutant?.mutation != .endsUntold, let to = index(of: state.order.to),
            let message = HandoffSource.answer(to: reply, of: state, safe: safe, epoch: epoch)
        else { return }
        transmit(on: 2 * to) { .message(message, to: to) }
    }

    // MARK: - Registers

    private func publish(_ signed: SignedTransition, at partition: Int) {
        let delta = SliceDelta([signed])
        let taken = partitions[partition].registers.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
        if taken.forged > 0 { violate("P7", "a hand-on of \(partitions[partition].name) does not verify") }
        _ = published.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
        tellMachines(at: partition, of: [signed.transition.slice])
    }

    func gossip() {
        if !isOver { queue.push(.gossip, at: now + (20 + generator.below(80)) * HandoffSimulation.millisecond) }
        let (from, to) = (Int(generator.below(3)), Int(generator.below(3)))
        guard !course.isCut, from != to, partitions[from].isUp, partitions[to].isUp else { return }
        let known = Set(partitions[to].registers.slices.flatMap { partitions[to].registers.hashes(of: $0) })
        let slices = partitions[from].registers.slices
        for delta in partitions[from].registers.deltas(of: slices, lacking: known) {
            let taken = partitions[to].registers.absorb(delta, mesh: TestIdentity.mesh, witness: witness)
            if taken.forged > 0 { violate("P7", "a transition that \(partitions[from].name) keeps does not verify") }
            tellMachines(at: to, of: taken.slices)
        }
        bringRemains()
    }

    static func microseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(max(0, seconds)) * second + UInt64(max(0, attoseconds / 1_000_000_000_000))
    }

    static func word(_ record: HandoffSourceRecord) -> String {
        switch record {
        case .begun(let order): "begun (\(order.slice) to \(order.to))"
        case .sealed: "sealed"
        case .unsealed: "unsealed"
        case .handedOn: "handed on"
        case .released: "released"
        case .collected: "collected"
        case .cancelled(_, let reason): "cancelled (\(reason))"
        case .overtaken: "overtaken"
        }
    }

    /// Nil for pieces: there are too many of them.
    static func word(_ record: HandoffTargetRecord) -> String? {
        switch record {
        case .opened: "opened"
        case .stored: nil
        case .truncated: "truncated"
        case .held: "held"
        case .adopted: "adopted"
        case .dropped: "dropped"
        case .claimed: "claimed"
        }
    }
}
