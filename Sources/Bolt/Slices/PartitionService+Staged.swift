internal import Logging
internal import Spanner
internal import SpannerStore
internal import SpannerWire

/// What sources of handoffs to here sent, looked at before this partition says that it holds it: a source is believed
/// about the envoys of its own slice, and about nobody else's.
extension PartitionService {
    /// How long a copy waits whose group is not known here yet.
    private static let groupRetry: Duration = .seconds(1)

    /// Says the digest of what is staged, or why it cannot be served here. Once the slice is ours what is another's
    /// already is no reason any more: it is parked.
    func judgeStaged(_ order: HandoffOrder, at point: LogPoint, _ context: SliceContext) throws(StoreError) {
        let (id, slice) = (order.id, order.slice)
        guard let genesis = context.board.geneses.first(where: { $0.id == slice.group }) else {
            let reason = "its group is not known at \(identity.partition)"
            return post(.desk(.target(id, .unfit(at: point, reasons: [reason]))), after: PartitionService.groupRetry)
        }
        let staged = try store.judgeStaged(order) { Placement.slice(of: $0, slices: genesis.slices) == slice.index }
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
