internal import CRDT

extension PartitionMachine {
    /// Seeks to reign: first asks around without binding anybody, so that a refusal changes nothing.
    mutating func promote(_ wanted: PartitionCandidacy) {
        if let refusal = refusal(of: wanted) {
            if wanted.isAwaited { effects.append(.resolve(wanted.operation, .refused(refusal))) }
            return
        }
        resumption = nil
        candidacy = wanted
        reviewCandidacy()
    }

    private func refusal(of wanted: PartitionCandidacy) -> PartitionOperationRefusal? {
        if let running = candidacy?.operation ?? beginning?.operation { return .busy(running) }
        if reign != nil { return .primaryLives(own.disk) }
        if isSealed { return .sealed }
        if installation != nil { return .forgetful(missing: []) }
        if waitsForRoom { return .storage(.full) }
        if wanted.acceptsLoss || forgets { return nil }
        if isForgetful { return .forgetful(missing: members.filter { $0 != own.disk && acquainted[$0] == nil }) }
        // Only members can have been waited for: a disk that was merely acquainted may lack everything. One that is
        // left out by a record that is not safe is a member still.
        return planned.counted.contains(own.disk) ? nil : .notMember
    }

    /// Whether this disk can have been waited for: the own log names it, and so does the furthest one. Where that
    /// leaves it out, by a record that nobody knows to be safe, it takes all promises: one that is missing might know.
    func mayStand(on best: ReplicaID, missing: [ReplicaID]) -> Bool {
        if forgets { return true }
        guard planned.counted.contains(own.disk) else { return false }
        guard best != own.disk, let hello = candidacy?.answers[best] else {
            return members.contains(own.disk) || missing.isEmpty
        }
        let isMember = hello.configuration?.members.contains(own.disk) ?? false
        return isMember || missing.isEmpty && hello.counted.contains(own.disk)
    }

    /// All disks that could hold something acknowledged, as far as this bolt and those that answered know.
    var universe: [ReplicaID] {
        allCounted.subtracting(cutOff).sorted()
    }

    /// The same, with those that were cut off.
    var allCounted: Set<ReplicaID> {
        var found = planned.counted.union(acquaintances).union([own.disk])
        for hello in candidacy.map({ Array($0.answers.values) }) ?? [] {
            found.formUnion(hello.counted)
        }
        // Whoever lags may count one that was removed.
        for (disk, peer) in peers where peer.hello?.saysRemoved(disk) ?? false { found.remove(disk) }
        return found
    }

    mutating func reviewCandidacy() {
        guard let phase = candidacy?.phase else { return }
        switch phase {
        case .minting: return
        case .fetching(let disk, _): if peers[disk]?.link == nil { lackTail(of: disk) }
        case .surveying, .asking:
            askAround()
            guard !isWaiting else { return }
            if phase == .surveying { concludeSurvey() } else { concludeAsking() }
        }
    }

    private mutating func askAround() {
        guard let candidacy else { return }
        for disk in universe where disk != own.disk && !candidacy.asked.contains(disk) {
            guard peers[disk]?.link != nil, peers[disk]?.hello != nil else { continue }
            self.candidacy?.asked.insert(disk)
            if candidacy.phase == .surveying {
                send(.survey(candidacy.operation), to: disk)
            } else {
                send(.promiseMe(candidacy.operation, candidacy.epoch, candidacy.cause), to: disk)
            }
        }
    }

    private var isWaiting: Bool {
        guard let candidacy else { return false }
        return candidacy.asked.contains { disk in
            if peers[disk]?.link == nil || candidacy.silent.contains(disk) { return false }
            if candidacy.phase == .surveying { return candidacy.answers[disk] == nil }
            return candidacy.befores[disk] == nil && candidacy.declined[disk] == nil
        }
    }

    mutating func tickCandidacy() {
        guard let phase = candidacy?.phase, phase != .minting else { return }
        candidacy?.ticks += 1
        guard let ticks = candidacy?.ticks, ticks >= promiseTicks else { return }
        switch phase {
        case .minting: return
        case .surveying: concludeSurvey()
        case .asking: concludeAsking()
        case .fetching(let disk, _): lackTail(of: disk)
        }
    }

    mutating func surveyed(_ operation: OperationID, _ hello: PartitionHello, by disk: ReplicaID) {
        guard candidacy?.operation == operation, candidacy?.phase == .surveying, isPlausible(hello, of: disk) else {
            return
        }
        candidacy?.answers[disk] = hello
        peers[disk]?.hello = hello
        learnSafe(from: hello)
        reviewCandidacy()
    }

    private func isPlausible(_ hello: PartitionHello, of disk: ReplicaID) -> Bool {
        knows(disk) && !isFarFetched(max(hello.promised, hello.tip.epoch).number) && hello.partition == own.partition
            && hello.configuration?.isSound ?? true
            && hello.acquaintances.count <= PartitionLimits.countedMax
            && hello.history.count <= PartitionLimits.historyMax
    }

    private mutating func concludeSurvey() {
        guard let candidacy else { return }
        if candidacy.yieldsToPrimary {
            let heard = candidacy.answers.keys.sorted().compactMap { candidacy.answers[$0]?.hears }
            let living = (hears.map { [$0] } ?? []) + heard
            if let primary = living.first(where: { $0 != own.disk && !cutOff.contains($0) }) {
                giveUp(.primaryLives(primary))
                return
            }
        }
        let best = furthest(among: Array(candidacy.answers.keys))
        if let expect = candidacy.expect, expect != best.tip {
            giveUp(.unexpected(best.tip))
            return
        }
        var befores = candidacy.answers.mapValues(\.promised)
        befores[own.disk] = plannedPromise
        let standing = self.standing(of: befores)
        let bound = standing.isEnough ? nil : self.bound(missing: standing.missing)
        if candidacy.isCheck {
            self.candidacy = nil
            effects.append(.resolve(candidacy.operation, .report(best.tip, missing: standing.missing, bound: bound)))
        } else if let bound, !candidacy.acceptsLoss, mutation != .promoteWithoutPromises {
            giveUp(.promisesMissing(standing.missing, bound: bound))
        } else {
            mint()
        }
    }

    /// A new epoch above all that was heard of, durable before anybody is asked for it.
    mutating func mint() {
        guard let candidacy else { return }
        let heard = candidacy.answers.values.map { max($0.promised.number, $0.tip.epoch.number) }.max() ?? 0
        let highest = max(heard, plannedPromise.number, hearsayEpoch, planned.tip.epoch.number)
        guard highest < UInt64.max else {
            giveUp(.absurdEpoch(highest))
            return
        }
        let number = mutation == .reuseEpochNumber ? max(plannedPromise.number, 1) : highest + 1
        let epoch = PartitionEpoch(number: number, minter: own.disk)
        following = nil
        self.candidacy?.epoch = epoch
        self.candidacy?.phase = .minting
        let ownBefore = [own.disk: plannedPromise]
        self.candidacy?.befores = ownBefore
        stage(promise: epoch)
        stage { $0.thens.append(.minted(epoch)) }
    }

    mutating func minted(_ epoch: PartitionEpoch) {
        guard var wanted = candidacy, wanted.phase == .minting, wanted.epoch == epoch else { return }
        wanted.phase = .asking
        wanted.ticks = 0
        wanted.silent = wanted.asked.filter { wanted.answers[$0] == nil }
        (wanted.asked, wanted.declined) = ([], [:])
        candidacy = wanted
        if mutation == .promoteWithoutPromises {
            begin()
        } else {
            reviewCandidacy()
        }
    }

    mutating func promised(
        _ operation: OperationID, _ epoch: PartitionEpoch, before: PartitionEpoch, _ hello: PartitionHello,
        by disk: ReplicaID
    ) {
        guard let wanted = candidacy, wanted.operation == operation, wanted.epoch == epoch, wanted.phase == .asking,
            isPlausible(hello, of: disk), hello.promised >= epoch
        else { return }
        candidacy?.answers[disk] = hello
        candidacy?.befores[disk] = before
        peers[disk]?.hello = hello
        learnSafe(from: hello)
        reviewCandidacy()
    }

    mutating func declined(
        _ operation: OperationID, _ epoch: PartitionEpoch, _ refusal: PartitionOperationRefusalWire, by disk: ReplicaID
    ) {
        guard let wanted = candidacy, wanted.operation == operation, wanted.epoch == epoch, wanted.phase == .asking
        else { return }
        candidacy?.declined[disk] = refusal
        reviewCandidacy()
    }

    private mutating func concludeAsking() {
        guard let wanted = candidacy else { return }
        for disk in wanted.declined.keys.sorted() {
            switch wanted.declined[disk] {
            case .outbid(let higher):
                giveUp(.outbid(higher))
                return
            case .primaryLives(let primary) where wanted.yieldsToPrimary || wanted.cause == .switchover:
                giveUp(.primaryLives(primary))
                return
            case .primaryLives, .notMember, .forgetful, .storage, .absurd, nil: continue
            }
        }
        let standing = self.standing(of: wanted.befores)
        for disk in standing.undisturbed { undisturbed[disk] = wanted.epoch }
        // A primary that went on by itself called the hand-over off: it is over for good, whatever others would
        // promise.
        if wanted.cause == .switchover, wanted.befores[planned.tip.epoch.minter] == nil {
            let primary = planned.tip.epoch.minter
            giveUp(.promisesMissing([primary], bound: bound(missing: [primary])))
            return
        }
        let best = furthest(among: Array(wanted.befores.keys))
        // A disk that is new, or no member, may lack everything, whoever else promised.
        if !standing.isEnough || isForgetful || !mayStand(on: best.disk, missing: standing.missing) {
            let bound = self.bound(missing: standing.missing)
            guard wanted.acceptsLoss else {
                giveUp(.promisesMissing(standing.missing, bound: bound))
                return
            }
            candidacy?.loss = bound
        }
        if let expect = wanted.expect, expect != best.tip {
            giveUp(.unexpected(best.tip))
        } else if best.disk == own.disk {
            begin()
        } else {
            fetchTail(of: best.disk)
        }
    }

    /// Does not go on. A promise that was given stays given; whoever asked is told.
    mutating func giveUp(_ refusal: PartitionOperationRefusal) {
        guard let candidacy else { return }
        self.candidacy = nil
        if candidacy.isAwaited { effects.append(.resolve(candidacy.operation, .refused(refusal))) }
        if candidacy.isReclaim, fencedBecause == nil, !isSealed {
            if case .primaryLives = refusal { return }
            reclaim = resumeTicks
        }
    }
}
