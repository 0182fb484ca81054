internal import CRDT

/// What a primary keeps while it reigns.
struct PartitionReign: Sendable {
    /// A command that is in no record yet.
    struct Waiting: Sendable {
        let command: CommandID
        /// What it changes, in order: never spread over two records.
        let changes: [[UInt8]]
        let level: PartitionAckLevel

        var bytes: Int { changes.reduce(0) { $0 + $1.count } }
    }

    /// A record whose commands are not all answered.
    struct Unanswered: Sendable {
        let point: LogPoint
        var commands: [(command: CommandID, level: PartitionAckLevel)]
    }

    /// A switchover that runs.
    struct Handover: Sendable {
        let operation: OperationID
        let to: ReplicaID
        let position: UInt64
        var ticks = 0
        var isOffered = false
    }

    let epoch: PartitionEpoch
    /// The `begin` record.
    let begin: LogPoint
    var window: PartitionWindow
    var waiting: [Waiting] = []
    /// Changes of `waiting`, and their bytes.
    var waitingChanges = 0
    var waitingBytes = 0
    var unanswered: [Unanswered] = []
    var unansweredCount = 0
    /// All up to here is safe.
    var reached: UInt64 = 0
    /// All up to here was on the disks of two members in sync at least.
    var paired: UInt64 = 0
    var handover: Handover?
    /// Disks that were cut off and are named in the log only to be forgotten, by who still counted them.
    var buried: [ReplicaID: Set<ReplicaID>] = [:]
    /// Highest position that anybody was ever sent: no other record may take its place in this epoch.
    var sent: UInt64 = 0

    init(epoch: PartitionEpoch, begin: LogPoint, basis: LogPoint) {
        (self.epoch, self.begin) = (epoch, begin)
        window = PartitionWindow(after: basis)
    }

    mutating func enqueue(_ command: Waiting) {
        waiting.append(command)
        waitingChanges += command.changes.count
        waitingBytes += command.bytes
    }

    /// The oldest waiting commands, as many as one record holds; one at least, where there is any.
    mutating func dequeueForRecord() -> [Waiting] {
        var (count, changes, bytes) = (0, 0, 0)
        for command in waiting {
            let fits =
                changes + command.changes.count <= PartitionLimits.recordCommandsMax
                && bytes + command.changes.bytesButForLast <= PartitionLimits.recordBytesMax
            guard count == 0 || fits else { break }
            (count, changes, bytes) = (count + 1, changes + command.changes.count, bytes + command.bytes)
        }
        let taken = Array(waiting.prefix(count))
        waiting.removeFirst(count)
        (waitingChanges, waitingBytes) = (waitingChanges - changes, waitingBytes - bytes)
        return taken
    }

    /// Takes back all that waits.
    mutating func dequeueAll() -> [Waiting] {
        let all = waiting
        (waiting, waitingChanges, waitingBytes) = ([], 0, 0)
        return all
    }
}

/// What a bolt that would reign keeps until it does or gives up.
struct PartitionCandidacy: Sendable {
    /// How far it is.
    enum Phase: Sendable, Equatable {
        /// Asks what others hold and hear; nobody is bound.
        case surveying
        /// Its epoch is on its way to disk.
        case minting
        /// Asks for promises.
        case asking
        /// Fetches from this member what it lacks of the tail.
        case fetching(ReplicaID, LogPoint)
    }

    let operation: OperationID
    let cause: PartitionCause
    let expect: LogPoint?
    let acceptsLoss: Bool
    /// Only the survey is wanted.
    let isCheck: Bool
    /// Taken up by itself: a living primary is left alone.
    let isReclaim: Bool
    var phase = Phase.surveying
    var epoch = PartitionEpoch.none
    var ticks = 0
    var asked: Set<ReplicaID> = []
    /// Who did not answer the survey in time: asked for a promise, not waited for.
    var silent: Set<ReplicaID> = []
    var answers: [ReplicaID: PartitionHello] = [:]
    /// What each promiser had promised before.
    var befores: [ReplicaID: PartitionEpoch] = [:]
    var declined: [ReplicaID: PartitionOperationRefusalWire] = [:]
    /// What may be lost, where that was accepted.
    var loss: String?
    /// Own log is cut to here when the first fetched record tells the chain's value.
    var cutAfter: UInt64?

    init(
        _ operation: OperationID, _ cause: PartitionCause, expect: LogPoint? = nil, acceptsLoss: Bool = false,
        isCheck: Bool = false, isReclaim: Bool = false
    ) {
        (self.operation, self.cause, self.expect) = (operation, cause, expect)
        (self.acceptsLoss, self.isCheck, self.isReclaim) = (acceptsLoss, isCheck, isReclaim)
    }

    /// Whether whoever asked waits at this bolt.
    var isAwaited: Bool { !isReclaim && cause != .switchover }

    /// Whether a living primary is in the way (P10).
    var yieldsToPrimary: Bool { isReclaim || isCheck || cause == .promotion || cause == .restore }
}

/// An own epoch whose first record is on its way to disk.
struct PartitionBeginning: Sendable {
    let record: JournalRecord
    let point: LogPoint
    let basis: LogPoint
    let operation: OperationID
    let isAwaited: Bool
}

extension [[UInt8]] {
    /// Bytes of changes but for the last: what a record's limit counts.
    var bytesButForLast: Int { dropLast().reduce(0) { $0 + $1.count } }

    /// Whether one record holds these changes of a partition's tables, each within its own limit.
    public var fitIntoOneRecord: Bool {
        !isEmpty && count <= PartitionLimits.recordCommandsMax && bytesButForLast <= PartitionLimits.recordBytesMax
            && allSatisfy { $0.count <= PartitionLimits.commandBytesMax }
    }
}
