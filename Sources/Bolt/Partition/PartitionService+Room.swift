internal import BoltAPI
internal import Logging
internal import Spanner
internal import SpannerStore

/// A full disk (D7): what a bolt must still write to be left by its partition is written from the reserve, as bans are.
/// Results are not, neither its own nor those that it would hold for another.
extension PartitionService {
    /// Whether the bolt's disk takes no results, as this plane or the other found.
    var isShort: Bool { isFull || disk.isFull || disk.isReserveSpent }

    /// The other plane says how the disk is.
    func hearRoom(isFull: Bool, isReserveSpent: Bool) {
        let wasShort = isShort
        disk = (isFull, isReserveSpent)
        if !isFull, !isReserveSpent {
            // Whatever did not fit is long dropped where nothing waits: the next write says whether it fits now.
            self.isFull = false
            if wasShort { step(.roomMade) }
        }
        tellStanding(always: wasShort != isShort)
    }

    /// Writes, on a full disk with the reserve's help where it may.
    func takingReserve<Outcomes>(
        for write: PartitionWrite, _ commit: () throws(StoreError) -> Outcomes
    ) throws(StoreError) -> Outcomes {
        guard !disk.isReserveSpent || !replicates(write) else { throw NodeService.onlyReserveIsLeft }
        do throws(StoreError) { return try commit() } catch {
            guard error.code == .full, leaves(write), giveUpReserve() else { throw error }
            return try commit()
        }
    }

    /// Whether it holds results of another's reign.
    private func replicates(_ write: PartitionWrite) -> Bool {
        write.records.contains { record in
            guard case .commands = record.content else { return false }
            return record.epoch.minter != own.disk
        }
    }

    /// Whether the partition can't be given to another bolt without it: a hand-over, or a promise.
    private func leaves(_ write: PartitionWrite) -> Bool {
        let handsOver = write.records.contains { record in
            guard case .control(.handover) = record.content else { return false }
            return true
        }
        return handsOver || write.promise != nil && !replicates(write)
    }

    /// Gives the reserve back to the disk; false where nothing was held.
    private func giveUpReserve() -> Bool {
        guard store.reserve.bytes > 0 else { return false }
        do throws(StoreError) { try store.reserve.release() } catch {
            logger.warning("the reserve cannot be given up", metadata: [LogKeys.why: "\(error)"])
            return false
        }
        disk = (true, true)
        logger.warning("the disk is full: the reserve is given up so that another bolt can take the partition over")
        foundFull?(true)
        return true
    }

    /// A transaction did not fit. The other plane looks for room from now on, which ends the mode for both.
    func noteFull() {
        isFull = true
        guard !disk.isFull else { return }
        disk.isFull = true
        foundFull?(false)
    }

    /// Before a hand-over from a full disk: what waits for room is written from the reserve, the hand-over after it.
    func makeRoomToLeave() {
        guard isFull, machine.role.reigns, !closed, broken == nil else { return }
        if !disk.isReserveSpent, !giveUpReserve() { return }
        step(.roomMade)
        settleDisk()
    }

    /// Why this bolt takes nothing over, on a full disk; nil where it may, or where a loss is accepted.
    func refusalWhereFull(_ operation: PartitionOperation) -> PartitionOperationRefusal? {
        guard isShort, !machine.role.reigns else { return nil }
        switch operation {
        case .promote(_, _, acceptingLoss: false), .check: return .storage(.full)
        case .promote, .found, .switchover, .remove: return nil
        }
    }
}
