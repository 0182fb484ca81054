/// P1, P5, P7: what the disks hold of each writer's queue.
enum QueueRule {
    static func check(_ history: MeshHistory) -> [Violation] {
        history.writers.flatMap { writer in check(writer, history.partitions) }
    }

    private static func check(_ writer: WriterHistory, _ partitions: [PartitionEnd]) -> [Violation] {
        var found: [Violation] = []
        let owners = partitions.filter { partition in
            partition.members.contains { member in member.queues.contains { $0.queue == writer.queue } }
        }
        if owners.count > 1 {
            found.append(
                Violation(.twoOwners, writer.name, "its queue is at " + owners.map(\.name).joined(separator: " and ")))
        }
        let promised = writer.calls.compactMap(\.answer?.safeThrough).max() ?? 0
        if promised > 0, owners.isEmpty, !partitions.isEmpty {
            found.append(Violation(.lost, writer.name, "its whole queue, promised through \(promised), is nowhere"))
        }
        for partition in owners {
            let primary = partition.members.first { $0.bolt == partition.primary }
            for member in partition.members {
                let rows = member.queues.filter { $0.queue == writer.queue }
                for queue in rows { found += check(queue, of: writer, at: member.bolt) }
                // A disk that is behind lacks what is safe: that is told by itself.
                guard let primary, member.finding == nil, member.tip.position >= primary.safe else { continue }
                found += missing(rows.first, of: writer, through: promised, at: member.bolt)
            }
        }
        if !writer.isBanned, writer.releasedThrough < UInt64(writer.bodies.count) {
            found.append(
                Violation(
                    .undelivered, writer.name,
                    "\(UInt64(writer.bodies.count) - writer.releasedThrough) results wait after "
                        + "\(writer.releasedThrough)"))
        }
        return found
    }

    /// Writers drop nothing, so a base where a promised result should be hides a loss.
    private static func missing(
        _ queue: QueueEnd?, of writer: WriterHistory, through promised: UInt64, at bolt: String
    ) -> [Violation] {
        guard promised > 0 else { return [] }
        let held = Set(queue?.rows.map(\.sequence) ?? [])
        let gone = (1...promised).filter { !held.contains($0) }
        guard let first = gone.first, let last = gone.last else { return [] }
        let isCovered = queue?.bases.contains { $0.contains(first) } ?? false
        return [
            Violation(
                .lost, writer.name,
                "\(gone.count) results from \(first) to \(last), promised through \(promised), are not at \(bolt)"
                    + (isCovered ? ", a base hides it" : ""))
        ]
    }

    private static func check(_ queue: QueueEnd, of writer: WriterHistory, at bolt: String) -> [Violation] {
        var found: [Violation] = []
        var place: UInt64 = 0
        var before = QueueEnd.Row(0, 0)
        for row in queue.rows {
            if row.sequence <= before.sequence {
                found.append(
                    Violation(.duplicated, writer.name, "\(row.sequence) comes after \(before.sequence) at \(bolt)"))
            }
            if row.sequence < 1 || row.sequence > UInt64(writer.bodies.count) {
                found.append(Violation(.invented, writer.name, "\(row.sequence) at \(bolt) was never sent"))
            } else if writer.bodies[Int(row.sequence - 1)] != row.body {
                found.append(Violation(.altered, writer.name, "\(row.sequence) at \(bolt) has other bytes"))
            }
            before = row
        }
        let held = Set(queue.rows.map(\.sequence))
        while place < queue.storedThrough {
            place += 1
            if held.contains(place) { continue }
            if let base = queue.bases.first(where: { $0.contains(place) }) {
                place = min(base.upperBound, queue.storedThrough)
                continue
            }
            found.append(
                Violation(
                    .gap, writer.name, "\(place) is not at \(bolt), which counts \(queue.storedThrough) as stored"))
            break
        }
        if let last = held.max(), last > queue.storedThrough {
            found.append(
                Violation(.gap, writer.name, "\(last) is at \(bolt), which counts only \(queue.storedThrough)"))
        }
        return found
    }
}
