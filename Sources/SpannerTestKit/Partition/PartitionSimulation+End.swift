import CRDT
import Spanner

extension PartitionSimulation {
    /// How long the partitions may take to come to rest.
    static let restWithin = 90 * PartitionSimulation.second

    /// Looks, each second after everything healed, whether there is anything left to do.
    func settle() {
        guard let healedAt else { return }
        queue.push(.settle, at: now + PartitionSimulation.second)
        for partition in partitions.indices {
            found(partition)
            if generator.below(3) == 0 { askForPrimary(partition) }
            replaceStray(partition)
        }
        guard now > healedAt + PartitionSimulation.clientsStayFor + 2 * PartitionSimulation.second else { return }
        let restless = partitions.lazy.compactMap { self.restlessness($0) }.first
        if restless == nil {
            report.roundsToConverge = Double(now - healedAt) / Double(PartitionSimulation.second)
            isOver = true
        } else if now > healedAt + PartitionSimulation.restWithin {
            isOver = true
            violate("liveness", restless ?? "")
        }
    }

    /// Why a partition is not at rest; nil where it is.
    private func restlessness(_ partition: PartitionSimPartition) -> String? {
        guard partition.oracle.begins.contains(where: { $0.point.position > 0 }) else {
            return "partition \(partition.index) was never founded"
        }
        if options.isWild, partition.bolts.allSatisfy({ bolts[$0].role.isFenced }) {
            // Loss was accepted here and the rest called dead there: nothing is left but to found it anew.
            return nil
        }
        let reigning = partition.bolts.filter { bolts[$0].role.reign != nil }
        guard let primary = reigning.first, reigning.count == 1 else {
            return "partition \(partition.index) has primaries \(reigning), " + roles(partition)
        }
        if !partition.hasPairedSinceHealing { return "nothing was acknowledged paired since everything healed" }
        let members = bolts[primary].disk.image.configurations.last?.configuration.members ?? []
        let present = partition.bolts.filter { bolt in
            members.contains(bolts[bolt].replica) || !isTakenOut(bolts[bolt].replica, of: partition)
        }
        for bolt in partition.bolts where !present.contains(bolt) {
            guard bolts[bolt].role.isFenced else {
                return "bolt \(bolt) was taken out and does not know it, " + roles(partition)
            }
        }
        let tip = bolts[primary].disk.image.tip
        let inSync = bolts[primary].disk.image.configurations.last?.configuration.inSync ?? []
        for bolt in present {
            let image = bolts[bolt].disk.image
            if image.tip != tip {
                return "bolt \(bolt) ends at \(image.tip.short), the primary \(primary) at \(tip.short), "
                    + roles(partition)
            }
            if image.safe != tip.position { return "bolt \(bolt) is safe up to \(image.safe) of \(tip.position)" }
            if !inSync.contains(bolts[bolt].replica) { return "bolt \(bolt) is not in sync, " + roles(partition) }
            if !bolts[bolt].owedCommands.isEmpty {
                return "bolt \(bolt) owes \(bolts[bolt].owedCommands.count) commands an answer"
            }
            if !bolts[bolt].owedOperations.isEmpty { return "bolt \(bolt) owes operations an answer" }
        }
        return nil
    }

    /// Whether operators took a disk out: by a removal, or by a signed act that cut it off.
    func isTakenOut(_ disk: ReplicaID, of partition: PartitionSimPartition) -> Bool {
        partition.removed.contains(disk) || partition.called.contains(disk)
    }

    private func roles(_ partition: PartitionSimPartition) -> String {
        partition.bolts.map { "\($0): \(bolts[$0].role.short), promised \(bolts[$0].disk.image.promised)" }
            .joined(separator: "; ")
    }

    /// In wild runs a log may contradict what was safe, or be one that nobody counts: its disk is given up, by hand,
    /// once it is plain which primary is the last.
    private func replaceStray(_ partition: Int) {
        guard options.isWild, let healedAt, now > healedAt + 20 * PartitionSimulation.second, generator.below(6) == 0
        else { return }
        let places = partitions[partition].bolts
        let reigning = places.filter { bolts[$0].role.reign != nil }
            .max { bolts[$0].disk.image.promised < bolts[$1].disk.image.promised }
        guard let reigning else { return }
        let inSync = bolts[reigning].disk.image.configurations.last?.configuration.inSync ?? []
        for bolt in places where bolt != reigning && !inSync.contains(bolts[bolt].replica) && bolts[bolt].isUp {
            count(work: "stray disks given up")
            let lost = bolts[bolt].replica
            loseDisk(bolt)
            callDead(partition, [lost])
        }
    }

    // MARK: - When everything has come to rest

    func checkAtEnd() {
        for partition in partitions where !partition.oracle.begins.isEmpty {
            guard let primary = partition.bolts.first(where: { bolts[$0].role.reign != nil }) else { continue }
            let tip = bolts[primary].disk.image.tip
            checkHistory(partition, tip)
            checkReplay(primary)
        }
        let paired = attempts.values.count { if case .done(_, .paired, _) = $0.answer { true } else { false } }
        report.work["attempts acknowledged paired", default: 0] += paired
    }

    /// What clients were told, against the journal that everybody ended with.
    private func checkHistory(_ partition: PartitionSimPartition, _ tip: LogPoint) {
        guard !partition.oracle.isExcused else { return }
        let held = partition.oracle.attempts(upTo: tip)
        for number in attempts.keys.sorted() {
            guard let attempt = attempts[number], clients[attempt.client].partition == partition.index else { continue }
            switch attempt.answer {
            case .done(let point, .paired, _):
                guard held.contains(number) else {
                    return violate("P1", "attempt \(number), answered paired at \(point.short), is lost")
                }
            case .refused:
                guard !held.contains(number) else {
                    return violate("P1", "attempt \(number) was refused and is in the journal")
                }
            case .done(_, .local, _), .undecided, nil: break
            }
        }
    }

    /// Tables are what a replay of the whole journal gives.
    private func checkReplay(_ bolt: Int) {
        let image = bolts[bolt].disk.image
        guard image.base.position == 0 else { return }
        var tables = PartitionSimTables()
        for entry in image.entries { _ = tables.apply(entry.record) }
        if tables.digest != image.tables.digest {
            violate("P4", "bolt \(bolt): the tables are not what a replay of the journal gives")
        }
    }
}
