internal import CRDT
internal import Spanner
internal import SpannerStore

/// A group that was created on both sides of a split is one of both afterwards, and its envoys are in the slices of
/// that one. What the other side stored for them is in slices that nobody owns. Who reigns finds it in its own tables,
/// and treats it like that of envoys that were given another group: it is put into their slices here, or brought to
/// who owns those.
extension PartitionService {
    /// Looks which envoys have rows here in slices that no group in force has, and asks where they belong now.
    func lookForDisplaced(among held: [SliceID]) throws(StoreError) {
        guard let board = slices?.board, let placing, desk.hasHeard else { return }
        let lost = held.filter { board.register(of: $0) == nil }.sorted()
        desk.left += lost.count
        guard !desk.isAskingHomes else { return }
        let (limit, through) = (SliceShellLimits.placeEnvoys, desk.displacedThrough)
        var (envoys, reached): ([PrincipalID], (slice: SliceID, envoy: PrincipalID)?) = ([], nil)
        for slice in lost where envoys.count < limit {
            if let through, slice < through.slice { continue }
            let after = through.flatMap { $0.slice == slice ? $0.envoy : nil }
            let found = try store.tables.slices.envoys(of: slice, after: after, limit: limit - envoys.count)
            if let last = found.last { reached = (slice, last) }
            envoys += found
        }
        desk.displacedThrough = envoys.count < limit ? nil : reached
        guard !envoys.isEmpty else {
            desk.homes = [:]
            return
        }
        desk.isAskingHomes = true
        let asked = envoys
        Task {
            let homes = await placing(asked)
            self.foundHomes(homes)
        }
    }

    private func foundHomes(_ homes: [PrincipalID: SliceID]) {
        desk.isAskingHomes = false
        guard desk.epoch != nil else { return }
        desk.homes = homes
        let known = Set(desk.reassigned)
        desk.reassigned += homes.keys.filter { !known.contains($0) }.sorted()
    }

    /// Where an envoy belongs that was given another group, or whose group is not in force; nil for all others.
    func home(of envoy: PrincipalID, _ board: OwnershipBoard) -> OwnershipBoard.Place? {
        if let place = board.reassigned(envoy) { return place }
        guard let slice = desk.homes[envoy], let register = board.register(of: slice) else { return nil }
        return OwnershipBoard.Place(slice: slice, register: register)
    }
}
