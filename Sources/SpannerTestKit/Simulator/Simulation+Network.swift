import CRDT
import Spanner

extension Simulation: SimWorld {
    static var connectionsSeen: Int { Int.max }

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
        for target in targets { dial(bolt, target) }
    }

    func bringUp(_ connection: Int, _ end: Int) {
        let ends = network.connections[connection].ends
        guard ends[end].isOpen, !network.connections[connection].isBroken else { return }
        let peer = bolts[ends[1 - end].bolt].peerIdentity
        step(ends[end].bolt, .linkUp(ends[end].link, peer, dialed: end == 0))
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
        post(message, from: bolt, on: link)
    }

    func receive(_ message: GossipMessage, on link: LinkID, at bolt: Int) { step(bolt, .received(message, on: link)) }

    func lose(_ link: LinkID, at bolt: Int) { step(bolt, .linkDown(link)) }
}

extension SimNetwork.Pace {
    /// Between sites.
    static var wide: SimNetwork.Pace { SimNetwork.Pace(delayMax: 20_000, lossPerMille: 10) }
    /// Within one site.
    static var local: SimNetwork.Pace { SimNetwork.Pace(delayMax: 2_000, lossPerMille: 2) }
}
