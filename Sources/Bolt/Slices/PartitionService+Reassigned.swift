internal import CRDT
internal import Spanner
internal import SpannerStore

/// An envoy that was given another group is in another slice from the moment at which the roster says so: its
/// check-ins go to the owner of that. What is stored of it follows: within this partition by a word of the journal, to
/// another one as what is left of a slice that was taken over, and the copy here goes once it is safe there.
///
/// Who reigns looks for such envoys in its own tables, so the death of a bolt, a promotion, and a bolt that heard of
/// the new group late leave nothing to repair.
extension PartitionService {
    /// Whether a slice is on its way from here or to here.
    func isMoving(_ slice: SliceID) -> Bool {
        desk.sending[slice] != nil
            || desk.targets.values.contains { $0.order.slice == slice && !$0.state.isOver }
    }

    /// Why an envoy cannot leave one slice, which is served here, for another now; nil where it can.
    func hindrance(leaving from: SliceID, for to: OwnershipBoard.Place) -> String? {
        guard takes(from), !isMoving(from) else {
            return "the slice that it leaves is being handed over, or is not served yet"
        }
        if isMoving(to.slice) { return "the slice that it goes to is being handed over" }
        guard to.register.owner != identity.partition || takes(to.slice) else {
            return "the slice that it goes to is not served yet"
        }
        let owner = to.register.owner
        if slices?.board.census(of: owner)?.entry(of: to.slice)?.destination != nil {
            return "\(owner) hands the slice on that it goes to"
        }
        return nil
    }

    /// Looks which of the envoys that were given another group have rows here in the slice where they were.
    func lookForReassigned() throws(StoreError) {
        guard let board = slices?.board, desk.hasHeard else { return }
        let limit = SliceShellLimits.placeEnvoys
        let envoys = board.reassigned(after: desk.reassignedThrough, limit: limit)
        desk.reassignedThrough = envoys.count < limit ? nil : envoys.last
        var found: [PrincipalID] = []
        var left: Set<SliceID> = []
        for envoy in envoys {
            guard let held = try store.tables.slices.slice(of: envoy), let place = board.reassigned(envoy),
                place.slice != held
            else { continue }
            found.append(envoy)
            left.insert(held)
        }
        desk.reassigned = found
        desk.left += left.subtracting(desk.remaining).count
    }

    /// Puts the next of them where it belongs, or begins to bring it there. What is on its way is waited for; where
    /// that is not possible now the next look finds the envoy again.
    func settleReassigned(_ board: OwnershipBoard) throws(StoreError) {
        guard desk.settling == nil, desk.remains == nil, !desk.reassigned.isEmpty else { return }
        var (placements, leaving): ([PartitionCommand.EnvoyPlacement], (envoy: PrincipalID, held: SliceID)?) = ([], nil)
        while leaving == nil, placements.count < PartitionLimits.placementsMax, let envoy = desk.reassigned.first {
            desk.reassigned.removeFirst()
            guard !desk.refused.contains(envoy), let place = home(of: envoy, board),
                let held = try store.tables.slices.slice(of: envoy), place.slice != held, !isMoving(held),
                !isMoving(place.slice)
            else { continue }
            if place.register.owner == identity.partition {
                // Its rows are this partition's in either slice: only the word changes.
                if takes(place.slice) {
                    placements.append(PartitionCommand.EnvoyPlacement(envoy: envoy, slice: place.slice))
                }
            } else if board.line(to: place.register.owner) != nil, isPaired || surroundings.siblings.isEmpty {
                // Without a standby in sync nothing would be safe, and the word would be written in vain each time.
                leaving = (envoy, held)
            }
        }
        if !placements.isEmpty { begin([.placed(placements)], level: .local) { _ in } }
        if let leaving { wait(toBring: leaving.envoy, from: leaving.held) }
    }

    /// From now on no check-in of this envoy is written here. Those that were handed to the journal before are in the
    /// tables, and safe, once this is: a word that changes nothing, behind all of them.
    private func wait(toBring envoy: PrincipalID, from held: SliceID) {
        desk.settling = envoy
        let placement = PartitionCommand.EnvoyPlacement(envoy: envoy, slice: held)
        begin([.placed([placement])], level: .paired) { answer in
            self.desk.settling = nil
            guard case .done(let point, _, let safe, _) = answer, point.position <= safe else { return }
            self.bring(envoy, from: held)
        }
    }

    private func bring(_ envoy: PrincipalID, from held: SliceID) {
        guard let board = slices?.board, desk.epoch != nil, desk.remains == nil,
            let place = home(of: envoy, board), place.slice != held,
            place.register.owner != identity.partition, !isMoving(held)
        else { return }
        do throws(StoreError) {
            guard try store.tables.slices.slice(of: envoy) == held else { return }
            try sendPart(
                of: RemainsOnTheirWay(
                    slice: place.slice, held: held, owner: place.register.owner, remains: store.remains(of: envoy)))
        } catch { fail(error, "reading what is left of an envoy that was given another group") }
    }

    /// Puts an envoy into its new slice at once, where both are served here and neither is being handed over. Nil where
    /// it is brought there in its turn instead.
    func place(reassigned envoy: PrincipalID) async -> PartitionWriteAnswer? {
        guard let place = slices?.board.reassigned(envoy), place.register.owner == identity.partition,
            desk.epoch != nil, takes(place.slice), !isMoving(place.slice),
            let held = try? store.tables.slices.slice(of: envoy), !isMoving(held)
        else { return nil }
        return await write(
            [.placed([PartitionCommand.EnvoyPlacement(envoy: envoy, slice: place.slice)])], level: .paired)
    }
}
