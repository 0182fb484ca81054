internal import Spanner

/// How far a scrub is: where its next step goes on.
public struct ScrubPlace: Hashable, Sendable {
    enum Stage: Hashable {
        case journal(after: UInt64)
        case control
        case tables(PartitionTables.Place)
    }

    var stage: Stage

    /// The start of a pass.
    public static let start = ScrubPlace(stage: .journal(after: 0))
}

extension PartitionStore {
    /// One step of a scrub: reads about `rowsMax` rows from `place` on against checksums and chain, so that rot is
    /// found before anybody asks for what it struck (D4). Returns where to go on; nil when a pass is done. A change of
    /// the journal between two steps is no finding.
    ///
    /// `store_corrupt` with the first finding; the handle ends, and with it this bolt's part in the partition.
    public func scrub(
        from place: ScrubPlace, rowsMax: Int = StoreLimits.scrubRowsDefault
    ) throws(StoreError) -> ScrubPlace? {
        switch place.stage {
        case .journal(let position):
            let inspection = JournalInspection(database: database, chain: chain)
            let next = try inspection.check(after: position, of: try state(), rowsMax: rowsMax)
            return ScrubPlace(stage: next.map { .journal(after: $0) } ?? .control)
        case .control:
            try ControlTable(database: database, chain: chain).verify(through: try state().tip.position)
            return ScrubPlace(stage: .tables(.start))
        case .tables(let place):
            guard let next = try tables.scrub(from: place, rowsMax: rowsMax) else { return nil }
            return ScrubPlace(stage: .tables(next))
        }
    }

    /// Reads everything at once: the file's structure, the journal, the tables. `store_corrupt` with the first finding,
    /// which also ends this handle (D4).
    public func integrityCheck() throws(StoreError) {
        try JournalInspection(database: database, chain: chain).checkAll(of: try state(), tables: tables)
    }
}
