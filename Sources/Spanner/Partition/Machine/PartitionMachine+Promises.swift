internal import CRDT

extension PartitionMachine {
    /// A candidate asks for a promise. Given once it is durable; from its staging on nothing older is obeyed.
    ///
    /// A forgetful disk promises too: it acknowledged nothing yet, and the life of it that may have is another member.
    mutating func asked(
        _ operation: OperationID, _ epoch: PartitionEpoch, _ cause: PartitionCause, by disk: ReplicaID, on link: LinkID
    ) {
        if let refusal = refusal(of: operation, epoch, cause, by: disk) {
            effects.append(.send(.declined(operation, epoch, refusal), on: link))
            return
        }
        if waitsForRoom { makeWayForPromise() }
        let before = plannedPromise
        if reign != nil { stepDown(disk) }
        if candidacy != nil { giveUp(.outbid(epoch)) }
        (following, resumption, reclaim) = (nil, nil, nil)
        stage(promise: epoch)
        abandonBeginning()
        stage { $0.thens.append(.promise(link, operation, epoch, before: before)) }
    }

    /// Whether what waits for room was acknowledged to nobody: as a standby's is.
    private var mayMakeWay: Bool { reign == nil && candidacy == nil && beginning == nil && !isForgetful }

    /// What a standby's full disk did not take is let go of, as a restart would: a promise needs less room, and is what
    /// others wait for.
    /// So is a snapshot that was offered and waits behind it.
    private mutating func makeWayForPromise() {
        dropStaged()
        (waitsForRoom, installation) = (false, nil)
    }

    private func refusal(
        of operation: OperationID, _ epoch: PartitionEpoch, _ cause: PartitionCause, by disk: ReplicaID
    ) -> PartitionOperationRefusalWire? {
        guard knows(disk), epoch.minter == disk else { return .notMember }
        if isAbsurd(epoch) { return .absurd }
        if waitsForRoom ? installation?.isRunning == true || !mayMakeWay : installation != nil { return .storage }
        if epoch <= plannedPromise { return .outbid(plannedPromise) }
        switch cause {
        case .switchover:
            guard let reign else { return nil }
            let isOwn = reign.handover?.operation == operation && reign.handover?.to == disk
            return isOwn ? nil : .primaryLives(own.disk)
        case .promotion, .restore:
            guard let heard = hears, heard != disk else { return nil }
            return .primaryLives(heard)
        case .genesis, .failover, .resumption: return nil
        }
    }

    /// A candidate lacks part of the tail. It is served to the one that was promised, and nobody else.
    mutating func fetch(_ operation: OperationID, from position: UInt64, by disk: ReplicaID, on link: LinkID) {
        guard promised.minter == disk, position > 0, position <= durable.tip.position else {
            effects.append(.send(.fetched(operation, []), on: link))
            return
        }
        // One read for each link, however often it asks.
        let isReading = loads.values.contains { if case .fetch(link, _) = $0 { true } else { false } }
        guard !isReading else {
            fetchesAsked[link] = (operation, position)
            return
        }
        let load = LoadID(number())
        loads[load] = .fetch(link, operation)
        effects.append(.load(load, from: position, bytesMax: PartitionLimits.appendBytesMax))
    }

    /// A read for a candidate is done: it is answered, unless it asked for something else since.
    mutating func fetchLoaded(_ link: LinkID, _ operation: OperationID, _ records: [JournalRecord]) {
        guard let next = fetchesAsked.removeValue(forKey: link) else {
            let some = Array(records.prefix(PartitionLimits.appendRecordsMax))
            effects.append(.send(.fetched(operation, some), on: link))
            return
        }
        guard let disk = links[link] else { return }
        fetch(next.operation, from: next.from, by: disk, on: link)
    }
}
