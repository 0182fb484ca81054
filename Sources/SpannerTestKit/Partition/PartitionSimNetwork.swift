import CRDT
import Spanner

/// One connection between two processes of a partition: ordered and reliable while it lives, as TCP is.
struct PartitionSimConnection {
    struct End {
        let bolt: Int
        /// Which life of that bolt's process.
        let life: Int
        let link: LinkID
        var isOpen = true
        /// When the last message towards this end arrives.
        var lastArrival: UInt64
        /// What goes towards this end and a network split holds up.
        var stalled: [PartitionSimParcel] = []
    }

    var ends: [End]
    /// Both ends lost it, with all that was on its way.
    var isBroken = false
    /// Since when nothing disturbed it.
    var quietSince: UInt64
    /// A copy of a database that the sender built for the peer.
    var snapshot: PartitionSimDisk.Image?
}

/// What travels on one direction of a connection, in order.
enum PartitionSimParcel {
    case message(PartitionMessage)
    /// The sender has closed: nothing follows.
    case end
}

extension PartitionSimulation {
    // MARK: - Dialling

    /// What a daemon's dialler does: whoever of the own partition has no link is tried.
    func dial(_ bolt: Int) {
        queue.push(
            .dial(bolt: bolt, life: bolts[bolt].life),
            at: now + 200_000 + generator.below(PartitionSimulation.second / 2))
        for other in members(of: bolt) where other != bolt {
            let linked = network.connections.suffix(PartitionSimulation.connectionsSeen).contains { connection in
                !connection.isBroken && connection.ends.contains { $0.bolt == bolt && $0.isOpen && isAlive($0) }
                    && connection.ends.contains { $0.bolt == other && isAlive($0) }
            }
            if !linked { connect(bolt, other) }
        }
    }

    /// Older connections than that many are broken by then.
    static let connectionsSeen = 256

    func isAlive(_ end: PartitionSimConnection.End) -> Bool {
        bolts[end.bolt].isUp && bolts[end.bolt].life == end.life
    }

    func connect(_ from: Int, _ to: Int) {
        guard from != to, bolts[from].isUp, bolts[to].isUp, !bolts[to].isPaused else { return }
        guard !network.blocked[from][to], !network.blocked[to][from] else { return }
        let up = now + latency() + latency()
        let ends = [from, to].map { bolt in
            defer { nextLink += 1 }
            return PartitionSimConnection.End(
                bolt: bolt, life: bolts[bolt].life, link: LinkID(nextLink), lastArrival: up)
        }
        network.connections.append(PartitionSimConnection(ends: ends, quietSince: up))
        let connection = network.connections.count - 1
        // A connection that fell out of sight is no more: both ends were told long ago, or are now.
        let old = connection - PartitionSimulation.connectionsSeen
        if old >= 0, !network.connections[old].isBroken { sever(old) }
        queue.push(.up(connection: connection, end: 0), at: up)
        queue.push(.up(connection: connection, end: 1), at: up)
    }

    func bringUp(_ connection: Int, _ end: Int) {
        let ends = network.connections[connection].ends
        guard ends[end].isOpen, !network.connections[connection].isBroken else { return }
        guard isAlive(ends[1 - end]) else {
            network.connections[connection].ends[end].isOpen = false
            return
        }
        step(ends[end].bolt, .linkUp(ends[end].link, bolts[ends[1 - end].bolt].replica))
    }

    // MARK: - Messages

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

    func send(_ message: PartitionMessage, from bolt: Int, on link: LinkID) {
        checkSaid(bolt, message, on: link)
        report.bytesSent += 1
        trace.note(now, "bolt \(bolt) -> \(link.raw): \(message.short)")
        guard let (connection, end) = place(of: link, bolt: bolt) else { return }
        guard network.connections[connection].ends[end].isOpen else { return }
        deliver(.message(message), connection, to: 1 - end)
    }

    func deliver(_ parcel: PartitionSimParcel, _ connection: Int, to end: Int) {
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

    func arrive(_ connection: Int, _ end: Int, _ parcel: PartitionSimParcel) {
        guard !network.connections[connection].isBroken else { return }
        let to = network.connections[connection].ends[end]
        guard to.isOpen else {
            if case .message = parcel { reset(connection, deadEnd: end) }
            return
        }
        switch parcel {
        case .message(let message): step(to.bolt, .received(message, on: to.link))
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
        network.connections[connection].snapshot = nil
        let to = network.connections[connection].ends[end]
        step(to.bolt, .linkDown(to.link))
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
        network.connections[connection].snapshot = nil
        for end in 0..<2 {
            network.connections[connection].ends[end].stalled = []
            guard network.connections[connection].ends[end].isOpen else { continue }
            queue.push(.down(connection: connection, end: end), at: now + latency())
        }
    }

    func unblock(_ from: Int, _ to: Int) {
        network.blocked[from][to] = false
        for connection in network.connections.indices.suffix(PartitionSimulation.connectionsSeen)
        where !network.connections[connection].isBroken {
            for end in 0..<2 {
                let ends = network.connections[connection].ends
                guard ends[end].bolt == to, ends[1 - end].bolt == from, !ends[end].stalled.isEmpty else { continue }
                network.connections[connection].ends[end].stalled = []
                network.connections[connection].quietSince = now
                // A peer that was silent for long is given up by some systems, and found again by others.
                if generator.below(3) == 0 {
                    sever(connection)
                } else {
                    for parcel in ends[end].stalled { deliver(parcel, connection, to: end) }
                }
            }
        }
    }
}

/// Who can send to whom.
struct PartitionSimNetwork {
    var connections: [PartitionSimConnection] = []
    /// `blocked[from][to]`: nothing arrives until it heals.
    var blocked: [[Bool]]
    /// Longest delay of a message in microseconds, without a lost packet.
    var delayMax: UInt64 = 2_000
    /// Per mille of messages that a lost packet delays further.
    var lossPerMille: UInt64 = 2

    init(bolts: Int) {
        blocked = Array(repeating: Array(repeating: false, count: bolts), count: bolts)
    }
}
