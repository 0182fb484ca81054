internal import Spanner

extension SliceTables {
    /// Checks placements after an envoy. Returns the last; nil at the end.
    func verifyPlacements(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> PrincipalID? {
        try database.rows(
            "SELECT envoy, fleet, slice, checksum FROM placement WHERE envoy > ?1 ORDER BY envoy LIMIT ?2",
            .blob(envoy?.bytes ?? []), .integer(Int64(limit))
        ) { row throws(StoreError) in try readPlacement(row).envoy }.last
    }

    /// Checks handoffs, what is staged for those that are not over, what is parked, and tasks: few rows beside all
    /// others.
    func verifyHandoffs() throws(StoreError) {
        let open = try handoffs(includingOver: true)
        for target in open.targets where !target.isOver { _ = try staged(target.order.id) }
        try verifyParked()
        for id in try tasks() { _ = try task(id) }
    }
}
