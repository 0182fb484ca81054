internal import CRDT

/// What a machine keeps of a log: where its epochs began, where it ends, and who replicated it from where on. One
/// stands for what is durable, one for what will be once everything that waits for the disk is.
struct PartitionLogState: Hashable, Sendable {
    var epochs: EpochHistory
    /// Those above the safe position and the last one at or below it.
    var configurations: [PlacedConfiguration]

    var tip: LogPoint { epochs.tip }
    var configuration: PartitionConfiguration? { configurations.last?.configuration }
    /// Every disk that one of these configurations names. One that the last leaves out counts until that is safe: who
    /// wrote it may have been superseded, and then it was never in force.
    var counted: Set<ReplicaID> { Set(configurations.flatMap(\.configuration.members)) }

    init(_ durable: PartitionDurable) {
        (epochs, configurations) = (durable.epochs, durable.configurations)
        settle(durable.safe)
    }

    mutating func append(_ record: JournalRecord, at point: LogPoint) {
        switch record.content {
        case .control(.begin(let begin)):
            epochs.append(point, begins: true)
            configurations.append(
                PlacedConfiguration(position: point.position, configuration: begin.configuration))
        case .control(.configuration(let configuration)):
            epochs.append(point, begins: false)
            configurations.append(PlacedConfiguration(position: point.position, configuration: configuration))
        case .commands, .control(.handover), .control(.handoverCancelled):
            epochs.append(point, begins: false)
        }
    }

    mutating func cut(to point: LogPoint) {
        epochs.cut(to: point)
        configurations.removeAll { $0.position > point.position }
    }

    /// Forgets configurations that no cut can bring back.
    mutating func settle(_ safe: UInt64) {
        guard let kept = configurations.lastIndex(where: { $0.position <= safe }), kept > 0 else { return }
        configurations.removeFirst(kept)
    }

    /// Whether the record at this point is one of this log, as far as epochs tell.
    func holds(_ point: LogPoint) -> Bool {
        if point.position == 0 { return true }
        if point.position == tip.position { return point == tip }
        return epochs.epoch(at: point.position) == point.epoch
    }
}

/// One transaction that waits for the disk, and what is to be done once it is durable.
struct PartitionStagedWrite: Sendable {
    /// What follows from durability. Each answers somebody.
    enum Then: Sendable, Equatable {
        /// The primary of this epoch is told that its records are durable here.
        case acknowledge(PartitionEpoch)
        /// The candidate on this link has the promise; `before` is the one that it replaced.
        case promise(LinkID, OperationID, PartitionEpoch, before: PartitionEpoch)
        /// The new disk on this link is counted.
        case acquaint(LinkID)
        /// The own new epoch is durable: promises can be asked for.
        case minted(PartitionEpoch)
        /// Part of the tail that a promotion stands on is durable.
        case fetched(PartitionEpoch)
        /// The own epoch begins.
        case began(PartitionEpoch)
        /// This disk is no longer forgetful.
        case remembered
        /// Records were dropped.
        case truncated(from: UInt64, through: UInt64)
    }

    var cut: LogPoint?
    var records: [JournalRecord] = []
    var points: [LogPoint] = []
    var bytes = 0
    var promise: PartitionEpoch?
    var acquaintances: [ReplicaID]?
    var remembers = false
    var safe: UInt64?
    var thens: [Then] = []

    /// The transaction under a fence.
    func write(fence: PartitionEpoch) -> PartitionWrite {
        var write = PartitionWrite(fence: fence)
        write.cut = cut?.position
        write.records = records
        write.safe = safe
        write.promise = promise
        write.acquaintances = acquaintances
        write.remembers = remembers
        return write
    }
}
