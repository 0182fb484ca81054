import CRDT
import Spanner

/// Standbys that are away: what is journaled stays durable at the primary alone, and nothing becomes safe till they are
/// back. The primary finds out a little later.
extension HandoffSimulation {
    /// The standbys of somebody go away.
    func outage() {
        guard healedAt == nil else { return }
        queue.push(.outage, at: now + (2000 + generator.below(3000)) * HandoffSimulation.millisecond)
        beginOutage(at: Int(generator.below(3)), from: now)
    }

    /// Right after a step of a handoff became durable, and before a standby has it.
    func aimOutage(at partition: Int, _ content: HandoffSimContent) {
        guard options.hasOutages, healedAt == nil else { return }
        switch content {
        case .begin, .write, .join, .forget, .remove, .target(.stored): return
        case .source, .target: if chance(8) { beginOutage(at: partition, from: now) }
        }
    }

    func beginOutage(at partition: Int, from time: UInt64) {
        guard !partitions[partition].isAway(at: now) else { return }
        let noticed = time + generator.below(400) * HandoffSimulation.millisecond
        let until = time + (500 + generator.below(4500)) * HandoffSimulation.millisecond
        beginOutage(at: partition, noticed: noticed, until: until)
    }

    func beginOutage(at partition: Int, noticed: UInt64, until: UInt64) {
        count(fault: "standby outages")
        partitions[partition].outage = (noticed, until)
        trace.keep(now, "the standbys of \(partitions[partition].name) are away until \(until / 1000)")
    }
}
