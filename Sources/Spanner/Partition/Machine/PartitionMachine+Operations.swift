internal import CRDT

extension PartitionMachine {
    mutating func take(_ operation: OperationID, _ asked: PartitionOperation) {
        guard isStarted, fencedBecause == nil else {
            effects.append(.resolve(operation, .refused(.notMember)))
            return
        }
        switch asked {
        case .found(let members): found(members, operation)
        case .promote(let cause, let expect, let acceptsLoss):
            promote(PartitionCandidacy(operation, cause, expect: expect, acceptsLoss: acceptsLoss))
        case .check: promote(PartitionCandidacy(operation, .promotion, isCheck: true))
        case .switchover(let to): switchOver(to: to, operation)
        case .remove(let disk): remove(disk, operation)
        }
    }

    /// The partition's first epoch. Only on an empty disk, and where nobody that is heard of holds a journal.
    private mutating func found(_ members: [ReplicaID], _ operation: OperationID) {
        let all = Set(members)
        let isHeld =
            planned.tip.position > 0 || plannedPromise > .none || hearsayEpoch > 0
            || peers.values.contains { ($0.hello?.tip.position ?? 0) > 0 }
        let refusal: PartitionOperationRefusal? =
            if let running = candidacy?.operation ?? beginning?.operation {
                .busy(running)
            } else if isHeld {
                .alreadyFounded
            } else if isSealed {
                .sealed
            } else if !all.contains(own.disk) || all.count > PartitionLimits.membersMax {
                .badMembers
            } else {
                nil
            }
        if let refusal {
            effects.append(.resolve(operation, .refused(refusal)))
            return
        }
        stage(acquaintances: acquaintances.filter { !all.contains($0) })
        stage { $0.remembers = true }
        begin(
            PartitionBegin(
                operation: operation, cause: .genesis, basis: planned.tip, promisedBy: [own.disk], acceptedLoss: nil,
                configuration: PartitionConfiguration(members: all, inSync: [own.disk])),
            under: PartitionEpoch(number: 1, minter: own.disk), isAwaited: true)
    }

    /// Counts down to taking up again what this bolt reigned over.
    mutating func tickResumption() {
        if let left = resumption {
            resumption = max(0, left - 1)
            resumeIfDue()
        }
        guard let left = reclaim else { return }
        reclaim = max(0, left - 1)
        guard left <= 1, candidacy == nil, beginning == nil else { return }
        reclaim = nil
        guard !isSealed, hears == nil else { return }
        promote(PartitionCandidacy(derivedOperation("reclaim", plannedPromise), .failover, isReclaim: true))
    }

    /// Takes the own epoch up again, once everybody answered or waited long enough, and nobody promised higher.
    mutating func resumeIfDue() {
        guard let left = resumption, settings.resumesByItself, !isSealed, !isForgetful, fencedBecause == nil,
            reign == nil, candidacy == nil, beginning == nil, installation == nil, !waitsForRoom
        else { return }
        guard hears == nil, durable.tip.epoch == plannedPromise, !isOutbid else {
            dropResumption()
            return
        }
        let others = planned.counted.union(acquaintances).subtracting([own.disk]).subtracting(cutOff)
        guard left == 0 || others.allSatisfy({ peers[$0]?.hello != nil }) else { return }
        resumption = nil
        let epoch = plannedPromise.renewed
        // Records that were sent before the restart and lost here may stand elsewhere under the old renewal. The new
        // one begins where this disk ends, so that those who hold more find the fork.
        let kept = Set(members).subtracting(cutOff).union([own.disk])
        begin(
            PartitionBegin(
                operation: derivedOperation("resumption", epoch), cause: .resumption, basis: planned.tip,
                promisedBy: [own.disk], acceptedLoss: nil,
                configuration: PartitionConfiguration(members: kept, inSync: [own.disk])),
            under: epoch, isAwaited: false)
    }

    /// The own epoch is not taken up again. Where a mere promise is in the way and nobody reigns, it is claimed back
    /// later: otherwise a promotion that failed half-way would leave nobody.
    mutating func dropResumption() {
        resumption = nil
        let isSuperseded = peers.values.contains { ($0.hello?.tip.epoch ?? .none) > durable.tip.epoch }
        if settings.resumesByItself, hears == nil, !isSuperseded, reclaim == nil { reclaim = resumeTicks }
    }

    /// Whether somebody is known to have promised, or to hold, a later epoch than this disk promised.
    private var isOutbid: Bool {
        peers.contains { disk, peer in
            guard knows(disk), let hello = peer.hello else { return false }
            let highest = max(hello.promised, hello.tip.epoch)
            return highest > plannedPromise && !isAbsurd(highest)
        }
    }

    /// A deliberate fault: reigns on above an epoch that it heard of, on what it happens to hold, and asks nobody.
    mutating func goOn(above epoch: PartitionEpoch) {
        guard let configuration = planned.configuration, beginning == nil, !hasGoneOn else { return }
        hasGoneOn = true
        stepDown(nil)
        begin(
            PartitionBegin(
                operation: derivedOperation("fault", epoch), cause: .resumption, basis: planned.tip,
                promisedBy: [own.disk], acceptedLoss: nil, configuration: configuration),
            under: PartitionEpoch(number: epoch.number + 1, minter: own.disk), isAwaited: false)
    }

    /// An id for what nobody asked for: the same for the same epoch.
    private func derivedOperation(_ word: String, _ epoch: PartitionEpoch) -> OperationID {
        let words = witness.hash(Array("bolt partition \(word) v1".utf8) + own.partition.bytes + epoch.canonicalBytes)
            .words
        return OperationID(PrincipalID(high: words.0, low: words.1))
    }
}
