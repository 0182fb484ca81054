internal import CRDT

extension PartitionMachine {
    mutating func linkUp(_ link: LinkID, _ disk: ReplicaID) {
        guard disk != own.disk, links[link] == nil, links.count < PartitionLimits.linksMax else {
            effects.append(.close(link))
            return
        }
        links[link] = disk
        peers[disk, default: PartitionPeer()].links.append(link)
        peers[disk]?.rewind(to: .unknown)
        effects.append(.send(.hello(hello()), on: link))
    }

    mutating func linkDown(_ link: LinkID) {
        guard let disk = links.removeValue(forKey: link) else { return }
        peers[disk]?.links.removeAll { $0 == link }
        if let snapshot = peers[disk]?.snapshot, snapshot == .building(link) || snapshot == .sending(link) {
            peers[disk]?.snapshot = .none
        }
        peers[disk]?.rewind(to: .unknown)
        fetchesAsked[link] = nil
        guard peers[disk]?.links.isEmpty ?? false else { return }
        peers[disk]?.hello = nil
        // Of strangers nothing is kept: each life of a bolt's disk would be one more.
        if !planned.counted.contains(disk), !acquaintances.contains(disk) { peers[disk] = nil }
        reconsider()
    }

    /// What this disk holds and has promised, durably.
    func hello() -> PartitionHello {
        var hello = PartitionHello(
            partition: own.partition, promised: promised, tip: durable.tip, safe: max(durableSafe, safe),
            history: durable.epochs.begins, configuration: durable.configuration,
            acquaintances: countedBeside(durable, durableAcquaintances),
            isForgetful: isForgetful, hears: hears)
        // A disk that heard of its removal may lack the record that says so.
        if fencedBecause == PartitionMachine.removedReason, let held = hello.configuration, held.members != [own.disk] {
            let others = held.members.filter { $0 != own.disk }
            hello.configuration = PartitionConfiguration(members: others, inSync: others)
            hello.acquaintances.removeAll { $0 == own.disk }
        }
        return hello
    }

    /// Disks that count beside the members of the last configuration.
    func countedBeside(_ log: PartitionLogState, _ acquaintances: [ReplicaID]) -> [ReplicaID] {
        log.counted.subtracting(log.configuration?.members ?? []).union(acquaintances).sorted()
    }

    /// The primary that is heard now, or this bolt itself where it reigns.
    var hears: ReplicaID? {
        if reign != nil { return own.disk }
        guard let following, following.ticks < inSyncTicks, peers[following.disk]?.link != nil else { return nil }
        return following.disk
    }

    /// Whether a disk may be believed about epochs: a member or acquaintance that was not cut off. An empty disk
    /// believes whom it has a link with.
    func knows(_ disk: ReplicaID) -> Bool {
        if cutOff.contains(disk) { return false }
        return isForgetful || forgets || planned.counted.contains(disk) || acquaintances.contains(disk)
    }

    /// A deliberate fault: a disk is taken for what it was before it was lost.
    var forgets: Bool { mutation == .forgetPromiseWithDisk }

    /// Members as the own log has them.
    var members: [ReplicaID] { planned.configuration?.members ?? [] }

    /// Whether nobody could have minted this epoch, given what is held.
    func isAbsurd(_ epoch: PartitionEpoch) -> Bool { isAbsurd(epoch.number) }

    func isAbsurd(_ number: UInt64) -> Bool { isAbove(number, by: PartitionLimits.epochLeapMax) }

    /// Whether this number is so high that others might call absurd what is minted above it.
    func isFarFetched(_ number: UInt64) -> Bool { isAbove(number, by: PartitionLimits.epochLeapMax / 2) }

    private func isAbove(_ number: UInt64, by leap: UInt64) -> Bool {
        let known = max(plannedPromise.number, hearsayEpoch, isForgetful ? lowestHeard : 0)
        let (bound, isBeyond) = known.addingReportingOverflow(leap)
        return !isBeyond && number > bound
    }

    /// The lowest epoch that a journal ends with at anybody who said so. A new disk has nothing else to judge by, and
    /// one liar among others cannot raise it.
    private var lowestHeard: UInt64 {
        peers.values.compactMap(\.hello).filter { $0.tip.position > 0 }.map(\.tip.epoch.number).min() ?? 0
    }

    mutating func received(_ message: PartitionMessage, on link: LinkID) {
        guard isStarted, let disk = links[link] else { return }
        if case .hello(let hello) = message {
            greeted(hello, by: disk)
            return
        }
        // Nothing counts before the opening words: they say which partition it is.
        guard peers[disk]?.hello != nil, fencedBecause == nil else { return }
        peers[disk]?.silentTicks = 0
        switch message {
        case .hello: break
        case .append(let epoch, let after, let records, let safe):
            appended(epoch, after, records, safe: safe, by: disk)
        case .durable(let epoch, let point): acknowledged(epoch, point, by: disk)
        case .mismatch(let epoch, let hello): mismatched(epoch, hello, by: disk)
        case .cut(let epoch, let point, let end): cut(epoch, to: point, of: end, by: disk)
        case .snapshot(let epoch, let point, let bytes, let digest):
            let counted = peers[disk]?.hello?.counted ?? []
            offered(
                Installation(
                    link: link, epoch: epoch, point: point, bytes: bytes, digest: digest, counted: counted),
                by: disk)
        case .survey(let operation): effects.append(.send(.surveyed(operation, hello()), on: link))
        case .surveyed(let operation, let hello): surveyed(operation, hello, by: disk)
        case .promiseMe(let operation, let epoch, let cause):
            asked(operation, epoch, cause, by: disk, on: link)
        case .promised(let operation, let epoch, let before, let hello):
            promised(operation, epoch, before: before, hello, by: disk)
        case .declined(let operation, let epoch, let refusal): declined(operation, epoch, refusal, by: disk)
        case .fetch(let operation, let from): fetch(operation, from: from, by: disk, on: link)
        case .fetched(let operation, let records): fetched(operation, records, by: disk)
        case .acquaint: acquaint(disk, on: link)
        case .acquainted(let hello): acquainted(hello, by: disk)
        case .takeOver(let operation, let point): takeOver(operation, point, by: disk)
        }
    }

    private mutating func greeted(_ hello: PartitionHello, by disk: ReplicaID) {
        guard hello.partition == own.partition, hello.configuration?.isSound ?? true,
            hello.history.count <= PartitionLimits.historyMax,
            hello.acquaintances.count <= PartitionLimits.countedMax
        else {
            notify(.contradiction(disk, "it is of another partition, or says what no member says"))
            for link in peers[disk]?.links ?? [] { effects.append(.close(link)) }
            return
        }
        peers[disk]?.hello = hello
        peers[disk]?.silentTicks = 0
        guard fencedBecause == nil else { return }
        // A stranger too may know that this disk was removed: nobody else is left who was there.
        if !cutOff.contains(disk) {
            learnSafe(from: hello)
            noticeRemoval(hello, of: disk)
        }
        guard fencedBecause == nil else { return }
        observe(hello, of: disk)
        forgetRemoved(disk, hello)
        if reign != nil { place(disk, hello) }
        reconsider()
        introduce()
    }

    /// What a peer's words about epochs mean for this bolt's role.
    mutating func observe(_ hello: PartitionHello, of disk: ReplicaID) {
        guard knows(disk) else { return }
        let highest = max(hello.promised, hello.tip.epoch)
        guard !isAbsurd(highest) else {
            notify(.contradiction(disk, "it names epoch \(highest), which nobody can have minted"))
            return
        }
        if highest > plannedPromise, resumption != nil { dropResumption() }
        if hello.tip.epoch > plannedPromise { reclaim = nil }
        guard let reign, highest > reign.epoch else { return }
        if mutation == .resumeOldEpoch {
            goOn(above: highest)
            return
        }
        // A promise that came to nothing ends this reign, for its giver takes no more of it; nobody else reigns yet.
        let isMerePromise = hello.tip.epoch <= reign.epoch
        stepDown(nil)
        if isMerePromise, settings.resumesByItself { reclaim = resumeTicks }
    }

    /// Something that a candidate, a resumption or a forgetful disk waits for may have changed.
    mutating func reconsider() {
        guard fencedBecause == nil else { return }
        if candidacy != nil { reviewCandidacy() }
        resumeIfDue()
    }

    mutating func heard(_ hearsay: PartitionHearsay) {
        cutOff = Array(Set(cutOff).union(hearsay.cut)).sorted()
        if cutOff.contains(own.disk) {
            fence("a signed act cut this disk off")
            return
        }
        heard(epoch: hearsay.epoch)
        guard isStarted, fencedBecause == nil else { return }
        if reign != nil { reviewConfiguration() }
        reconsider()
        introduce()
    }

    /// A number that nobody can have minted is told and not used: whoever says it would end all promotions.
    private mutating func heard(epoch number: UInt64) {
        guard !isFarFetched(number) else {
            if number != absurdHearsay {
                notify(.contradiction(own.disk, "others name epoch \(number), which nobody can have minted"))
            }
            absurdHearsay = number
            return
        }
        hearsayEpoch = max(hearsayEpoch, number)
        if number > plannedPromise.number { (resumption, reclaim) = (nil, nil) }
        if let reign, number > reign.epoch.number { stepDown(nil) }
    }
}
