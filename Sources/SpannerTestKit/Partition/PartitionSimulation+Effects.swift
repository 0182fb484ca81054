import CRDT
import Spanner

extension PartitionSimulation {
    /// What a bolt's shell does with an effect.
    func perform(_ effect: PartitionMachine.Effect, of bolt: Int) {
        guard report.violations.isEmpty else { return }
        let life = bolts[bolt].life
        switch effect {
        case .persist(let batch, let write):
            trace.mix(batch.raw)
            trace.note(now, "bolt \(bolt) writes \(write.short)")
            guard bolts[bolt].disk.pending == nil else {
                return violate("D1", "bolt \(bolt) writes while another transaction is on its way")
            }
            bolts[bolt].disk.begin(batch, write)
            queue.push(.disk(bolt: bolt, life: life, batch), at: now + 200 + generator.below(bolts[bolt].writeMax))
        case .load(let load, let from, let bytesMax):
            queue.push(
                .load(bolt: bolt, life: life, load, from: from, bytesMax: bytesMax),
                at: now + 50 + generator.below(1_000))
        case .send(let message, let link):
            trace.mix(link.raw)
            send(message, from: bolt, on: link)
        case .close(let link): close(link, of: bolt)
        case .schedule(let timer, let after):
            let length = microseconds(after) * bolts[bolt].timerPercent / 100
            queue.push(.timer(bolt: bolt, life: life, timer), at: now + max(1, length))
        case .complete(let command, let outcome): answer(command.raw, outcome, by: bolt)
        case .resolve(let operation, let resolution): resolve(operation, resolution, by: bolt)
        case .takeSnapshot(let link):
            queue.push(.build(bolt: bolt, life: life, link), at: now + 10_000 + generator.below(300_000))
        case .installSnapshot(let link, let point, _, _):
            queue.push(.install(bolt: bolt, life: life, link, point), at: now + 10_000 + generator.below(500_000))
        case .role(let role): take(role, bolt)
        case .notify(let notification): hear(notification, of: bolt)
        }
    }

    private func microseconds(_ duration: Duration) -> UInt64 {
        let (seconds, attoseconds) = duration.components
        return UInt64(max(0, seconds)) * 1_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000
    }

    private func take(_ role: PartitionRole, _ bolt: Int) {
        trace.keep(now, "bolt \(bolt) is \(role.short)")
        bolts[bolt].role = role
        bolts[bolt].quietSince = now
        switch role {
        case .primary(let epoch): reigns(epoch, bolt)
        case .fenced(let reason):
            count(work: "fenced")
            checkFenced(bolt, reason)
        case .waiting, .standby, .candidate, .handingOver: break
        }
    }

    private func reigns(_ epoch: PartitionEpoch, _ bolt: Int) {
        count(work: "reigns begun")
        guard bolts[bolt].disk.image.promised == epoch else {
            return violate(
                "P2", "bolt \(bolt) reigns in \(epoch), its disk promised \(bolts[bolt].disk.image.promised)")
        }
        if bolts[bolt].isSealed { violate("P2", "bolt \(bolt) reigns though it is sealed") }
        let partition = bolts[bolt].partition
        bolts[bolt].heard[partition, default: PartitionHearsay(epoch: 0, cut: [])].epoch = epoch.number
    }

    private func hear(_ notification: PartitionNotification, of bolt: Int) {
        switch notification {
        case .epochBegan: count(work: "epochs heard of")
        case .configurationChanged: count(work: "configuration changed")
        case .truncated(let from, let through):
            count(work: "truncated")
            trace.keep(now, "bolt \(bolt) dropped \(from)...\(through)")
        case .contradiction(let peer, let text):
            count(work: "contradiction")
            trace.keep(now, "bolt \(bolt) is contradicted by \(peer): \(text)")
            let partition = partitions[bolts[bolt].partition]
            let members = bolts[bolt].disk.image.configurations.last?.configuration.members ?? []
            let isCutOff = partition.called.contains(peer) || partition.called.contains(bolts[bolt].replica)
            let isStranger = !members.contains(peer) || isCutOff || peer == bolts[bolt].replica
            if !options.isWild, !partition.oracle.isExcused, !isStranger {
                violate("P4", "bolt \(bolt) is contradicted by \(peer): \(text)")
            }
        case .safe(let position):
            checkSafeClaim(bolt, position)
        }
    }

    // MARK: - Hearsay

    /// What the roster's gossip does for a partition: the highest epoch and who was called dead, from bolt to bolt.
    func gossip(_ bolt: Int) {
        queue.push(
            .gossip(bolt: bolt), at: now + PartitionSimulation.second / 2 + generator.below(PartitionSimulation.second))
        guard bolts.count > 1 else { return }
        let other = (bolt + 1 + Int(generator.below(UInt64(bolts.count - 1)))) % bolts.count
        guard isAwake(bolt), isAwake(other), !network.blocked[bolt][other], !network.blocked[other][bolt] else {
            return
        }
        exchange(bolts[bolt].heard, to: other)
        exchange(bolts[other].heard, to: bolt)
    }

    func isAwake(_ bolt: Int) -> Bool { bolts[bolt].isUp && !bolts[bolt].isPaused }

    private func exchange(_ heard: [Int: PartitionHearsay], to bolt: Int) {
        for partition in heard.keys.sorted() {
            guard let news = heard[partition] else { continue }
            tell(bolt, partition, epoch: news.epoch, cut: news.cut)
        }
    }

    func tell(_ bolt: Int, _ partition: Int, epoch: UInt64, cut: [ReplicaID]) {
        let known = bolts[bolt].heard[partition] ?? PartitionHearsay(epoch: 0, cut: [])
        let merged = PartitionHearsay(
            epoch: max(known.epoch, epoch), cut: Array(Set(known.cut).union(cut)).sorted())
        guard merged != known else { return }
        bolts[bolt].heard[partition] = merged
        if bolts[bolt].partition == partition, isAwake(bolt) { step(bolt, .outside(merged)) }
    }
}

extension PartitionRole {
    /// For people, and for traces.
    var short: String {
        switch self {
        case .waiting: "waiting"
        case .standby(let primary, let inSync):
            "standby of \(primary.map(\.description) ?? "nobody")\(inSync ? " in sync" : "")"
        case .candidate(let epoch): "candidate \(epoch)"
        case .primary(let epoch): "primary \(epoch)"
        case .handingOver(let epoch, let to): "handing \(epoch) over to \(to)"
        case .fenced(let reason): "fenced: \(reason)"
        }
    }

    var isFenced: Bool {
        if case .fenced = self { return true }
        return false
    }

    /// The epoch in which it reigns.
    var reign: PartitionEpoch? {
        switch self {
        case .primary(let epoch), .handingOver(let epoch, _): epoch
        case .waiting, .standby, .candidate, .fenced: nil
        }
    }
}

extension PartitionWrite {
    /// For traces.
    var short: String {
        var parts: [String] = ["under \(fence)"]
        if let cut { parts.append("cut \(cut)") }
        if let first = records.first, let last = records.last {
            parts.append("records \(first.position)...\(last.position) of \(last.epoch)")
        }
        for record in records {
            if case .control(let control) = record.content { parts.append("\(record.position): \(control.short)") }
        }
        if let safe { parts.append("safe \(safe)") }
        if let promise { parts.append("promise \(promise)") }
        if let acquaintances { parts.append("acquaintances \(acquaintances)") }
        if remembers { parts.append("remembers") }
        return parts.joined(separator: ", ")
    }
}

extension PartitionControl {
    /// For traces.
    var short: String {
        switch self {
        case .begin(let begin):
            "begin \(begin.cause) on \(begin.basis.short) by \(begin.promisedBy) \(begin.configuration.short)"
                + (begin.acceptedLoss.map { " accepting \($0)" } ?? "")
        case .configuration(let configuration): configuration.short
        case .handover(_, let to): "hand over to \(to)"
        case .handoverCancelled: "hand-over cancelled"
        }
    }
}

extension PartitionConfiguration {
    /// For traces.
    var short: String { "members \(members) in sync \(inSync)" }
}

extension PartitionMessage {
    /// For traces.
    var short: String {
        switch self {
        case .hello(let hello):
            "hello \(hello.tip.short) promised \(hello.promised)\(hello.isForgetful ? " forgetful" : "")"
        case .append(let epoch, let after, let records, let safe):
            "append \(epoch) after \(after.short): \(records.count) records, safe \(safe)"
        case .durable(let epoch, let point): "durable \(epoch) \(point.short)"
        case .mismatch(let epoch, let hello): "mismatch \(epoch), holds \(hello.tip.short)"
        case .cut(let epoch, let point, _): "cut \(epoch) to \(point.short)"
        case .snapshot(let epoch, let point, _, _): "snapshot \(epoch) to \(point.short)"
        case .survey: "survey"
        case .surveyed(_, let hello): "surveyed \(hello.tip.short)"
        case .promiseMe(_, let epoch, let cause): "promise me \(epoch) \(cause)"
        case .promised(_, let epoch, let before, let hello):
            "promised \(epoch) after \(before), holds \(hello.tip.short)"
        case .declined(_, let epoch, let why): "declined \(epoch): \(why)"
        case .fetch(_, let from): "fetch from \(from)"
        case .fetched(_, let records): "fetched \(records.count)"
        case .acquaint: "acquaint"
        case .acquainted(let hello): "acquainted \(hello.tip.short) promised \(hello.promised)"
        case .takeOver(_, let point): "take over at \(point.short)"
        }
    }
}
