import CRDT
import Spanner

extension Simulation {
    // MARK: - Dialling

    /// What a daemon's dialler does about once a second: whoever has no link is tried.
    func dial(_ bolt: Int) {
        queue.push(
            .dial(bolt: bolt, life: bolts[bolt].life),
            at: now + 500_000 + generator.below(Simulation.second / 2))
        join(bolt)
        guard let machine = bolts[bolt].machine else { return }
        var targets = machine.unlinkedBolts.compactMap { target in
            bolts.firstIndex { $0.address == target.address }
        }
        if targets.isEmpty, machine.peerViews.isEmpty { targets = [Int(generator.below(UInt64(bolts.count)))] }
        for target in targets { connect(bolt, target) }
    }

    func connect(_ from: Int, _ to: Int) {
        guard from != to, bolts[from].isUp, bolts[to].isUp else { return }
        guard !network.blocked[from][to], !network.blocked[to][from] else { return }
        let up = now + latency() + latency()
        let ends = [from, to].map { bolt in
            defer { nextLink += 1 }
            return SimConnection.End(bolt: bolt, life: bolts[bolt].life, link: LinkID(nextLink), lastArrival: up)
        }
        network.connections.append(SimConnection(ends: ends))
        let connection = network.connections.count - 1
        queue.push(.up(connection: connection, end: 0), at: up)
        queue.push(.up(connection: connection, end: 1), at: up)
    }

    func bringUp(_ connection: Int, _ end: Int) {
        let ends = network.connections[connection].ends
        guard ends[end].isOpen, !network.connections[connection].isBroken else { return }
        let peer = bolts[ends[1 - end].bolt].peerIdentity
        step(ends[end].bolt, .linkUp(ends[end].link, peer, dialed: end == 0))
    }

    // MARK: - Parcels

    func latency() -> UInt64 {
        let base = 100 + generator.below(network.delayMax)
        return generator.below(1000) < network.lossPerMille ? base + 200_000 + generator.below(800_000) : base
    }

    /// Links are numbered as their connections are.
    func place(of link: LinkID, bolt: Int) -> (connection: Int, end: Int)? {
        let (connection, end) = (Int((link.raw - 1) / 2), Int((link.raw - 1) % 2))
        guard connection < network.connections.count else { return nil }
        return network.connections[connection].ends[end].bolt == bolt ? (connection, end) : nil
    }

    func send(_ message: GossipMessage, from bolt: Int, on link: LinkID) {
        checkPromise(bolt, message)
        let message = bolts[bolt].isByzantine ? corrupt(message, from: bolt) : message
        trace.mix(message)
        trace.note(now, "bolt \(bolt) -> \(link.raw): \(message.short)")
        if bolt != exemptFromTraffic {
            report.bytesSent += UInt64(message.simulatedBytes)
            messagesSent += 1
        }
        guard let (connection, end) = place(of: link, bolt: bolt) else { return }
        guard network.connections[connection].ends[end].isOpen else { return }
        deliver(.message(message), connection, to: 1 - end)
    }

    func deliver(_ parcel: SimParcel, _ connection: Int, to end: Int) {
        guard !network.connections[connection].isBroken else { return }
        let ends = network.connections[connection].ends
        if network.blocked[ends[1 - end].bolt][ends[end].bolt] || !ends[end].stalled.isEmpty {
            return network.connections[connection].ends[end].stalled.append(parcel)
        }
        let arrival = max(ends[end].lastArrival, now + latency())
        network.connections[connection].ends[end].lastArrival = arrival
        queue.push(.parcel(connection: connection, end: end, parcel), at: arrival)
    }

    func arrive(_ connection: Int, _ end: Int, _ parcel: SimParcel) {
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

    /// Both sides lose the connection and all that was on its way.
    func sever(_ connection: Int) {
        guard !network.connections[connection].isBroken else { return }
        network.connections[connection].isBroken = true
        for end in 0..<2 where network.connections[connection].ends[end].isOpen {
            queue.push(.down(connection: connection, end: end), at: now + latency())
        }
    }

    func unblock(_ from: Int, _ to: Int) {
        network.blocked[from][to] = false
        for connection in network.connections.indices where !network.connections[connection].isBroken {
            for end in 0..<2 {
                let ends = network.connections[connection].ends
                guard ends[1 - end].bolt == from, ends[end].bolt == to, !ends[end].stalled.isEmpty else { continue }
                network.connections[connection].ends[end].stalled = []
                for parcel in ends[end].stalled { deliver(parcel, connection, to: end) }
            }
        }
    }
}
