internal import CRDT
internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerWire

/// What is on its way to the owner of an envoy that is not served here any more.
struct RemainsOnTheirWay {
    /// The slice that it belongs to.
    let slice: SliceID
    /// The slice in which it is here: another one where the envoy was given another group.
    let held: SliceID
    /// Who owned the first when this began.
    let owner: PartitionName
    /// All that is held here of the envoy.
    let remains: EnvoyRemains
    /// Which part of it was sent last.
    var part = 0
    /// When.
    var sent = ContinuousClock.now
}

/// A partition that comes back after its slices were taken over still holds what it stored, and one that served envoys
/// before there were slices may hold what the first topology gave to another. It brings that to the owner, an envoy at
/// a time: the owner stores what it lacks, and only when that is safe the copy here goes.
extension PartitionService {
    /// How long an answer may take before the part is sent again.
    private static let remainsRepeat: Duration = .seconds(5)

    /// Looks which of the slices that have rows here are another's and on no other way there.
    func lookForRemains(among held: [SliceID]) {
        guard let board = slices?.board, desk.hasHeard else { return }
        let arriving = desk.arriving
        desk.remaining = held.filter { slice in
            guard let register = board.register(of: slice), register.owner != identity.partition else { return false }
            return desk.sending[slice] == nil && !arriving.contains(slice)
        }.sorted()
        desk.left = desk.remaining.count
    }

    /// Whether what is on its way still belongs there.
    private func isDue(_ remains: RemainsOnTheirWay, _ board: OwnershipBoard) -> Bool {
        guard board.register(of: remains.slice)?.owner == remains.owner, remains.owner != identity.partition else {
            return false
        }
        return board.reassigned(remains.remains.envoy).map { $0.slice == remains.slice } ?? true
    }

    /// Sends the next part, or the last once more where it was not answered.
    func sendRemains() {
        guard let board = slices?.board, desk.epoch != nil else { return }
        do throws(StoreError) {
            if let current = desk.remains {
                guard isDue(current, board), board.line(to: current.owner) != nil else {
                    desk.remains = nil
                    return
                }
                guard ContinuousClock.now - current.sent >= PartitionService.remainsRepeat else { return }
                return try sendPart(of: current)
            }
            while let slice = desk.remaining.first {
                // Those whose owner is away are looked at again when slices are counted.
                guard let owner = board.register(of: slice)?.owner, owner != identity.partition,
                    board.line(to: owner) != nil,
                    let envoy = try firstRemaining(of: slice, board)
                else {
                    desk.remaining.removeFirst()
                    continue
                }
                let remains = try store.remains(of: envoy)
                return try sendPart(of: RemainsOnTheirWay(slice: slice, held: slice, owner: owner, remains: remains))
            }
            try settleReassigned(board)
        } catch { fail(error, "reading what is left of another partition's slice") }
    }

    /// The first envoy of a slice that belongs to the slice's owner: those that were given another group do not.
    private func firstRemaining(of slice: SliceID, _ board: OwnershipBoard) throws(StoreError) -> PrincipalID? {
        var last = desk.skipped[slice]
        while let envoy = try store.firstEnvoy(of: slice, after: last) {
            guard let place = board.reassigned(envoy), place.slice != slice else { return envoy }
            last = envoy
        }
        return nil
    }

    func sendPart(of remains: RemainsOnTheirWay) throws(StoreError) {
        var remains = remains
        remains.sent = .now
        desk.remains = remains
        guard remains.part < remains.remains.count, let line = slices?.board.line(to: remains.owner) else { return }
        let mark = SliceRemains.Mark(
            slice: remains.slice, envoy: remains.remains.envoy, part: UInt64(remains.part))
        line.send(
            .sliceRemains(SliceRemains(mark: mark, content: try store.content(of: remains.part, remains.remains))))
    }

    /// The owner says what it made of a part.
    func remainsTaken(_ mark: SliceRemains.Mark, _ verdict: ReplayVerdict, by partition: PartitionName) {
        guard var remains = desk.remains, remains.owner == partition, remains.slice == mark.slice,
            remains.remains.envoy == mark.envoy, UInt64(remains.part) == mark.part
        else { return }
        switch verdict {
        case .done:
            remains.part += 1
            desk.remains = remains
            guard remains.part < remains.remains.count else { return removeRemains(remains) }
            do throws(StoreError) { try sendPart(of: remains) } catch {
                fail(error, "reading what is left of another partition's slice")
            }
        // It is sent again after a while.
        case .later: break
        case .refused:
            logger.warning(
                "the owner does not take what is left here of an envoy: an operator has to look at it",
                metadata: [
                    LogKeys.member: "\(mark.envoy)", LogKeys.name: "\(mark.slice)", LogKeys.through: "\(partition)",
                ])
            if remains.held == remains.slice {
                desk.skipped[mark.slice] = mark.envoy
            } else {
                desk.refused.insert(mark.envoy)
            }
            desk.remains = nil
            sendRemains()
        }
    }

    /// All of an envoy is safe at the owner: the copy here goes, unless the slice is ours again.
    private func removeRemains(_ remains: RemainsOnTheirWay) {
        // A handoff that is under way has counted these rows already.
        guard let board = slices?.board, isDue(remains, board), remains.held == remains.slice || !isMoving(remains.held)
        else {
            desk.remains = nil
            return
        }
        let placement = PartitionCommand.EnvoyPlacement(envoy: remains.remains.envoy, slice: remains.held)
        begin([.remainsGone(placement)], level: .local) { answer in
            self.desk.remains = nil
            if case .done = answer { self.sendRemains() }
        }
    }

    /// What another partition holds of an envoy that is served here: it is stored as far as it is not stored yet. A
    /// bolt is believed what an envoy gave it, here as with check-ins that are passed on.
    func take(_ remains: SliceRemains, from partition: PartitionName, _ context: SliceContext) throws(StoreError) {
        let (mark, board) = (remains.mark, context.board)
        let answer = { (verdict: ReplayVerdict) in
            _ = board.line(to: partition)?.send(.sliceRemainsTaken(mark, verdict))
        }
        guard takes(mark.slice) else { return answer(.later) }
        // One of both does not know yet, or not any more, in which group the envoy is.
        if let place = board.reassigned(mark.envoy), place.slice != mark.slice { return answer(.later) }
        guard isEnvoy(mark.envoy, of: mark.slice, board),
            let commands = try store.commands(bringing: remains.content, of: mark.envoy)
        else { return answer(.refused) }
        let placement = PartitionCommand.EnvoyPlacement(envoy: mark.envoy, slice: mark.slice)
        begin([.placed([placement])] + commands, level: .paired) { outcome in
            guard case .done(let point, _, let safe, let outcomes) = outcome else { return answer(.later) }
            for case .refused in outcomes { return answer(.refused) }
            answer(point.position <= safe ? .done : .later)
        }
    }

    private func isEnvoy(_ envoy: PrincipalID, of slice: SliceID, _ board: OwnershipBoard) -> Bool {
        guard let genesis = board.geneses.first(where: { $0.id == slice.group }) else { return false }
        return Placement.slice(of: envoy, slices: genesis.slices) == slice.index
    }
}
