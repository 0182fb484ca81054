internal import CRDT

extension PartitionMachine {
    /// Everybody that a new disk has to be counted by: members and acquaintances of all that it heard of.
    private var elders: [ReplicaID] {
        var found = heardOf
        found.subtract(cutOff)
        found.remove(own.disk)
        return found.sorted()
    }

    /// The same with those that were cut off, which others may still miss in their logs.
    private var heardOf: Set<ReplicaID> {
        var found = durable.counted
        found.formUnion(acquaintances)
        var removed: Set<ReplicaID> = []
        for (disk, peer) in peers {
            guard let hello = peer.hello else { continue }
            // Whoever was removed may not have heard of others that were since.
            if hello.saysRemoved(disk) { removed.insert(disk) } else { found.formUnion(hello.counted) }
        }
        for hello in acquainted.values { found.formUnion(hello.counted) }
        return found.subtracting(removed)
    }

    /// A new disk asks all others to count it. Only when all answered does it acknowledge anything: whoever seeks
    /// promises after that knows of it, and what was promised before binds it too.
    mutating func introduce() {
        guard isStarted, isForgetful, !isRemembering, fencedBecause == nil, installation == nil,
            candidacy == nil, beginning == nil
        else { return }
        let isJournalKnown =
            durable.configuration != nil || peers.values.contains { $0.hello?.configuration != nil }
        guard isJournalKnown else { return }
        let elders = self.elders
        let missing = elders.filter { acquainted[$0] == nil }
        for disk in elders {
            guard let link = peers[disk]?.link, peers[disk]?.hello != nil, !acquaintAsked.contains(link) else {
                continue
            }
            acquaintAsked.insert(link)
            effects.append(.send(.acquaint, on: link))
        }
        guard missing.isEmpty, !elders.isEmpty, heardOf.count < PartitionLimits.universeMax else { return }
        let highest = acquainted.values.map(\.promised).max() ?? .none
        isRemembering = true
        stage(promise: highest)
        stage(acquaintances: heardOf.union([own.disk]).sorted())
        stage { write in
            write.remembers = true
            write.thens.append(.remembered)
        }
    }

    mutating func acquainted(_ hello: PartitionHello, by disk: ReplicaID) {
        guard isForgetful, hello.partition == own.partition, !isAbsurd(hello.promised) else { return }
        acquainted[disk] = hello
        peers[disk]?.hello = hello
        introduce()
    }

    mutating func tickForgetful() {
        guard isForgetful else { return }
        acquaintTicks += 1
        guard acquaintTicks >= inSyncTicks else { return }
        // A request that was lost with a link, or with the memory of whom it was asked, is asked again; and so is
        // whoever answered: it may have named a disk that was removed since.
        (acquaintTicks, acquaintAsked) = (0, [])
        introduce()
    }

    /// Counted by all, durably: others are told, and what is held is acknowledged.
    mutating func remembered() {
        (acquainted, acquaintAsked, isRemembering) = ([:], [], false)
        for link in links.keys.sorted() { effects.append(.send(.hello(hello()), on: link)) }
        if let following { acknowledge(following.epoch) }
    }
}
