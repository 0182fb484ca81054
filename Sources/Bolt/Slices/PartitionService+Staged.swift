internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerWire

/// What sources of handoffs to here sent, looked at before this partition says that it holds it: a source is believed
/// about the envoys of its own slice, and about nobody else's.
extension PartitionService {
    /// How long a copy waits whose group is not known here yet.
    private static let groupRetry: Duration = .seconds(1)

    /// Takes what was staged just now to what was before. A piece that begins anew lets what was there go, and whatever
    /// else is journaled ends it: what is staged then is read when its digest is asked for.
    func foldAhead(_ record: HandoffTargetRecord) {
        let id = record.id
        guard case .stored(_, let piece) = record else { return desk.folds[id] = nil }
        // Taken out while it changes: a copy of it is a slice.
        var known = desk.folds.removeValue(forKey: id)
        if case .snapshot(_, 0, _) = piece.place { known = store.beginFold(of: id) }
        let held = desk.folds.values.reduce(0) { $0 + $1.bytes }
        guard var fold = known, held + fold.bytes < SliceShellLimits.foldBytesMax else { return }
        do throws(StoreError) {
            try store.read(&fold, bytes: SliceShellLimits.digestBytes)
            desk.folds[id] = fold
        } catch { fail(error, "reading what is staged") }
    }

    /// Goes on with the digest of what is staged, some of it in each run; then says it.
    func goOnJudging(_ id: HandoffID, at point: LogPoint) {
        guard let context = slices, let target = desk.targets[id], target.isJudging(point) else { return }
        do throws(StoreError) {
            var fold = desk.folds.removeValue(forKey: id) ?? store.beginFold(of: id)
            try store.step(&fold, bytes: SliceShellLimits.digestBytes)
            let isWhole = fold.value != nil
            if isWhole { try judge(fold, of: target.order, at: point, context) }
            desk.folds[id] = fold
            if !isWhole { post(.desk(.judgeOn(id, at: point))) }
        } catch { fail(error, "reading what is staged") }
    }

    /// The digest of a slice that is sealed here, some of it in each run.
    func goOnWithDigest(of id: HandoffID) {
        guard var run = desk.digests.removeValue(forKey: id), desk.sources[id]?.state.sealPoint == run.point else {
            return
        }
        do throws(StoreError) {
            try store.step(&run.digest, bytes: SliceShellLimits.digestBytes)
            if let value = run.digest.value { return enqueue(.source(id, .digested(at: run.point, value))) }
            desk.digests[id] = run
            post(.desk(.digestOn(id)))
        } catch { fail(error, "reading a slice") }
    }

    /// Says the digest of what is staged, or why it cannot be served here. Once the slice is ours what is another's
    /// already is no reason any more: it is parked.
    private func judge(
        _ fold: StagedFold, of order: HandoffOrder, at point: LogPoint, _ context: SliceContext
    ) throws(StoreError) {
        let (id, slice) = (order.id, order.slice)
        guard let genesis = context.board.geneses.first(where: { $0.id == slice.group }) else {
            let reason = "its group is not known at \(identity.partition)"
            return post(.desk(.target(id, .unfit(at: point, reasons: [reason]))), after: PartitionService.groupRetry)
        }
        let judged = try store.judge(fold, of: order) { Placement.slice(of: $0, slices: genesis.slices) == slice.index }
        guard let staged = judged else { return }
        let isHandedOn = desk.targets[id]?.isHandedOn == true
        let reasons = staged.strangers + staged.conflicts
        guard !reasons.isEmpty else { return enqueue(.target(id, .digested(at: point, staged.digest))) }
        logger.warning(
            isHandedOn ? "a slice came with rows that are not served" : "a slice cannot be taken over as it is",
            metadata: [
                LogKeys.name: "\(slice)", LogKeys.from: "\(order.from)",
                LogKeys.why: "\(reasons.joined(separator: "; "))",
            ])
        guard isHandedOn else { return enqueue(.target(id, .unfit(at: point, reasons: reasons))) }
        // Envoys of other slices no honest source sends: such a copy is not served, whoever signed what.
        if staged.strangers.isEmpty { enqueue(.target(id, .digested(at: point, staged.digest))) }
    }

    /// Whether a piece is more than is staged for one handoff; its source hears of it.
    func exceedsStaging(_ message: HandoffMessage) -> Bool {
        guard case .piece(let piece) = message.body, let target = desk.targets[message.id],
            target.received.bytes + UInt64(piece.content.count) > HandoffLimits.stagedBytesMax
        else { return false }
        let reason = "more than \(HandoffLimits.stagedBytesMax) bytes came of it"
        let reply = HandoffReply(id: message.id, body: .refused([reason]))
        slices?.board.line(to: target.order.from)?.send(.handoffReply(reply))
        return true
    }
}
