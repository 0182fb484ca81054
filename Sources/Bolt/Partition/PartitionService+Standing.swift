internal import CRDT
internal import Foundation
internal import Identity
internal import Logging
internal import Spanner
internal import SpannerStore
internal import Synchronization

extension PartitionService {
    // MARK: Looks

    /// Everything that has no event of its own: whoever waits too long, standings, founding, salvage, upkeep.
    func look() {
        post(.look, after: PartitionServiceLimits.lookInterval)
        answerLate()
        answerWhereFull()
        giveUpSilentSnapshot()
        tellStanding(always: false)
        guard broken == nil else { return }
        journalSightings()
        foundIfDue()
        restoreIfAlone()
        replaySalvage()
        lookAfterSlices()
        keepUp()
    }

    /// A step of compaction, while nobody waits, and where somebody always does, now and then anyway; and the scrub's
    /// part of the time, whoever waits: else a busy disk would be read over in hours, and rot found as late (D4).
    private func keepUp() {
        guard arrival == nil else { return }
        let isPutOff = hasWaiting && compactionsPutOff < PartitionServiceLimits.compactionsPutOffMax
        compactionsPutOff = isPutOff ? compactionsPutOff + 1 : 0
        do throws(StoreError) {
            let safe = machine.safePosition
            if !isPutOff, safe > recordsKept { try store.compact(through: safe - recordsKept) }
            let end = ContinuousClock.now + scrubTime
            repeat {
                scrubPlace = try store.scrub(from: scrubPlace ?? .start, rowsMax: PartitionServiceLimits.scrubRows)
            } while scrubPlace != nil && ContinuousClock.now < end
        } catch { fail(error, "looking after the journal") }
    }

    // MARK: Standing

    /// How things stand, at one moment.
    func standing() -> PartitionStanding {
        let configuration = machine.configuration
        let followers = Dictionary(machine.followers.map { ($0.disk, $0) }, uniquingKeysWith: { first, _ in first })
        let linked = Set(links.values.map(\.disk))
        let all = Set(configuration?.members ?? []).union(linked).union(machine.tip.position > 0 ? [own.disk] : [])
        let members = all.sorted().map { disk in
            PartitionStanding.Member(
                disk: disk, isInSync: configuration?.inSync.contains(disk) ?? false,
                isLinked: disk == own.disk || linked.contains(disk), acknowledged: followers[disk]?.acknowledged)
        }
        let (role, primary, why) = part
        let held = sealing.reasons.first ?? (isDrained ? "drained by an operator: it serves nobody" : nil)
        let said = why.isEmpty || role == .standby ? held ?? why : why
        let reason = role == .standby || role == .waiting ? arrivalReason ?? said : said
        return PartitionStanding(
            role: role, isInSync: configuration?.inSync.contains(own.disk) ?? false, isForgetful: machine.isNew,
            epoch: machine.tip.epoch, promised: machine.promisedEpoch, tip: machine.tip, safe: machine.safePosition,
            disk: own.disk, primary: primary, members: members, reason: reason,
            isSealed: sealing.isSealed, partedAt: role == .fenced ? machine.partedAt : nil, isFull: isShort,
            isDrained: isDrained)
    }

    /// How far a snapshot is that comes in; nil where none does. It goes up in steps: every change is told to all.
    private var arrivalReason: String? {
        guard let arrival, !isShort else { return nil }
        if arrival.isVerifying { return "a snapshot is here and is being checked" }
        let step = PartitionServiceLimits.snapshotWordBytes
        let mebibytes = UInt64(arrival.receiver.bytes) / step * step / 1024 / 1024
        return "a snapshot comes in: \(mebibytes) MiB are here"
    }

    private var part: (PartitionStanding.Role, ReplicaID?, String) {
        if let broken { return (.fenced, nil, broken) }
        switch machine.role {
        case .waiting: return (.waiting, nil, waitingReason)
        case .standby(let primary, _) where isShort:
            return (.standby, primary, "its disk is full: it keeps no more of the journal and takes nothing over")
        case .standby(let primary, let inSync):
            // It goes on following whom it heard last: only a link tells that somebody is there.
            guard links.values.contains(where: { $0.disk == primary }) else {
                return (.standby, primary, "no primary is heard of partition \(identity.partition)")
            }
            return (.standby, primary, Self.standbyReason(isNew: machine.isNew, isInSync: inSync))
        case .candidate(let epoch): return (.candidate, nil, "asks for promises of epoch \(epoch.number)")
        case .primary: return (.primary, own.disk, isShort ? "the disk is full: writes are refused" : "")
        case .handingOver(_, let to): return (.handingOver, own.disk, "hands over to \(to)")
        case .fenced(let reason): return (.fenced, nil, reason)
        }
    }

    /// Why a standby that hears its primary is not one that takes over. A disk that was emptied, restored or lost its
    /// log is another one than the partition counts, and may copy all of it and still count for nothing.
    static func standbyReason(isNew: Bool, isInSync: Bool) -> String {
        if isNew {
            return
                "its disk is new to the partition, and not counted yet; where an earlier disk of this bolt still is, "
                + "it never will be: boltctl bolt remove NAME --dead, and join it anew"
        }
        return isInSync ? "" : "catching up with the primary"
    }

    private var waitingReason: String {
        if founder.mayFound { return "about to found partition \(identity.partition)" }
        return "partition \(identity.partition) is not founded, or its primary was not heard yet: start its other "
            + "bolts; where there never were any, join one with --found"
    }

    /// Tells everybody where things changed, or were not told for a while; a change of role at once.
    func tellStanding(always: Bool) {
        let standing = standing()
        let now = ContinuousClock.now
        board.withLock { board in
            (board.standing, board.at) = (standing, now)
            let isHeard = standing.members.contains { $0.disk == standing.primary && $0.isLinked }
            if standing.reigns || isHeard { board.primaryHeard = now }
        }
        let isDue = standing != lastStanding || now - lastTold >= PartitionServiceLimits.standingInterval
        guard always || isDue else { return }
        (lastTold, lastStanding) = (now, standing)
        publish?(standing)
    }

    // MARK: Hearsay

    /// What the roster and siblings say of this partition.
    func hear(_ hearsay: PartitionHearsay) {
        heard.epoch = max(heard.epoch, hearsay.epoch)
        heard.cut = Array(Set(heard.cut).union(hearsay.cut).prefix(PartitionServiceLimits.disksMax)).sorted()
        tellHearsay()
    }

    /// Disks that somebody named: one of them may be cut off, or be later.
    func note(disks named: [ReplicaID]) {
        let fresh = named.filter { !disks.contains($0) }
        guard !fresh.isEmpty, disks.count < PartitionServiceLimits.disksMax else { return }
        disks.formUnion(fresh.prefix(PartitionServiceLimits.disksMax - disks.count))
        tellHearsayLater()
    }

    /// Not within a step of the machine.
    func tellHearsayLater() { post(.hearsay(PartitionHearsay(epoch: 0, cut: []))) }

    /// Tells the machine what it does not know yet of epochs and of disks that are cut off.
    func tellHearsay() {
        var known = disks.union(machine.configuration?.members ?? []).union(machine.counted)
        known.insert(own.disk)
        let cut = known.filter { surroundings.dead.contains($0.key) }.union(heard.cut).sorted()
        let news = PartitionHearsay(epoch: heard.epoch, cut: cut)
        guard news != told, news.epoch > 0 || !cut.isEmpty else { return }
        if cut != told?.cut ?? [] {
            logger.notice("disks are cut off by signed acts", metadata: [LogKeys.count: "\(cut.count)"])
        }
        told = news
        step(.outside(news))
    }

    // MARK: Founding

    /// A copy of its own disk is all that is left of a partition that only this bolt ever replicated: nobody else can
    /// be waited for. It goes on from there, and the journal says that something may be lost.
    private func restoreIfAlone() {
        guard !hasRestored, machine.isNew, machine.tip.position > 0, surroundings.siblings.isEmpty,
            let members = machine.configuration?.members, !members.contains(own.disk),
            members.allSatisfy({ $0.key == own.disk.key }), isRosterKnown
        else { return }
        hasRestored = true
        logger.critical(
            "the partition goes on from a copy of its only disk: what was stored after the copy was made is lost",
            metadata: [LogKeys.through: "\(machine.tip.position)"])
        hear(PartitionHearsay(epoch: 0, cut: members))
        let operation = OperationID(
            PrincipalID(high: UInt64.random(in: 0...UInt64.max), low: UInt64.random(in: 0...UInt64.max)))
        step(.operation(operation, .promote(.restore, expect: nil, acceptingLoss: true)))
    }

    /// Founds the partition where this bolt is the one that was told to, its journal is empty, and its siblings, where
    /// it has any, were heard or waited for.
    private func foundIfDue() {
        guard founder.mayFound, machine.role == .waiting else { return }
        let heardAll = surroundings.siblings.isSubset(of: Set(links.values.map(\.disk.key)))
        guard heardAll || ContinuousClock.now - began >= PartitionServiceLimits.foundingWait else { return }
        founder.mayFound = false
        let operation = OperationID(
            PrincipalID(high: UInt64.random(in: 0...UInt64.max), low: UInt64.random(in: 0...UInt64.max)))
        do {
            let isTaken = try founder.mark.take(
                partition: identity.partition.text, incarnation: own.disk.incarnation)
            guard isTaken else { return }
        } catch {
            logger.error("this bolt cannot found its partition", metadata: [LogKeys.why: "\(error)"])
            return
        }
        logger.notice("founding the partition", metadata: [LogKeys.name: "\(identity.partition)"])
        step(.operation(operation, .found(members: [own.disk])))
    }
}

/// Whether this bolt was told to found its partition.
struct FounderState: Sendable {
    let mark: FounderMark
    /// The journal is empty, and the mark was not taken by another disk when last looked.
    var mayFound: Bool
}
