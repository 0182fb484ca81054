internal import CRDT

extension PartitionMachine {
    mutating func take(_ command: CommandID, _ changes: [[UInt8]], _ level: PartitionAckLevel) {
        let waiting = PartitionReign.Waiting(command: command, changes: changes, level: level)
        if let refusal = refusal(of: waiting) {
            effects.append(.complete(command, .refused(refusal)))
            return
        }
        reign?.enqueue(waiting)
    }

    private func refusal(of command: PartitionReign.Waiting) -> PartitionRefusal? {
        guard let reign else { return .notPrimary(hears ?? following?.disk) }
        let (changes, level) = (command.changes, command.level)
        if !changes.fitIntoOneRecord { return .tooLarge }
        if waitsForRoom { return .storage(.full) }
        if reign.handover != nil, reign.waitingChanges + changes.count > PartitionLimits.recordCommandsMax {
            return .handingOver
        }
        if level == .paired, let configuration = planned.configuration, configuration.inSync.count == 1,
            configuration.members.count > 1, mutation != .ackPairedWithoutStandby
        {
            return .notPaired
        }
        let isFull =
            reign.waitingChanges + changes.count + reign.unansweredCount > PartitionLimits.commandsMax
            || reign.waitingBytes + command.bytes > PartitionLimits.commandsBytesMax
        return isFull ? .overloaded : nil
    }

    /// One record of as many waiting commands as its limits allow, when the disk is free: a group commit.
    mutating func writeWaiting() {
        guard inFlight == nil, staged.isEmpty, !waitsForRoom, reign?.handover == nil,
            let taken = reign?.dequeueForRecord(), !taken.isEmpty,
            let point = write(.commands(taken.flatMap(\.changes)))
        else { return }
        let commands = taken.map { (command: $0.command, level: $0.level) }
        reign?.unanswered.append(PartitionReign.Unanswered(point: point, commands: commands))
        reign?.unansweredCount += taken.count
    }

    /// The next record of the own reign.
    @discardableResult
    mutating func write(_ content: JournalRecord.Content) -> LogPoint? {
        guard let epoch = reign?.epoch else { return nil }
        let tip = planned.tip
        let record = JournalRecord(epoch: epoch, position: tip.position + 1, previous: tip.hash, content: content)
        let point = chain.point(of: record)
        stage(record, at: point)
        reign?.window.append(record, point)
        return point
    }

    /// What became safe, and who is answered for it.
    ///
    /// A position is safe when every member in sync, as the last configuration at or before it says, has all up to it
    /// on disk: two at least, or the only member. A smaller set therefore counts once the record that says so is
    /// durable on all of it, and a larger one from its record on.
    mutating func advance() {
        guard let begin = reign?.begin, var (known, paired) = reign.map({ ($0.reached, $0.paired) }),
            durable.tip.position >= begin.position
        else { return }
        var end = planned.tip.position
        for placed in planned.configurations.reversed() where placed.position >= begin.position {
            let configuration = placed.configuration
            let reach = configuration.inSync.reduce(end) { min($0, reached(by: $1)) }
            let isPair = configuration.inSync.count > 1 || isCareless
            if reach >= placed.position, isPair || configuration.members.count == 1 {
                if isPair { paired = max(paired, reach) }
                known = max(known, reach)
                break
            }
            end = placed.position - 1
        }
        reign?.reached = known
        reign?.paired = paired
        let announced = mutation == .lazySafe ? durable.tip.position : known
        if announced > safe {
            settle(announced)
        }
        answer()
        offerHandover()
        resolveRemovals()
    }

    private var isCareless: Bool {
        mutation == .ackPairedWithoutStandby || mutation == .dropInSyncBeforeDurable
    }

    private func reached(by disk: ReplicaID) -> UInt64 {
        if disk == own.disk { return durable.tip.position }
        if mutation == .countLaggingAsInSync, case .point(let sent) = peers[disk]?.cursor { return sent.position }
        if mutation == .dropInSyncBeforeDurable, planned.configuration?.inSync.contains(disk) == false {
            return planned.tip.position
        }
        return peers[disk]?.acknowledged?.position ?? 0
    }

    private mutating func answer() {
        guard let reached = reign?.reached, let paired = reign?.paired, var unanswered = reign?.unanswered,
            let first = unanswered.first, first.point.position <= durable.tip.position
        else { return }
        var answered = 0
        for index in unanswered.indices {
            let point = unanswered[index].point
            guard point.position <= durable.tip.position else { break }
            let isReached = point.position <= reached
            let level = point.position <= paired ? PartitionAckLevel.paired : .local
            unanswered[index].commands.removeAll { entry in
                guard isReached || entry.level == .local else { return false }
                effects.append(.complete(entry.command, .done(point, level: level, safe: safe)))
                answered += 1
                return true
            }
        }
        guard answered > 0 else { return }
        unanswered.removeAll(where: \.commands.isEmpty)
        reign?.unanswered = unanswered
        reign?.unansweredCount -= answered
    }

    /// Commands of records that are taken back are refused: they are in no journal.
    mutating func refuseRecords(after position: UInt64, _ failure: PersistFailure) {
        guard let unanswered = reign?.unanswered else { return }
        for entry in unanswered where entry.point.position > position {
            for (command, _) in entry.commands {
                effects.append(.complete(command, .refused(.storage(failure))))
            }
            reign?.unansweredCount -= entry.commands.count
        }
        reign?.unanswered.removeAll { $0.point.position > position }
        let waiting = reign?.dequeueAll() ?? []
        for entry in waiting { effects.append(.complete(entry.command, .refused(.storage(failure)))) }
    }

    /// Ceases to reign; `next` is who will, as far as is known. What is in no record is refused, the rest undecided.
    mutating func stepDown(_ next: ReplicaID?) {
        guard let reign else { return }
        self.reign = nil
        for entry in reign.waiting { effects.append(.complete(entry.command, .refused(.notPrimary(next)))) }
        for entry in reign.unanswered {
            for (command, _) in entry.commands { effects.append(.complete(command, .undecided(entry.point))) }
        }
        if let handover = reign.handover {
            if handover.to == next, handover.isOffered {
                handedOver = (handover.operation, handover.to, 0)
            } else {
                effects.append(.resolve(handover.operation, .ask(next)))
            }
        }
        for removal in removals { effects.append(.resolve(removal.operation, .ask(next))) }
        removals = []
        for disk in peers.keys { peers[disk]?.endReign() }
        loads = loads.filter { if case .feed = $0.value { false } else { true } }
        following = nil
        isAskingForLog = false
    }

    /// A look at who is late, a sign of life for all.
    mutating func tickPrimary() {
        let tip = planned.tip.position
        for disk in peers.keys {
            peers[disk]?.lateTicks += 1
            peers[disk]?.owed = tip
        }
        if !waitsForRoom {
            reviewConfiguration()
            bury()
        }
        tickHandover()
        guard let epoch = reign?.epoch else { return }
        for disk in peers.keys.sorted() where peers[disk]?.hello != nil && !cutOff.contains(disk) {
            var after = durable.tip
            if case .point(let point) = peers[disk]?.cursor { after = point }
            send(.append(epoch: epoch, after: after, records: [], safe: safe), to: disk)
        }
    }
}
