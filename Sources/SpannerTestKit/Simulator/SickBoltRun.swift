import CRDT
import Spanner

/// One bolt that asks for everything again and again, claims what nobody has, and repeats itself: the others may send
/// at most twice what they send without it (R9).
struct SickBoltRun {
    let seed: UInt64
    let mutant: SimMutant?

    /// Runs the same mesh with and without the sickness, and compares what the healthy bolts sent.
    func compare() -> [SimViolation] {
        let (well, sick) = (run(isSick: false), run(isSick: true))
        guard sick.bytes > well.bytes * 2 else { return [] }
        let detail =
            "a sick bolt raises what the others send from \(well.bytes) to \(sick.bytes) bytes, "
            + "\(well.messages) to \(sick.messages) messages"
        return [SimViolation(guarantee: "R9", detail: detail, milliseconds: 0)]
    }

    private func run(isSick: Bool) -> (bytes: UInt64, messages: UInt64) {
        var options = SimOptions(seed: seed)
        options.mutant = mutant
        options.chaosSeconds = 60
        let simulation = Simulation(options)
        simulation.isPeaceful = true
        simulation.sickBolt = isSick ? simulation.bolts.count - 1 : nil
        simulation.exemptFromTraffic = simulation.bolts.count - 1
        let report = simulation.run()
        return (report.bytesSent, simulation.messagesSent)
    }
}

extension Simulation {
    /// What a sick bolt says beside what its machine says: five times a second to every peer.
    func complain(_ bolt: Int) {
        guard healedAt == nil else { return }
        queue.push(.complain(bolt: bolt), at: now + Simulation.second / 5)
        guard let machine = bolts[bolt].machine else { return }
        let wants = machine.roster.vector.entries.map { GossipMessage.WantedRange(replica: $0.replica, after: 0) }
        var claims = machine.roster.vector
        for entry in claims.entries { claims[entry.replica] = entry.counter + 1 + generator.below(1000) }
        let digest = TestWitness.digest([UInt8(generator.below(256))])
        for connection in network.connections.indices where !network.connections[connection].isBroken {
            for end in 0..<2 where network.connections[connection].ends[end].bolt == bolt {
                guard network.connections[connection].ends[end].isOpen else { continue }
                deliver(.message(.want(wants)), connection, to: 1 - end)
                deliver(.message(.context(digest: digest, vector: claims)), connection, to: 1 - end)
            }
        }
    }
}
