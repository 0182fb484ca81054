internal import CRDT

extension PartitionMachine {
    /// A planned change of primary: stop, let the target catch up, tell it; go on alone if it does not take over.
    mutating func switchOver(to wanted: ReplicaID?, _ operation: OperationID) {
        if let refusal = refusal(ofHandoverTo: wanted) {
            effects.append(.resolve(operation, .refused(refusal)))
            return
        }
        guard let target = wanted ?? furthestInSync else { return }
        guard let point = write(.control(.handover(operation, to: target))) else { return }
        reign?.handover = PartitionReign.Handover(operation: operation, to: target, position: point.position)
    }

    private func refusal(ofHandoverTo wanted: ReplicaID?) -> PartitionOperationRefusal? {
        guard let reign else { return .notPrimary(hears ?? following?.disk) }
        if let running = reign.handover { return .busy(running.operation) }
        if waitsForRoom { return .storage(.full) }
        guard let target = wanted ?? furthestInSync, target != own.disk, peers[target]?.link != nil,
            planned.configuration?.inSync.contains(target) ?? false
        else { return .notInSync(wanted) }
        return nil
    }

    /// The standby in sync, with a link, that holds the most.
    private var furthestInSync: ReplicaID? {
        let candidates = (planned.configuration?.inSync ?? []).filter { $0 != own.disk && peers[$0]?.link != nil }
        return candidates.max { left, right in
            let (one, other) = (peers[left]?.acknowledged?.position ?? 0, peers[right]?.acknowledged?.position ?? 0)
            return (one, right) < (other, left)
        }
    }

    /// Once the hand-over is on all disks in sync, the target may begin.
    mutating func offerHandover() {
        guard let reign, let handover = reign.handover, !handover.isOffered, reign.reached >= handover.position,
            let point = reign.window.point(at: handover.position)
        else { return }
        self.reign?.handover?.isOffered = true
        send(.takeOver(handover.operation, point), to: handover.to)
    }

    mutating func tickHandover() {
        guard reign?.handover != nil else { return }
        reign?.handover?.ticks += 1
        if let ticks = reign?.handover?.ticks, ticks >= handoverTicks, !waitsForRoom { cancelHandover() }
    }

    /// Nobody was promised another epoch: this one goes on.
    mutating func cancelHandover() {
        guard let handover = reign?.handover else { return }
        reign?.handover = nil
        write(.control(.handoverCancelled(handover.operation)))
        effects.append(.resolve(handover.operation, .refused(.notTaken(handover.to))))
    }

    /// The old primary gave way: whether the target began shows soon, or in the journal.
    mutating func tickHandedOver() {
        guard handedOver != nil else { return }
        handedOver?.ticks += 1
        guard let waited = handedOver, waited.ticks >= handoverTicks else { return }
        handedOver = nil
        effects.append(.resolve(waited.operation, .ask(waited.to)))
    }

    /// This standby is to take over: everything that was acknowledged is on its disk.
    mutating func takeOver(_ operation: OperationID, _ point: LogPoint, by disk: ReplicaID) {
        guard let following, following.disk == disk, following.epoch == point.epoch, !isForgetful, !isSealed,
            !waitsForRoom, candidacy == nil, beginning == nil, installation == nil,
            durable.tip.position >= point.position,
            durable.holds(point), members.contains(own.disk), !isAbsurd(hearsayEpoch)
        else { return }
        candidacy = PartitionCandidacy(operation, .switchover)
        mint()
    }
}
