/// Whom an action is for. Who is primary is looked up when its time comes.
public enum NemesisTarget: Hashable, Sendable, CustomStringConvertible {
    /// The primary of the partition of this number.
    case primary(Int)
    /// One of its standbys; its only bolt where it has none.
    case standby(Int)
    /// Any bolt, by number.
    case bolt(Int)

    /// For people.
    public var description: String {
        switch self {
        case .primary(let partition): "the primary of partition \(partition)"
        case .standby(let partition): "a standby of partition \(partition)"
        case .bolt(let number): "bolt \(number)"
        }
    }
}

/// What becomes of the lease engine.
public enum EngineTrouble: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// It is asked to end, and started again.
    case stop
    /// SIGSTOP, then SIGCONT.
    case pause
    /// kill −9, and started again.
    case kill
    /// kill −9, all that it stored is lost, and it is started again.
    case rebuild

    /// For people.
    public var description: String { rawValue }
}

/// Something bad, or an operator's command under load.
public enum NemesisAction: Hashable, Sendable {
    /// kill −9; started again after so many seconds.
    case kill(NemesisTarget, down: Double)
    /// kill −9 of all bolts at once, as when the power fails; started again after so many seconds.
    case cutPower(down: Double)
    /// The bolt kills itself when it comes to a fault point for the nth time; then it is started again.
    case killAt(NemesisTarget, point: String, count: Int)
    /// The same at a point of a change of primary, at its first time: what comes next brings it there, or nothing does.
    case arm(NemesisTarget, point: String)
    /// SIGSTOP, and SIGCONT after so many seconds.
    case pause(NemesisTarget, seconds: Double)
    /// No traffic between a bolt and all others for so many seconds. Writers and operators reach both sides.
    case isolate(NemesisTarget, seconds: Double)
    /// A bolt's state is on a full disk for so many seconds.
    case fillDisk(NemesisTarget, seconds: Double)
    /// The nth flush from now fails with an I/O error.
    case failFlush(NemesisTarget, nth: Int)
    /// The wall clock of all bolts jumps by so many hours, as against the real one.
    case setClock(hours: Int)
    /// The primary of a partition is killed, a standby is promoted, the old one comes back.
    case failOver(Int)
    /// The primary of a partition is stopped, a standby is promoted meanwhile, the old one wakes up.
    case failOverPaused(Int, seconds: Double)
    /// The primary of a partition is cut off, a standby is promoted meanwhile, the split heals.
    case failOverSplit(Int, seconds: Double)
    /// A planned change of primary.
    case switchOver(Int)
    /// The writer of this number is banned.
    case ban(Int)
    /// The primary of a partition is killed; a standby takes over by its lease, without an operator; then the old one
    /// comes back after so many seconds at least.
    case takeOver(Int, down: Double)
    /// The primary of a partition is stopped for so many seconds at least; a standby takes over by its lease, without
    /// an operator; the old one wakes up as if nothing had happened.
    case takeOverPaused(Int, seconds: Double)
    /// The lease engine is away for so many seconds, and nothing else happens.
    case loseEngine(EngineTrouble, seconds: Double)
    /// The lease engine stands still for so many seconds, and the primary of a partition is killed meanwhile.
    case killWithoutEngine(Int, seconds: Double)
    /// A bit flips in the partition's database of a bolt, while it is down or while it runs; once it found that, it is
    /// replaced by a bolt with an empty disk, as the runbook says.
    case rot(NemesisTarget, isRunning: Bool)
    /// A standby comes back without its partition's database, or without any state at all; its primary is killed and
    /// comes back meanwhile; then the standby is replaced by a bolt with an empty disk, as the runbook says.
    case emptyDisk(Int, isWhole: Bool)
    /// The weight of a partition becomes another one in the topology: slices go there, or leave. Nobody waits for it.
    case move(Int, weight: Int)
    /// What the latest task has moved goes back.
    case putBack
    /// A task that moves slices is held still for so many seconds.
    case holdMoves(seconds: Double)
    /// kill −9 of the process of all simulated agents; it goes on from their disks after so many seconds.
    case killAgents(down: Double)

    /// A short name, for counts.
    public var name: String {
        switch self {
        case .kill: "kill"
        case .cutPower: "power cut"
        case .killAt: "kill at a write"
        case .arm: "kill at a change"
        case .pause: "pause"
        case .isolate: "isolate"
        case .fillDisk: "full disk"
        case .failFlush: "flush fails"
        case .setClock: "clock"
        case .failOver: "failover, killed"
        case .failOverPaused: "failover, paused"
        case .failOverSplit: "failover, split"
        case .switchOver: "switchover"
        case .ban: "ban"
        case .takeOver: "takeover, killed"
        case .takeOverPaused: "takeover, paused"
        case .loseEngine(let trouble, _): "engine \(trouble.rawValue)"
        case .killWithoutEngine: "kill without engine"
        case .rot(_, let isRunning): isRunning ? "rot while it runs" : "rot while it is down"
        case .emptyDisk(_, let isWhole): isWhole ? "emptied state" : "emptied database"
        case .move: "move"
        case .putBack: "put back"
        case .holdMoves: "hold"
        case .killAgents: "kill of agents"
        }
    }
}

/// What this machine and the programs under test let the nemesis do.
public struct NemesisTools: Hashable, Sendable {
    /// Programs with fault points.
    public var hasFaultPoints = false
    /// A network that can be split.
    public var canSplit = false
    /// Small file systems can be mounted.
    public var canMount = false
    /// Calls of the system can be made to fail.
    public var canInject = false
    /// The bolts' wall clock can be set.
    public var canSetClock = false
    /// There is an etcd to be started.
    public var canLease = false

    /// Nothing but signals.
    public init() {}
}
