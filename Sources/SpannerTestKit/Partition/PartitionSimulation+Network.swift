import CRDT
import Spanner

extension PartitionSimulation: SimWorld {
    static var connectionsSeen: Int { 256 }

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

    func connect(_ from: Int, _ to: Int) {
        if !bolts[to].isPaused { dial(from, to) }
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

    func send(_ message: PartitionMessage, from bolt: Int, on link: LinkID) {
        checkSaid(bolt, message, on: link)
        report.bytesSent += 1
        trace.note(now, "bolt \(bolt) -> \(link.raw): \(message.short)")
        post(message, from: bolt, on: link)
    }

    func receive(_ message: PartitionMessage, on link: LinkID, at bolt: Int) {
        step(bolt, .received(message, on: link))
    }

    func lose(_ link: LinkID, at bolt: Int) { step(bolt, .linkDown(link)) }

    func ended(_ connection: Int) { snapshots[connection] = nil }

    /// A peer that was silent for long is given up by some systems, and found again by others.
    func release(_ parcels: [SimParcel<PartitionMessage>], _ connection: Int, to end: Int) {
        if generator.below(3) == 0 { return sever(connection) }
        for parcel in parcels { deliver(parcel, connection, to: end) }
    }
}
