import CRDT
import Spanner

/// Directed runs: one handoff, with one thing done to it at one of its steps.
extension HandoffSimulation {
    /// What a report counts when the crash point of its plan was come to.
    public static let reached = "crash points reached"

    private static let downMilliseconds: UInt64 = 100
    private static let lostMilliseconds: UInt64 = 400
    private static let takeoverMilliseconds: UInt64 = 150
    /// Before a source's seal is taken back by its time.
    private static let deafMilliseconds: UInt64 = 250
    /// Far longer than a seal may stand.
    private static let aloneMilliseconds: UInt64 = 5000

    func prepare() {
        queue.push(.directed(.order), at: 200 * HandoffSimulation.millisecond)
        let extra = options.plan?.story == .alone ? HandoffSimulation.aloneMilliseconds : 0
        queue.push(.heal, at: (1200 + extra) * HandoffSimulation.millisecond)
    }

    func direct(_ act: HandoffSimAct) {
        switch act {
        case .order: orderOne()
        case .strike(let writer): if let point = options.plan?.point { strike(point, writer: writer) }
        case .takeOver(let lost): takeOverOne(lost: lost)
        case .hear(let partition): hear(partition)
        }
    }

    private func orderOne() {
        let slice = clients[0].slice
        guard let walk = publishedWalk(slice), let from = index(of: walk.owner) else { return }
        let id = HandoffID(
            task: PrincipalID(high: 0, low: nextHandoff), move: 0, isReverse: false, attempt: 0, hashedBy: witness)
        nextHandoff += 1
        (course.source, course.target, course.third) = (from, (from + 1) % 3, (from + 2) % 3)
        guard let order = HandoffOrder(id: id, register: walk.register, to: partitions[course.target].name)
        else { return }
        course.order = order
        count(work: "handoffs")
        makeSource(HandoffSourceState(order: order), at: from)
    }

    // MARK: - Steps

    /// A record is as far as that.
    func pass(_ moment: HandoffSimMoment, _ content: HandoffSimContent, at partition: Int) {
        guard let plan = options.plan, let step = HandoffSimStep(content) else { return }
        if moment == .unwritten { course.proposed.insert(step) }
        act(plan.story, moment, step)
        guard let point = plan.point, !course.hasStruck, point.step == step, point.moment == moment else { return }
        course.hasStruck = true
        // Never within a step of a machine.
        if moment == .safe {
            strike(point, writer: partition)
        } else {
            queue.push(.directed(.strike(writer: partition)), at: now)
        }
    }

    /// These records just became safe.
    func pass(_ moment: HandoffSimMoment, _ range: Range<UInt64>, at partition: Int) {
        guard options.plan != nil else { return }
        for position in range where partitions[partition].isUp {
            pass(moment, partitions[partition].journal[Int(position)].content, at: partition)
        }
    }

    private func act(_ story: HandoffSimStory, _ moment: HandoffSimMoment, _ step: HandoffSimStep) {
        guard !course.hasActed, let id = course.order?.id else { return }
        switch (step, moment) {
        case (.stored, .durable) where story == .cancel:
            course.hasActed = true
            count(work: "cancellations")
            self.step(course.source, source: id, .cancel(reason: "an operator wants it to stay"))
        case (.sealed, .unwritten) where story == .alone:
            course.hasActed = true
            let until = now + HandoffSimulation.aloneMilliseconds * HandoffSimulation.millisecond
            beginOutage(at: course.source, noticed: now, until: until)
        case (.held, .durable) where story.losesSource: loseOne(course.source, story)
        case (.handedOn, .safe) where story == .untold: loseOne(course.source, story)
        default: break
        }
    }

    /// The slice was handed on: its target may be lost before it hears of that.
    func handedOnOne() {
        guard let story = options.plan?.story, story.losesTarget, !course.hasActed else { return }
        loseOne(course.target, story)
    }

    /// Whether a reply gets lost in this run.
    func loses(_ reply: HandoffReply) -> Bool {
        guard options.plan?.story == .unseal, !course.proposed.contains(.unsealed) else { return false }
        if case .held = reply.body { return true }
        return false
    }

    /// Whether the source's journal does not go back far enough in this run.
    var losesTails: Bool { options.plan?.story == .rewind && !course.proposed.contains(.truncated) }

    // MARK: - Faults

    private func strike(_ point: HandoffSimPoint, writer: Int) {
        let other = writer == course.source ? course.target : course.source
        var victim = point.isWriter ? writer : other
        if !partitions[victim].isUp { victim = course.third }
        guard partitions[victim].isUp else { return }
        let owner = partitions[victim]
        count(work: HandoffSimulation.reached)
        count(fault: point.isPromotion ? "promotions" : "restarts")
        let keep = point.isPromotion ? owner.safe : max(owner.safe, owner.durable)
        kill(victim, keep: keep, for: HandoffSimulation.downMilliseconds)
    }

    private func kill(_ partition: Int, keep: UInt64, for milliseconds: UInt64) {
        let owner = partitions[partition]
        trace.keep(now, "\(owner.name) dies at \(owner.journal.count), goes on with \(keep), safe \(owner.safe)")
        halt(partition)
        queue.push(.start(partition: partition, keep: keep), at: now + milliseconds * HandoffSimulation.millisecond)
    }

    /// A partition is lost for a while with all its bolts, and an operator takes over what it owns.
    private func loseOne(_ partition: Int, _ story: HandoffSimStory) {
        guard partitions[partition].isUp else { return }
        course.hasActed = true
        count(fault: "partitions lost")
        if story.isDeaf {
            course.deaf.insert(partition)
            course.isCut = true
        }
        var keep = max(partitions[partition].safe, partitions[partition].durable)
        if story.isWiped {
            partitions[partition].safe = 0
            partitions[partition].durable = 0
            keep = 0
        }
        kill(partition, keep: keep, for: HandoffSimulation.lostMilliseconds)
        let time = now + HandoffSimulation.takeoverMilliseconds * HandoffSimulation.millisecond
        queue.push(.directed(.takeOver(lost: partition)), at: time)
    }

    private func takeOverOne(lost: Int) {
        guard let story = options.plan?.story, let slice = course.order?.slice, !partitions[lost].isUp,
            let walk = publishedWalk(slice), walk.owner == partitions[lost].name
        else { return }
        let heir: Int
        switch story {
        case .targetLostBack: heir = course.source
        case .sourceLostForth, .sourceGoneForth: heir = course.target
        case .move, .unseal, .rewind, .cancel, .targetLost, .sourceLost, .sourceGone, .unheard, .untold,
            .alone:
            heir = course.third
        }
        give(slice, of: walk, to: heir)
        guard !story.isDeaf else { return }
        for other in partitions.indices where other != heir && partitions[other].isUp {
            partitions[other].registers.merge(published)
            tellMachines(at: other, of: partitions[other].registers.slices)
        }
    }

    // MARK: - What was heard

    /// A partition is back and has to hear first what others know: until then it hands nothing on.
    func awaitNews(at partition: Int) {
        let time = now + HandoffSimulation.deafMilliseconds * HandoffSimulation.millisecond
        queue.push(.directed(.hear(partition)), at: time)
    }

    private func hear(_ partition: Int) {
        course.deaf.remove(partition)
        course.isCut = false
        partitions[partition].registers.merge(published)
        tellMachines(at: partition, of: partitions[partition].registers.slices)
        for id in partitions[partition].sources.keys.sorted() {
            step(partition, source: id, .holdSeal(false))
        }
    }

    /// P7: nobody hands on what an operator took over and he could have heard of.
    func checkHandsOn(_ record: HandoffSourceRecord, of id: HandoffID, by partition: Int) {
        guard case .handedOn(_, let signed) = record else { return }
        let transition = signed.transition
        let isTaken = published.hashes(of: transition.slice)
            .contains { hash in
                guard let other = published.transition(hash, of: transition.slice)?.transition else { return false }
                return other.base == transition.base && !other.isHandOn
            }
        guard isTaken else { return }
        violate("P7", "\(partitions[partition].name) hands \(transition.slice) on in \(id), which was taken over")
    }

    // MARK: - A hand-on and a takeover of one register

    /// Whether two may take one slice for a while: an operator took it over while the hand-on was on its way.
    var isDisputed: Bool { options.plan?.story == .untold }

    /// P7: whoever knows of the hand-on knows who the owner is.
    func checkWrite(to slice: SliceID, at partition: Int) {
        guard isDisputed, let genesis,
            let walk = partitions[partition].registers.walk(slice.index, from: genesis, by: witness)
        else { return }
        guard walk.owner != partitions[partition].name else { return }
        violate("P7", "\(partitions[partition].name) takes \(slice), and knows that \(walk.owner) owns it")
    }
}
