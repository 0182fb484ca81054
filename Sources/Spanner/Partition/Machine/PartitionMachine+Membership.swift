internal import CRDT

extension PartitionMachine {
    /// Takes a disk in sync that holds nearly everything, is counted by all others and acknowledges.
    mutating func join(_ disk: ReplicaID) {
        guard let reign, reign.handover == nil, !waitsForRoom, let configuration = planned.configuration,
            !configuration.inSync.contains(disk), knows(disk), !isLeaving(disk), let peer = peers[disk],
            peer.link != nil,
            let held = peer.acknowledged
        else { return }
        let lag = planned.tip.position - min(planned.tip.position, held.position)
        guard lag <= PartitionLimits.joinLagRecordsMax || mutation == .countLaggingAsInSync,
            durable.tip.position >= reign.begin.position,
            configuration.members.contains(disk) || configuration.members.count < PartitionLimits.universeMax
        else { return }
        change(members: configuration.members + [disk], inSync: configuration.inSync + [disk])
    }

    /// Who is late is no longer waited for, and who was cut off is no member.
    mutating func reviewConfiguration() {
        guard let reign, let configuration = planned.configuration else { return }
        let members = configuration.members.filter { $0 == own.disk || !cutOff.contains($0) }
        let inSync = configuration.inSync.filter { disk in
            guard disk != own.disk else { return true }
            return members.contains(disk) && (peers[disk]?.lateTicks ?? Int.max) < inSyncTicks
        }
        guard members != configuration.members || inSync != configuration.inSync else { return }
        if let handover = reign.handover, !inSync.contains(handover.to) { cancelHandover() }
        change(members: members, inSync: inSync)
    }

    @discardableResult
    private mutating func change(members: [ReplicaID], inSync: [ReplicaID]) -> LogPoint? {
        let configuration = PartitionConfiguration(members: Set(members), inSync: Set(inSync))
        return write(.control(.configuration(configuration)))
    }

    /// Takes a living disk out of the members. One that is none is out already, once that is safe: whoever lost the
    /// answer asks again, maybe somebody who reigns since, and is told what is true.
    ///
    /// Never down to one: a disk that does not know yet that it is out could begin an epoch without the only one that
    /// is left, which would by then acknowledge alone.
    mutating func remove(_ disk: ReplicaID, _ operation: OperationID) {
        guard reign != nil, let configuration = planned.configuration else {
            effects.append(.resolve(operation, .refused(.notPrimary(hears ?? following?.disk))))
            return
        }
        let isCut = cutOff.contains(disk)
        if !isCut, !configuration.members.contains(disk) {
            // What the log says of the members is in it up to its end.
            removals.append((operation, planned.tip.position))
            return resolveRemovals()
        }
        let refusal: PartitionOperationRefusal? =
            if disk == own.disk {
                .primaryLives(own.disk)
            } else if reign?.handover != nil, let running = reign?.handover?.operation {
                .busy(running)
            } else if !isCut, configuration.members.count <= 2 || configuration.inSync == pair(with: disk) {
                .lastStandby(disk)
            } else {
                nil
            }
        if let refusal {
            effects.append(.resolve(operation, .refused(refusal)))
            return
        }
        let point = change(
            members: configuration.members.filter { $0 != disk }, inSync: configuration.inSync.filter { $0 != disk })
        guard let point else { return }
        removals.append((operation, point.position))
    }

    /// This disk and another, as the only ones in sync: what takes the other out could not be safe before a third is.
    private func pair(with disk: ReplicaID) -> [ReplicaID] { [own.disk, disk].sorted() }

    mutating func resolveRemovals() {
        guard let epoch = reign?.epoch, let done = removals.first, done.position <= reign?.reached ?? 0 else { return }
        let point = reign?.window.point(at: done.position) ?? durable.tip
        effects.append(.resolve(done.operation, .done(epoch, point)))
        removals.removeFirst()
        resolveRemovals()
    }

    /// A new disk wants to be counted. Answered when that is durable: from then on a promotion here asks it too.
    mutating func acquaint(_ disk: ReplicaID, on link: LinkID) {
        guard !cutOff.contains(disk), !isLeaving(disk), installation == nil else { return }
        if !isSafelyMember(disk), !acquaintances.contains(disk) {
            let kept = acquaintances.filter { $0 == own.disk || !isSafelyMember($0) }
            guard planned.counted.union(kept).count < PartitionLimits.universeMax else {
                notify(.contradiction(disk, "too many disks wait to be members: cut off those that are gone"))
                return
            }
            stage(acquaintances: (kept + [disk]).sorted())
        }
        stage(.acquaint(link))
    }

    /// Whether the log leaves this disk out by a record that is not safe yet. Until it is, nothing is begun with it.
    private func isLeaving(_ disk: ReplicaID) -> Bool {
        planned.counted.contains(disk) && !members.contains(disk)
    }

    /// All up to here is safe. Disks that a safe configuration named are counted by the log from now on, and no longer
    /// where a later one that is safe too leaves them out: the same at every member, so that none counts a disk that
    /// others don't.
    mutating func settle(_ position: UInt64) {
        safe = position
        let settled = durable.configurations.prefix { $0.position <= position }
        let named = Set(settled.flatMap(\.configuration.members))
        durable.settle(safe)
        planned.settle(safe)
        if !named.isDisjoint(with: acquaintances) {
            stage(acquaintances: acquaintances.filter { !named.contains($0) })
        }
        notify(.safe(safe))
        let isNamed = settled.last?.configuration.members.contains(own.disk) ?? true
        if named.contains(own.disk), !isNamed { leave() }
    }

    /// The partition took this disk out, safely: it takes part no more, under this incarnation, and says so to all.
    mutating func leave() {
        guard fencedBecause == nil, !forgets else { return }
        fence(PartitionMachine.removedReason)
        for link in links.keys.sorted() { effects.append(.send(.hello(hello()), on: link)) }
    }

    /// This disk was removed while it was away, if somebody holds all that it holds and more and counts it no more: all
    /// count each disk until a safe record leaves it out. It could not always read that record, for it may have
    /// promised an epoch that nobody else heard of.
    mutating func noticeRemoval(_ hello: PartitionHello, of disk: ReplicaID) {
        guard reign == nil, installation == nil, fencedBecause == nil, !isForgetful, !hello.isForgetful,
            hello.configuration != nil, !hello.counted.contains(own.disk), !hello.saysRemoved(disk),
            hello.tip.position > planned.tip.position, case .after(let fork) = planned.epochs.fork(with: hello.epochs),
            fork > 0, fork >= max(safe, durableSafe)
        else { return }
        if acquaintances.contains(own.disk) { stage(acquaintances: acquaintances.filter { $0 != own.disk }) }
        leave()
    }

    /// A disk that knows that it was removed says so by counting itself no more: whoever still does, because the
    /// records that named it and left it out came in a snapshot, forgets it.
    mutating func forgetRemoved(_ disk: ReplicaID, _ hello: PartitionHello) {
        guard hello.saysRemoved(disk) else { return }
        acquainted[disk] = nil
        guard acquaintances.contains(disk), installation == nil else { return }
        stage(acquaintances: acquaintances.filter { $0 != disk })
    }

    /// Lets everybody forget disks that were cut off and never became members, or of which a snapshot did not tell that
    /// they were: once they are named in the log and left out again, both safely, nothing that they acknowledged can be
    /// lacking anywhere.
    ///
    /// Once in a reign for each bolt that still counts them, as it last said.
    mutating func bury() {
        guard let reign, reign.handover == nil, durable.tip.position >= reign.begin.position, !cutOff.isEmpty,
            let configuration = planned.configuration
        else { return }
        var holders = peers.compactMapValues { $0.link == nil ? nil : $0.hello?.acquaintances }
        holders[own.disk] = acquaintances
        var dead: Set<ReplicaID> = []
        for (holder, counted) in holders where knows(holder) {
            // Whom the own log is about to leave out, it needs not name again.
            let fresh = Set(counted).intersection(cutOff).subtracting(reign.buried[holder] ?? [])
                .subtracting(planned.counted)
            guard !fresh.isEmpty else { continue }
            dead.formUnion(fresh)
            self.reign?.buried[holder, default: []].formUnion(fresh)
        }
        dead.subtract(configuration.members)
        guard !dead.isEmpty, configuration.members.count + dead.count <= PartitionLimits.universeMax else { return }
        change(members: configuration.members + dead, inSync: configuration.inSync)
        change(members: configuration.members, inSync: configuration.inSync)
    }

    /// Whether no cut can make this disk a stranger again.
    func isSafelyMember(_ disk: ReplicaID) -> Bool {
        let settled = durable.configurations.last { $0.position <= durableSafe }
        return settled?.configuration.members.contains(disk) ?? false
    }
}
