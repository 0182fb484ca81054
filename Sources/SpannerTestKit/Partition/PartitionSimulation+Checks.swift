import CRDT
import Spanner

extension PartitionSimulation {
    // MARK: - Answers

    /// A command is in the journal where it is said to be, and as safe as it is said to be.
    func checkDone(
        _ number: UInt64, _ attempt: PartitionSimAttempt, _ point: LogPoint, _ level: PartitionAckLevel, by bolt: Int
    ) {
        guard bolts[bolt].disk.image.holds(point), partition(of: bolt).oracle.attempts[number] == point.hash else {
            return violate("D1", "bolt \(bolt) answers attempt \(number) at \(point.short), its disk does not hold it")
        }
        // In a partition of one disk that disk is all there is to wait for.
        let isOnly = bolts[bolt].disk.image.openConfigurations.contains { $0.members.count == 1 }
        guard level >= attempt.level || isOnly else {
            return violate("P1", "attempt \(number) was wanted at \(attempt.level) and is answered at \(level)")
        }
        if level == .paired { checkPromise(bolt, point, isAlone: false) }
    }

    /// Somebody is told that all up to here is safe.
    func checkSafeClaim(_ bolt: Int, _ safe: UInt64) {
        let image = bolts[bolt].disk.image
        guard safe > image.safe || safe > image.base.position, safe > 0 else { return }
        guard let point = image.point(at: safe) else {
            return violate("P4", "bolt \(bolt) calls \(safe) safe, its journal ends at \(image.tip.short)")
        }
        if bolts[bolt].holdsReign {
            checkPromise(bolt, point, isAlone: true)
        } else {
            violate(partition(of: bolt).oracle.checkSafe(point))
        }
    }

    func checkPersistedSafe(_ bolt: Int, _ safe: UInt64) { checkSafeClaim(bolt, safe) }

    /// What is promised stands on the disks of the primary and of all in sync, a standby among them, or on the only
    /// one.
    private func checkPromise(_ bolt: Int, _ point: LogPoint, isAlone: Bool) {
        let partition = partition(of: bolt)
        if let known = bolts[bolt].promised, known.position >= point.position, isAlone { return }
        let image = bolts[bolt].disk.image
        let reign = image.reign
        guard !partition.oracle.isExcused else { return }
        // What was promised before stays promised, whoever is in sync now.
        if isAlone, partition.oracle.checkSafe(point) == nil { return }
        guard image.promised.isSameReign(as: reign) else {
            return violate(
                "P2", "bolt \(bolt) promises \(point.short) under \(reign), its disk is at \(image.promised)")
        }
        var missing = ""
        for configuration in image.openConfigurations.reversed() {
            if configuration.inSync.count < 2, !isAlone || configuration.members.count > 1 { continue }
            let lacking = configuration.inSync.filter { !holds($0, point, in: partition) }
            if lacking.isEmpty {
                bolts[bolt].promised = point
                let images = partition.bolts.filter { isAtHand(bolts[$0].replica, in: partition) }
                    .map { bolts[$0].disk.image }
                return violate(
                    partitions[partition.index].oracle.promise(
                        point, under: reign, heldBy: configuration.inSync,
                        isHeld: { began in images.contains { $0.holds(began) } }))
            }
            missing += " \(lacking)"
        }
        violate("P3", "bolt \(bolt) promises \(point.short), which is not on all disks in sync:\(missing)")
    }

    /// Whether a disk is neither lost nor cut off.
    private func isAtHand(_ disk: ReplicaID, in partition: PartitionSimPartition) -> Bool {
        partition.graveyard[disk] == nil && !partition.called.contains(disk)
    }

    private func holds(_ disk: ReplicaID, _ point: LogPoint, in partition: PartitionSimPartition) -> Bool {
        if let bolt = bolt(of: disk) {
            let image = bolts[bolt].disk.image
            return image.holds(point) || point.position < image.base.position && point.position <= image.safe
        }
        return partition.graveyard[disk].map { $0.holds(point) || point.position < $0.base.position } ?? false
    }

    func partition(of bolt: Int) -> PartitionSimPartition { partitions[bolts[bolt].partition] }

    // MARK: - What is said

    /// What a bolt is about to say must be true of its disk already.
    func checkSaid(_ bolt: Int, _ message: PartitionMessage, on link: LinkID) {
        let image = bolts[bolt].disk.image
        switch message {
        case .hello(let hello), .mismatch(_, let hello), .surveyed(_, let hello): checkHello(bolt, hello)
        case .acquainted(let hello):
            checkHello(bolt, hello)
            checkAcquainted(bolt, hello, on: link)
        case .append(let epoch, _, _, let safe):
            guard image.promised == epoch else {
                return violate("P2", "bolt \(bolt) appends under \(epoch), its disk promised \(image.promised)")
            }
            checkSafeClaim(bolt, safe)
        case .durable(let epoch, let point):
            guard image.holds(point) || point.position < image.base.position else {
                return violate("D1", "bolt \(bolt) calls \(point.short) durable, its disk ends at \(image.tip.short)")
            }
            guard image.promised <= epoch else {
                return violate("P2", "bolt \(bolt) acknowledges under \(epoch), it promised \(image.promised)")
            }
            if image.isForgetful { violate("P1", "bolt \(bolt) acknowledges and has forgotten what it promised") }
        case .promised(_, let epoch, let before, let hello):
            // One transaction may carry two promises: the higher keeps the lower.
            guard image.promised >= epoch, before <= epoch else {
                return violate("D1", "bolt \(bolt) promises \(epoch), its disk promised \(image.promised)")
            }
            checkHello(bolt, hello)
            if hello.tip != image.tip { violate("P1", "bolt \(bolt) promises and hides what it holds") }
        case .promiseMe(_, let epoch, _):
            if image.promised < epoch { violate("D1", "bolt \(bolt) asks for \(epoch) before its own disk has it") }
        case .fetched(_, let records):
            for record in records {
                guard let point = image.point(at: record.position), point.hash == chain.hash(of: record) else {
                    return violate("D1", "bolt \(bolt) serves \(record.position), which is not on its disk")
                }
            }
        case .takeOver(_, let point):
            if !image.holds(point) {
                violate("D1", "bolt \(bolt) hands over at \(point.short), which it does not hold")
            }
        case .cut, .snapshot, .survey, .declined, .fetch, .acquaint: break
        }
    }

    private func checkHello(_ bolt: Int, _ hello: PartitionHello) {
        let image = bolts[bolt].disk.image
        guard hello.tip.position == 0 || image.holds(hello.tip) || hello.tip.position < image.base.position else {
            return violate(
                "D1", "bolt \(bolt) says that it holds \(hello.tip.short), its disk ends at \(image.tip.short)")
        }
        guard hello.promised <= image.promised else {
            return violate("D1", "bolt \(bolt) says that it promised \(hello.promised), its disk has \(image.promised)")
        }
        guard let safe = image.point(at: hello.safe) else { return }
        violate(partition(of: bolt).oracle.checkSafe(safe))
    }

    private func checkAcquainted(_ bolt: Int, _ hello: PartitionHello, on link: LinkID) {
        let image = bolts[bolt].disk.image
        guard let (connection, end) = place(of: link, bolt: bolt) else { return }
        let other = network.connections[connection].ends[1 - end]
        guard isAlive(other) else { return }
        let peer = bolts[other.bolt].replica
        let members = image.configurations.last?.configuration.members ?? []
        if !image.acquaintances.contains(peer), !members.contains(peer) {
            violate("D1", "bolt \(bolt) says that it counts \(peer), its disk does not")
        }
        if hello.promised != image.promised { violate("P1", "bolt \(bolt) hides its promise from a new disk") }
    }

    // MARK: - Epochs

    /// An epoch became durable where it was minted: was it asked for, promised, and honest about what may be lost?
    func checkBegin(_ bolt: Int, _ point: LogPoint, _ begin: PartitionBegin) {
        trace.keep(now, "epoch \(point.epoch) begins at bolt \(bolt): \(PartitionControl.begin(begin).short)")
        let partition = partition(of: bolt)
        if point.epoch.renewal > 0 {
            let known = partition.oracle.begins.dropLast().contains { $0.point.epoch.isSameReign(as: point.epoch) }
            if !known { violate("P3", "\(point.epoch) renews what never began") }
            return count(work: "epochs renewed")
        }
        count(work: "epochs begun: \(begin.cause)")
        guard let asked = operations[begin.operation] else {
            // The primary that reigned until now claims back what a promise ended that came to nothing.
            if begin.basis.epoch.minter == point.epoch.minter {
                count(work: "reigns claimed back")
                return checkPromises(bolt, point, begin, isAccepted: false)
            }
            return violate("P9", "\(point.epoch) begins at bolt \(bolt) and nobody asked for it")
        }
        if asked.isRefused { return violate("P3", "\(point.epoch) begins by an operation that was refused") }
        var isAccepted = false
        switch asked.operation {
        case .promote(let cause, let expect, let accepting):
            isAccepted = accepting
            guard cause == begin.cause, asked.bolt == bolt else {
                return violate("P9", "\(point.epoch) begins as \(begin.cause), asked was \(asked.operation.short)")
            }
            if let expect, expect != begin.basis {
                return violate("P10", "\(point.epoch) stands on \(begin.basis.short), expected was \(expect.short)")
            }
            if cause == .promotion, let hears = asked.hears {
                return violate("P10", "bolt \(bolt) is promoted and hears from the primary \(hears)")
            }
        case .found, .switchover: break
        case .check, .remove: violate("P9", "\(point.epoch) begins by \(asked.operation.short)")
        }
        checkPromises(bolt, point, begin, isAccepted: isAccepted)
    }

    private func checkPromises(_ bolt: Int, _ point: LogPoint, _ begin: PartitionBegin, isAccepted: Bool) {
        let partition = partition(of: bolt)
        if let loss = begin.acceptedLoss {
            guard isAccepted, !loss.isEmpty, loss.count <= PartitionLimits.lossTextMax else {
                return violate("P3", "\(point.epoch) accepts a loss that nobody accepted: \(loss)")
            }
            return count(work: "loss accepted")
        }
        guard begin.cause != .genesis else { return }
        for disk in begin.promisedBy {
            let promised =
                self.bolt(of: disk).map { bolts[$0].disk.image.promised } ?? partition.graveyard[disk]?.promised
            guard let promised, promised >= point.epoch else {
                return violate("P3", "\(point.epoch) begins with a promise of \(disk), which it never gave")
            }
        }
        let image = bolts[bolt].disk.image
        let members = image.configurations.dropLast().last?.configuration.members ?? []
        let cut = Set(bolts[bolt].heard[partition.index]?.cut ?? [])
        let missing = members.filter { !begin.promisedBy.contains($0) && !cut.contains($0) }
        let old = begin.basis.epoch.minter
        // Where one of a pair is gone, the other is the last that may hold what they acknowledged.
        let mayMiss = cut.isDisjoint(with: members) ? 1 : 0
        if missing.count > mayMiss, !begin.promisedBy.contains(old) {
            violate("P3", "\(point.epoch) begins without the promises of \(missing)")
        }
    }

    func checkResolved(
        _ id: OperationID, _ asked: PartitionSimOperation, _ resolution: PartitionResolution, by bolt: Int
    ) {
        let partition = partition(of: bolt)
        switch resolution {
        case .done(let epoch, _):
            if case .remove = asked.operation { return }
            guard
                partition.oracle.begins.contains(where: {
                    $0.begin.operation == id && $0.point.epoch.isSameReign(as: epoch)
                })
            else { return violate("D1", "\(asked.operation.short) is called done, no journal says so") }
        case .refused(let refusal):
            if case .remove(let disk) = asked.operation {
                let isAskedElsewhere = operations.contains { $0.key != id && $0.value.mayRemove(disk) }
                if !isAskedElsewhere { partitions[partition.index].removed.remove(disk) }
                return
            }
            if partition.oracle.begins.contains(where: { $0.begin.operation == id }) {
                return violate("P3", "\(asked.operation.short) is refused, and an epoch began by it")
            }
            switch refusal {
            case .promisesMissing(_, let bound), .tailMissing(_, let bound):
                if bound.isEmpty { violate("P3", "a promotion is refused without a word of what may be lost") }
            default: break
            }
        case .report(_, let missing, let bound):
            if missing.count > 1, bound?.isEmpty ?? true, !partition.oracle.isExcused {
                count(work: "reports without a bound")
            }
        case .ask: break
        }
    }

    func checkFenced(_ bolt: Int, _ reason: String) {
        let partition = partition(of: bolt)
        let replica = bolts[bolt].replica
        guard !options.isWild, !partition.oracle.isExcused else { return }
        guard !isTakenOut(replica, of: partition) else { return count(work: "fenced, as asked for") }
        violate("P4", "bolt \(bolt) fences itself: \(reason)")
    }
}
