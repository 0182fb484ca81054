import CRDT
import Spanner

/// One bolt of a simulated partition: its disk, and its machine while it runs.
struct PartitionSimBolt: SimProcess {
    let index: Int
    /// Which partition it belongs to.
    let partition: Int
    let identity: TestIdentity
    var disk: PartitionSimDisk
    var machine: PartitionMachine?
    /// Grows with each start of the process: what belongs to an earlier life comes to nothing.
    var life = 0
    /// What its machine last said that it is.
    var role = PartitionRole.waiting
    /// Since when it runs, awake, in this role.
    var quietSince: UInt64 = 0
    /// Frozen: nothing is processed, what comes in waits.
    var isPaused = false
    var backlog: [PartitionSimAction] = []
    /// Transactions fail while the disk is full.
    var isDiskFull = false
    /// Longest time that a transaction takes, in microseconds.
    var writeMax: UInt64 = 2_000
    /// Per cent of its timers' length: clocks that run wrong.
    var timerPercent: UInt64 = 100
    var isSealed = false
    /// Commands and operations that this life of the process owes an answer.
    var owedCommands: Set<UInt64> = []
    var owedOperations: Set<OperationID> = []
    /// The furthest that this life of the process promised to be safe.
    var promised: LogPoint?
    /// What it heard of each partition: highest epoch number, disks that were called dead.
    var heard: [Int: PartitionHearsay] = [:]

    var isUp: Bool { machine != nil }
    /// Whether its journal ends in an epoch of its own, and it promised no other.
    var holdsReign: Bool {
        let reign = disk.image.reign
        return isUp && reign.minter == replica && disk.image.promised == reign
    }
    /// What it is called in the partition, while its disk lives.
    var replica: ReplicaID { identity.replica(disk.image.incarnation) }
}

/// What is to happen in a simulated partition.
enum PartitionSimAction: SimWorldAction {
    case timer(bolt: Int, life: Int, TimerID)
    case disk(bolt: Int, life: Int, BatchID)
    case load(bolt: Int, life: Int, LoadID, from: UInt64, bytesMax: Int)
    case dial(bolt: Int, life: Int)
    case seal(bolt: Int, life: Int, Bool)
    case build(bolt: Int, life: Int, LinkID)
    case install(bolt: Int, life: Int, LinkID, LogPoint)
    case ask(bolt: Int, life: Int, OperationID, PartitionOperation)
    case command(bolt: Int, life: Int, attempt: UInt64, padding: Int, PartitionAckLevel)
    case up(connection: Int, end: Int)
    case parcel(connection: Int, end: Int, _ parcel: SimParcel<PartitionMessage>)
    case down(connection: Int, end: Int)
    case start(bolt: Int)
    case resume(bolt: Int)
    case unblock(from: Int, to: Int)
    case diskFree(bolt: Int)
    case gossip(bolt: Int)
    case client(Int)
    case operate
    case fault
    case heal
    case settle

    var arrival: (connection: Int, end: Int)? {
        if case .parcel(let connection, let end, _) = self { return (connection, end) }
        return nil
    }

    func owner(in connections: [SimConnection<PartitionMessage>]) -> (bolt: Int, life: Int)? {
        switch self {
        case .timer(let bolt, let life, _), .disk(let bolt, let life, _), .load(let bolt, let life, _, _, _),
            .dial(let bolt, let life), .seal(let bolt, let life, _), .build(let bolt, let life, _),
            .install(let bolt, let life, _, _), .ask(let bolt, let life, _, _),
            .command(let bolt, let life, _, _, _):
            return (bolt, life)
        case .up(let connection, let end), .parcel(let connection, let end, _), .down(let connection, let end):
            let end = connections[connection].ends[end]
            return (end.bolt, end.life)
        case .start, .resume, .unblock, .diskFree, .gossip, .client, .operate, .fault, .heal, .settle: return nil
        }
    }
}
