import CRDT
import Spanner

/// One bolt of a simulated mesh: its keys, its disk, its clock, and its machine while it runs.
struct SimBolt: SimProcess {
    let index: Int
    let identity: TestIdentity
    let principal: PrincipalID
    var disk: SimDisk
    var machine: GossipMachine?
    /// Grows with each start of the process: what belongs to an earlier life comes to nothing.
    var life = 0
    /// Its clock minus virtual time, in milliseconds.
    var clockOffset: Int64 = 0
    /// Frozen: nothing is processed, what comes in waits.
    var isPaused = false
    var backlog: [SimAction] = []
    /// Transactions fail while the disk is full.
    var isDiskFull = false
    /// It alters what it sends.
    var isByzantine = false
    /// A second process with another bolt's key and a clone of its disk, incarnation and all.
    var isTwin = false
    /// When its disk was destroyed or replaced by an older copy, in virtual microseconds.
    var diskLosses: [UInt64] = []
    /// Bans of which a machine of this bolt said that they are durable.
    var bansRecorded: Set<KeyFingerprint> = []

    var isUp: Bool { machine != nil }
    var address: String { "bolt-\(index):7440" }
    var peerIdentity: PeerIdentity {
        PeerIdentity(tlsKey: identity.author.tlsKey, signingKey: identity.author.signingKey)
    }
}

/// What is to happen in a simulated mesh.
enum SimAction: SimWorldAction {
    case timer(bolt: Int, life: Int, TimerID)
    case disk(bolt: Int, life: Int, BatchID)
    case load(bolt: Int, life: Int, LoadID, ReplicaID, after: UInt64, bytesMax: Int)
    case incarnation(bolt: Int, life: Int)
    case freeze(bolt: Int, life: Int, ForkProof)
    case dial(bolt: Int, life: Int)
    case importGenesis(bolt: Int, life: Int)
    case up(connection: Int, end: Int)
    case parcel(connection: Int, end: Int, _ parcel: SimParcel<GossipMessage>)
    case down(connection: Int, end: Int)
    case start(bolt: Int)
    case resume(bolt: Int)
    case unblock(from: Int, to: Int)
    case diskFree(bolt: Int)
    case complain(bolt: Int)
    case twin
    case work
    case fault
    case heal
    case finish

    var arrival: (connection: Int, end: Int)? {
        if case .parcel(let connection, let end, _) = self { return (connection, end) }
        return nil
    }

    func owner(in connections: [SimConnection<GossipMessage>]) -> (bolt: Int, life: Int)? {
        switch self {
        case .timer(let bolt, let life, _), .disk(let bolt, let life, _), .load(let bolt, let life, _, _, _, _),
            .incarnation(let bolt, let life), .freeze(let bolt, let life, _), .dial(let bolt, let life),
            .importGenesis(let bolt, let life):
            return (bolt, life)
        case .up(let connection, let end), .parcel(let connection, let end, _), .down(let connection, let end):
            let end = connections[connection].ends[end]
            return (end.bolt, end.life)
        case .start, .resume, .unblock, .diskFree, .complain, .twin, .work, .fault, .heal, .finish: return nil
        }
    }
}
