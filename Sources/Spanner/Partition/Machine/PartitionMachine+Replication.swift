internal import CRDT

extension PartitionMachine {
    /// Where a peer's log parts from the own one, and so from where it is sent.
    mutating func place(_ disk: ReplicaID, _ hello: PartitionHello) {
        guard peers[disk]?.snapshot == PartitionPeer.Snapshot.none, !cutOff.contains(disk) else { return }
        switch planned.epochs.fork(with: hello.epochs) {
        case .after(let fork):
            let start = mutation == .cutByHighWaterMark ? min(hello.safe, fork) : fork
            if fork < hello.safe {
                notify(.contradiction(disk, "its log parts from this one at \(fork), below what it holds as safe"))
            }
            peers[disk]?.rewind(to: .position(start, cut: hello.tip.position > start ? hello.tip : nil))
        case .unknown: takeSnapshot(for: disk)
        }
    }

    /// Sends every peer what it lacks, as far as its window allows.
    mutating func feedAll() {
        for disk in peers.keys.sorted() { feed(disk) }
    }

    private mutating func feed(_ disk: ReplicaID) {
        guard let epoch = reign?.epoch, let peer = peers[disk], peer.link != nil, peer.hello != nil,
            !peer.isLoading, peer.snapshot == .none, !cutOff.contains(disk)
        else { return }
        switch peer.cursor {
        case .unknown: return
        case .position(let position, let end):
            guard let point = knownPoint(at: position) else {
                load(after: position, for: disk)
                return
            }
            settle(disk, at: point, cutting: end)
            feed(disk)
        case .point(var at):
            while at.position < planned.tip.position {
                let onItsWay = peers[disk]?.unacknowledgedBytes ?? 0
                guard onItsWay < PartitionLimits.unacknowledgedBytesMax else { return }
                guard let run = reign?.window.run(after: at.position) else {
                    load(after: at.position, for: disk)
                    return
                }
                send(.append(epoch: epoch, after: at, records: run.records, safe: safe), to: disk)
                peers[disk]?.sent(run.tip, bytes: run.bytes)
                noteSent(run.tip.position)
                at = run.tip
            }
        }
    }

    private mutating func noteSent(_ position: UInt64) {
        if position > reign?.sent ?? 0 { reign?.sent = position }
    }

    private mutating func settle(_ disk: ReplicaID, at point: LogPoint, cutting end: LogPoint?) {
        guard let epoch = reign?.epoch else { return }
        if let end { send(.cut(epoch: epoch, point, of: end), to: disk) }
        peers[disk]?.cursor = .point(point)
    }

    /// The chain's value at a position of the own log, where memory has it.
    private func knownPoint(at position: UInt64) -> LogPoint? {
        if position == 0 { return LogPoint(epoch: .none, position: 0, hash: own.partition) }
        if position == planned.tip.position { return planned.tip }
        if position == durable.tip.position { return durable.tip }
        return reign?.window.point(at: position) ?? planned.epochs.begins.last { $0.position == position }
    }

    private mutating func load(after position: UInt64, for disk: ReplicaID) {
        guard let epoch = reign?.epoch else { return }
        let load = LoadID(number())
        loads[load] = .feed(disk, epoch, after: position)
        peers[disk]?.isLoading = true
        effects.append(.load(load, from: position &+ 1, bytesMax: PartitionLimits.appendBytesMax))
    }

    mutating func loaded(_ load: LoadID, _ records: [JournalRecord]) {
        switch loads.removeValue(forKey: load) {
        case nil: return
        case .feed(let disk, let epoch, let position):
            // A rewind in the meantime asked for something else, or for nothing.
            guard reign?.epoch == epoch, peers[disk]?.isLoading == true, peers[disk]?.cursor.position == position
            else { return }
            peers[disk]?.isLoading = false
            feed(disk, loaded: Array(records.prefix(PartitionLimits.appendRecordsMax)))
        case .fetch(let link, let operation): fetchLoaded(link, operation, records)
        }
    }

    private mutating func feed(_ disk: ReplicaID, loaded records: [JournalRecord]) {
        guard let cursor = peers[disk]?.cursor, let position = cursor.position else { return }
        guard let first = records.first, first.position == position &+ 1,
            let at = before(first)
        else {
            takeSnapshot(for: disk)
            return
        }
        if case .position(_, let end) = cursor { settle(disk, at: at, cutting: end) }
        guard case .point(let start) = peers[disk]?.cursor, let epoch = reign?.epoch else { return }
        guard let tip = chain.tip(after: start, records) else {
            fence("records after \(start.position) do not follow: what this disk holds was altered")
            return
        }
        send(.append(epoch: epoch, after: start, records: records, safe: safe), to: disk)
        peers[disk]?.sent(tip, bytes: records.reduce(0) { $0 + $1.contentBytes })
    }

    /// The point before a record of the own log.
    func before(_ record: JournalRecord) -> LogPoint? {
        guard record.position > 0 else { return nil }
        let position = record.position - 1
        if position == 0 { return LogPoint(epoch: .none, position: 0, hash: record.previous) }
        return planned.epochs.epoch(at: position).map {
            LogPoint(epoch: $0, position: position, hash: record.previous)
        }
    }

    /// A standby says where its log ends, durably.
    mutating func acknowledged(_ epoch: PartitionEpoch, _ point: LogPoint, by disk: ReplicaID) {
        guard let reign, reign.epoch == epoch, point.position <= planned.tip.position, planned.holds(point) else {
            return
        }
        if let kept = reign.window.point(at: point.position), kept != point {
            notify(.contradiction(disk, "it acknowledges another record at \(point.position)"))
            return
        }
        guard var peer = peers.removeValue(forKey: disk) else { return }
        if point.position >= peer.owed || point.position > peer.acknowledged?.position ?? 0 { peer.lateTicks = 0 }
        peer.acknowledge(point)
        peer.hello?.isForgetful = false
        if case .sending = peer.snapshot { peer.snapshot = .none }
        if peer.cursor == .unknown, peer.snapshot == .none { peer.cursor = .point(point) }
        peers[disk] = peer
        join(disk)
    }

    /// What was sent does not follow what a standby holds.
    mutating func mismatched(_ epoch: PartitionEpoch, _ hello: PartitionHello, by disk: ReplicaID) {
        guard hello.partition == own.partition, hello.history.count <= PartitionLimits.historyMax else { return }
        peers[disk]?.hello = hello
        observe(hello, of: disk)
        // A disk that was removed while it sought an epoch of its own learns it by no record.
        if reign?.epoch == epoch, !knows(disk), !hello.isForgetful { send(.hello(self.hello()), to: disk) }
        // Whoever promised another epoch takes nothing of this one, however often it is sent.
        guard let reign, reign.epoch == epoch, hello.promised <= epoch else { return }
        if case .building = peers[disk]?.snapshot { return }
        peers[disk]?.snapshot = .none
        place(disk, hello)
    }

    private mutating func takeSnapshot(for disk: ReplicaID) {
        guard let link = peers[disk]?.link else { return }
        peers[disk]?.rewind(to: .unknown)
        peers[disk]?.snapshot = .building(link)
        effects.append(.takeSnapshot(link))
    }

    mutating func snapshotTaken(_ link: LinkID, _ point: LogPoint, _ bytes: UInt64, _ digest: Bytes32) {
        guard let disk = links[link], peers[disk]?.snapshot == .building(link), let epoch = reign?.epoch else { return }
        peers[disk]?.snapshot = .sending(link)
        effects.append(.send(.hello(hello()), on: link))
        effects.append(.send(.snapshot(epoch: epoch, point, bytes: bytes, digest: digest), on: link))
    }

    mutating func snapshotFailed(_ link: LinkID) {
        if let disk = links[link], peers[disk]?.snapshot != PartitionPeer.Snapshot.none {
            peers[disk]?.snapshot = .none
        }
        guard let failed = installation, failed.link == link else { return }
        installation = nil
        guard let disk = links[link] else { return }
        send(.mismatch(epoch: failed.epoch, hello()), to: disk)
    }
}
