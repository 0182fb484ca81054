import CRDT
import Spanner

/// What is to happen in a simulated world, as far as both planes have it.
protocol SimWorldAction {
    associatedtype Message
    /// An end of a connection stands.
    static func up(connection: Int, end: Int) -> Self
    /// Something arrives at an end.
    static func parcel(connection: Int, end: Int, _ parcel: SimParcel<Message>) -> Self
    /// An end learns that the connection is gone.
    static func down(connection: Int, end: Int) -> Self

    /// Whose process takes it, and in which life; nil for what concerns the world.
    func owner(in connections: [SimConnection<Message>]) -> (bolt: Int, life: Int)?
    /// The end of a connection at which a parcel arrives; nil for anything else.
    var arrival: (connection: Int, end: Int)? { get }
}

/// A bolt's process in a simulated world.
protocol SimProcess {
    associatedtype Action
    /// Whether it runs.
    var isUp: Bool { get }
    /// Grows with each start of the process: what belongs to an earlier life comes to nothing.
    var life: Int { get }
    /// Frozen: nothing is processed, what comes in waits.
    var isPaused: Bool { get }
    var backlog: [Action] { get set }
}

/// Processes on a virtual clock and network, one seed for everything: what the planes share.
protocol SimWorld: AnyObject {
    associatedtype Action: SimWorldAction
    associatedtype Bolt: SimProcess where Bolt.Action == Action
    typealias Message = Action.Message

    var generator: SeededGenerator { get set }
    var queue: SimQueue<Action> { get set }
    var now: UInt64 { get set }
    var isOver: Bool { get }
    var bolts: [Bolt] { get set }
    var network: SimNetwork<Message> { get set }
    var nextLink: UInt64 { get set }
    var report: SimReport { get set }
    var trace: SimTrace { get set }
    /// Older connections than that many are not looked at any more.
    static var connectionsSeen: Int { get }

    /// Does what is due; of a process that takes it, if it is of one.
    func perform(_ action: Action)
    /// A message has arrived at a machine.
    func receive(_ message: Message, on link: LinkID, at bolt: Int)
    /// A machine's link is gone.
    func lose(_ link: LinkID, at bolt: Int)
    /// A connection ended at one of its ends.
    func ended(_ connection: Int)
    /// A split that held these up has healed.
    func release(_ parcels: [SimParcel<Message>], _ connection: Int, to end: Int)
}

extension SimWorld {
    // MARK: - Time

    /// Does everything that is due, in order, to the end or to the first broken promise.
    func runQueue() {
        while !isOver, let (time, action) = queue.pop() {
            now = time
            if isAdmitted(action) { perform(action) }
            if !report.violations.isEmpty { break }
        }
    }

    /// Whether its process takes an action now: one of an earlier life never does, a frozen one later.
    func isAdmitted(_ action: Action) -> Bool {
        guard let (bolt, life) = action.owner(in: network.connections) else { return true }
        guard bolts[bolt].life == life, bolts[bolt].isUp else {
            if let (connection, end) = action.arrival { reset(connection, deadEnd: end) }
            return false
        }
        guard bolts[bolt].isPaused else { return true }
        bolts[bolt].backlog.append(action)
        return false
    }

    func violate(_ guarantee: String, _ detail: String) {
        trace.keep(now, "VIOLATION \(guarantee): \(detail)")
        report.violations.append(SimViolation(guarantee: guarantee, detail: detail, milliseconds: now / 1000))
    }

    func count(fault: String) {
        report.faults[fault, default: 0] += 1
        trace.keep(now, "fault: \(fault)")
    }

    // MARK: - Connections

    func isAlive(_ end: SimConnection<Message>.End) -> Bool { bolts[end.bolt].isUp && bolts[end.bolt].life == end.life }

    /// One process dials another, which it reaches after two delays.
    func dial(_ from: Int, _ to: Int) {
        guard from != to, bolts[from].isUp, bolts[to].isUp else { return }
        guard !network.blocked[from][to], !network.blocked[to][from] else { return }
        let up = now + latency() + latency()
        let ends = [from, to].map { bolt in
            defer { nextLink += 1 }
            return SimConnection<Message>.End(
                bolt: bolt, life: bolts[bolt].life, link: LinkID(nextLink), lastArrival: up)
        }
        network.connections.append(SimConnection(ends: ends, quietSince: up))
        let connection = network.connections.count - 1
        // A connection that fell out of sight is no more: both ends were told long ago, or are now.
        let old = connection - Self.connectionsSeen
        if old >= 0, !network.connections[old].isBroken { sever(old) }
        queue.push(.up(connection: connection, end: 0), at: up)
        queue.push(.up(connection: connection, end: 1), at: up)
    }

    func latency() -> UInt64 {
        let base = 100 + generator.below(network.delayMax)
        return generator.below(1000) < network.lossPerMille ? base + 200_000 + generator.below(800_000) : base
    }

    /// Links are numbered as their connections are.
    func place(of link: LinkID, bolt: Int) -> (connection: Int, end: Int)? {
        guard link.raw > 0 else { return nil }
        let (connection, end) = (Int((link.raw - 1) / 2), Int((link.raw - 1) % 2))
        guard connection < network.connections.count else { return nil }
        return network.connections[connection].ends[end].bolt == bolt ? (connection, end) : nil
    }

    // MARK: - Parcels

    /// Puts a message on its way, where the link stands.
    func post(_ message: Message, from bolt: Int, on link: LinkID) {
        guard let (connection, end) = place(of: link, bolt: bolt) else { return }
        guard network.connections[connection].ends[end].isOpen else { return }
        deliver(.message(message), connection, to: 1 - end)
    }

    func deliver(_ parcel: SimParcel<Message>, _ connection: Int, to end: Int) {
        guard !network.connections[connection].isBroken else { return }
        let ends = network.connections[connection].ends
        if network.blocked[ends[1 - end].bolt][ends[end].bolt] || !ends[end].stalled.isEmpty {
            network.connections[connection].quietSince = now
            return network.connections[connection].ends[end].stalled.append(parcel)
        }
        let arrival = max(ends[end].lastArrival, now + latency())
        network.connections[connection].ends[end].lastArrival = arrival
        queue.push(.parcel(connection: connection, end: end, parcel), at: arrival)
    }

    func arrive(_ connection: Int, _ end: Int, _ parcel: SimParcel<Message>) {
        guard !network.connections[connection].isBroken else { return }
        let to = network.connections[connection].ends[end]
        guard to.isOpen else {
            if case .message = parcel { reset(connection, deadEnd: end) }
            return
        }
        switch parcel {
        case .message(let message): receive(message, on: to.link, at: to.bolt)
        case .end: takeDown(connection, end)
        }
    }

    // MARK: - Ends

    /// The machine closes its end: what it sent before still arrives, then the end.
    func close(_ link: LinkID, of bolt: Int) {
        guard let (connection, end) = place(of: link, bolt: bolt) else { return }
        guard network.connections[connection].ends[end].isOpen else { return }
        queue.push(.down(connection: connection, end: end), at: now)
        deliver(.end, connection, to: 1 - end)
    }

    func takeDown(_ connection: Int, _ end: Int) {
        guard network.connections[connection].ends[end].isOpen else { return }
        network.connections[connection].ends[end].isOpen = false
        ended(connection)
        let to = network.connections[connection].ends[end]
        lose(to.link, at: to.bolt)
    }

    /// A system tells the other side that nobody is here any more.
    func reset(_ connection: Int, deadEnd: Int) {
        let ends = network.connections[connection].ends
        let (dead, other) = (ends[deadEnd], ends[1 - deadEnd])
        guard other.isOpen, !network.blocked[dead.bolt][other.bolt] else { return }
        queue.push(.down(connection: connection, end: 1 - deadEnd), at: now + latency())
    }

    /// Both ends lose it; what is on its way comes to nothing.
    func sever(_ connection: Int) {
        guard !network.connections[connection].isBroken else { return }
        network.connections[connection].isBroken = true
        ended(connection)
        for end in 0..<2 {
            network.connections[connection].ends[end].stalled = []
            guard network.connections[connection].ends[end].isOpen else { continue }
            queue.push(.down(connection: connection, end: end), at: now + latency())
        }
    }

    func unblock(_ from: Int, _ to: Int) {
        network.blocked[from][to] = false
        for connection in network.connections.indices.suffix(Self.connectionsSeen)
        where !network.connections[connection].isBroken {
            for end in 0..<2 {
                let ends = network.connections[connection].ends
                guard ends[end].bolt == to, ends[1 - end].bolt == from, !ends[end].stalled.isEmpty else { continue }
                network.connections[connection].ends[end].stalled = []
                network.connections[connection].quietSince = now
                release(ends[end].stalled, connection, to: end)
            }
        }
    }

    // MARK: - What a plane may leave as it is

    func ended(_ connection: Int) {}

    func release(_ parcels: [SimParcel<Message>], _ connection: Int, to end: Int) {
        for parcel in parcels { deliver(parcel, connection, to: end) }
    }
}
