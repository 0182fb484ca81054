internal import CRDT
internal import Spanner

/// What is over does not stay for ever: whoever begins to reign, and each scrub, reads all that is kept.
extension SliceTables {
    /// A handoff that is over, as far as that matters for how long it is kept.
    private struct Finished {
        let id: HandoffID
        let isOutward: Bool
        /// Place, in the slice's line of owners, of the register that it began with.
        let position: UInt64
    }

    /// Removes handoffs of a slice that are over and that a later one followed, but for the newest of them.
    ///
    /// Nobody asks for those: a driver's order, and a source's offer, count for the register in force only, and what
    /// was handed on in between is known to whoever handed it on after that. What moved the slice last stays, and with
    /// it the proof that it is served here. The tables alone say which go, so that every member removes the same ones
    /// with the same record, and a cut brings them back.
    func forgetFollowed(_ slice: SliceID) throws(StoreError) {
        let known = try handoffs(of: slice)
        let moves =
            known.sources.filter { $0.phase == .done || $0.phase == .overtaken }.map(\.order.register.position)
            + known.targets.filter { $0.phase == .adopted }.map(\.order.register.position)
        guard let last = moves.max() else { return }
        var followed = known.sources.filter(\.isOver).map {
            Finished(id: $0.order.id, isOutward: true, position: $0.order.register.position)
        }
        followed += known.targets.filter(\.isOver).map {
            Finished(id: $0.order.id, isOutward: false, position: $0.order.register.position)
        }
        followed.removeAll { $0.position >= last }
        guard followed.count > HandoffLimits.finishedPerSliceMax else { return }
        followed.sort { left, right in
            (left.position, left.id, left.isOutward ? 1 : 0) > (right.position, right.id, right.isOutward ? 1 : 0)
        }
        for old in followed.dropFirst(HandoffLimits.finishedPerSliceMax) {
            try database.run(
                "DELETE FROM handoff WHERE id = ?1 AND outward = ?2", .blob(old.id.bytes.bytes),
                .integer(old.isOutward ? 1 : 0))
        }
    }

    /// Removes all records of a task that is over; one that is not stays as it is.
    func forget(_ task: PrincipalID) throws(StoreError) {
        guard try self.task(task)?.state.phase == .ended else { return }
        try database.run("DELETE FROM task WHERE task = ?1", .blob(task.bytes))
    }
}
