internal import CRDT
public import Spanner

/// Which envoy is in which slice, handoffs from and to here with what is staged for them, and the tasks that this
/// partition drives.
public final class SliceTables {
    let database: Database
    let witness: any Witness

    static let schema = """
        CREATE TABLE placement(
            envoy BLOB PRIMARY KEY CHECK (length(envoy) = 16),
            fleet BLOB NOT NULL CHECK (length(fleet) = 32),
            slice INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX placement_of_slice ON placement(fleet, slice, envoy);
        CREATE TABLE handoff(
            id BLOB NOT NULL CHECK (length(id) = 32),
            outward INTEGER NOT NULL CHECK (outward IN (0, 1)),
            over INTEGER NOT NULL CHECK (over IN (0, 1)),
            fleet BLOB NOT NULL CHECK (length(fleet) = 32),
            slice INTEGER NOT NULL,
            state BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (id, outward)
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX handoff_of_slice ON handoff(fleet, slice, id, outward);
        CREATE INDEX handoff_open ON handoff(over, id, outward);
        CREATE TABLE staged(
            handoff BLOB NOT NULL CHECK (length(handoff) = 32),
            number INTEGER NOT NULL,
            through INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (handoff, number)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE parked(
            handoff BLOB NOT NULL CHECK (length(handoff) = 32),
            number INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (handoff, number)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE task(
            task BLOB NOT NULL CHECK (length(task) = 16),
            number INTEGER NOT NULL,
            part INTEGER NOT NULL,
            parts INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (task, number, part)
        ) WITHOUT ROWID, STRICT;
        """

    init(database: Database, witness: any Witness) { (self.database, self.witness) = (database, witness) }

    // MARK: - Placement

    /// The slice of an envoy; nil where it was never said.
    public func slice(of envoy: PrincipalID) throws(StoreError) -> SliceID? {
        try database.first("SELECT envoy, fleet, slice, checksum FROM placement WHERE envoy = ?1", .blob(envoy.bytes)) {
            row throws(StoreError) in try readPlacement(row).slice
        }
    }

    /// Of the envoys after one, `limit` and `StoreLimits.pageMax` at most, those that are in no slice yet; and the last
    /// that was looked at, nil at the end.
    public func unplaced(
        after envoy: PrincipalID?, limit: Int
    ) throws(StoreError) -> (envoys: [PrincipalID], last: PrincipalID?) {
        let limit = max(1, min(limit, StoreLimits.pageMax))
        let rows = try database.rows(
            """
            SELECT envoy.id, placement.envoy IS NULL FROM envoy LEFT JOIN placement ON placement.envoy = envoy.id
            WHERE envoy.id > ?1 ORDER BY envoy.id LIMIT ?2
            """, .blob(envoy?.bytes ?? []), .integer(Int64(limit))
        ) { row throws(StoreError) -> (PrincipalID, Bool) in
            guard let envoy = PrincipalID(bytes: row.blob(0)) else { throw database.damage("an envoy's row has no id") }
            return (envoy, row.integer(1) == 1)
        }
        return (rows.filter { $0.1 }.map { $0.0 }, rows.count < limit ? nil : rows.last?.0)
    }

    /// Envoys of a slice after one, in order of their ids; at most `limit`.
    public func envoys(of slice: SliceID, after: PrincipalID?, limit: Int) throws(StoreError) -> [PrincipalID] {
        try database.rows(
            """
            SELECT envoy, fleet, slice, checksum FROM placement WHERE fleet = ?1 AND slice = ?2 AND envoy > ?3
            ORDER BY envoy LIMIT ?4
            """, .blob(slice.group.bytes.bytes), .integer(Int64(slice.index)), .blob(after?.bytes ?? []),
            .integer(Int64(max(0, limit)))
        ) { row throws(StoreError) in try readPlacement(row).envoy }
    }

    /// How many envoys are in each slice that has any here, served or not.
    public func counts() throws(StoreError) -> [SliceID: UInt64] {
        var counts: [SliceID: UInt64] = [:]
        try database.each("SELECT fleet, slice, count(*) FROM placement GROUP BY fleet, slice") {
            row throws(StoreError) in
            guard let group = Bytes32(bytes: row.blob(0)), let index = UInt32(exactly: row.integer(1)) else {
                throw database.damage("a placement names no slice")
            }
            counts[SliceID(group: GroupID(group), index: index)] = row.count(2)
            return true
        }
        return counts
    }

    func place(_ placements: [PartitionCommand.EnvoyPlacement]) throws(StoreError) {
        for placement in placements {
            let slice = placement.slice
            try database.run(
                """
                INSERT INTO placement(envoy, fleet, slice, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (envoy)
                DO UPDATE SET fleet = excluded.fleet, slice = excluded.slice, checksum = excluded.checksum
                """, .blob(placement.envoy.bytes), .blob(slice.group.bytes.bytes), .integer(Int64(slice.index)),
                .integer(SliceTables.checksum(placement.envoy, slice)))
        }
    }

    func readPlacement(_ row: SQLRow) throws(StoreError) -> PartitionCommand.EnvoyPlacement {
        guard let envoy = PrincipalID(bytes: row.blob(0)), let group = Bytes32(bytes: row.blob(1)),
            let index = UInt32(exactly: row.integer(2))
        else { throw database.damage("a placement is not what was written") }
        let slice = SliceID(group: GroupID(group), index: index)
        guard row.integer(3) == SliceTables.checksum(envoy, slice) else {
            throw database.damage("the placement of envoy \(envoy) is not what was written")
        }
        return PartitionCommand.EnvoyPlacement(envoy: envoy, slice: slice)
    }

    private static func checksum(_ envoy: PrincipalID, _ slice: SliceID) -> Int64 {
        Checksum.row(15, UInt64(slice.index), envoy.bytes + slice.group.bytes.bytes)
    }

    // MARK: - Handoffs

    private static let columns = "id, outward, over, fleet, slice, state, checksum"

    /// What the journal says of a handoff of which this partition is the source; nil where it says nothing.
    public func source(_ id: HandoffID) throws(StoreError) -> HandoffSourceState? {
        try database.first(
            "SELECT \(SliceTables.columns) FROM handoff WHERE id = ?1 AND outward = 1", .blob(id.bytes.bytes)
        ) { row throws(StoreError) in try readSource(row) }
    }

    /// The same where it is the target.
    public func target(_ id: HandoffID) throws(StoreError) -> HandoffTargetState? {
        try database.first(
            "SELECT \(SliceTables.columns) FROM handoff WHERE id = ?1 AND outward = 0", .blob(id.bytes.bytes)
        ) { row throws(StoreError) in try readTarget(row) }
    }

    /// All handoffs that are not over, or with `includingOver` all, by id.
    public func handoffs(
        includingOver: Bool = false
    ) throws(StoreError) -> (sources: [HandoffSourceState], targets: [HandoffTargetState]) {
        var (sources, targets): ([HandoffSourceState], [HandoffTargetState]) = ([], [])
        try database.each(
            "SELECT \(SliceTables.columns) FROM handoff WHERE over <= ?1 ORDER BY over, id, outward",
            .integer(includingOver ? 1 : 0)
        ) { row throws(StoreError) in
            if row.integer(1) == 1 { sources.append(try readSource(row)) } else { targets.append(try readTarget(row)) }
            return true
        }
        return (sources, targets)
    }

    /// Handoffs of one slice, over or not.
    public func handoffs(
        of slice: SliceID
    ) throws(StoreError) -> (sources: [HandoffSourceState], targets: [HandoffTargetState]) {
        var (sources, targets): ([HandoffSourceState], [HandoffTargetState]) = ([], [])
        try database.each(
            "SELECT \(SliceTables.columns) FROM handoff WHERE fleet = ?1 AND slice = ?2 ORDER BY id, outward",
            .blob(slice.group.bytes.bytes), .integer(Int64(slice.index))
        ) { row throws(StoreError) in
            if row.integer(1) == 1 { sources.append(try readSource(row)) } else { targets.append(try readTarget(row)) }
            return true
        }
        return (sources, targets)
    }

    private func readSource(_ row: SQLRow) throws(StoreError) -> HandoffSourceState {
        var decoder = CanonicalDecoder(try checked(row))
        guard let state = try? HandoffSourceState(from: &decoder), decoder.remaining == 0 else {
            throw database.damage("the state of a handoff cannot be read")
        }
        try check(row, says: state.order, isOver: state.isOver)
        return state
    }

    private func readTarget(_ row: SQLRow) throws(StoreError) -> HandoffTargetState {
        var decoder = CanonicalDecoder(try checked(row))
        guard let state = try? HandoffTargetState(from: &decoder), decoder.remaining == 0 else {
            throw database.damage("the state of a handoff cannot be read")
        }
        try check(row, says: state.order, isOver: state.isOver)
        return state
    }

    private func checked(_ row: SQLRow) throws(StoreError) -> [UInt8] {
        let bytes = row.blob(5)
        guard row.integer(6) == SliceTables.checksum(row.blob(0), row.count(1), bytes) else {
            throw database.damage("the state of a handoff is not what was written")
        }
        return bytes
    }

    /// The columns by which a handoff is found are under no checksum of their own: they have to be what its state says.
    private func check(_ row: SQLRow, says order: HandoffOrder, isOver: Bool) throws(StoreError) {
        guard row.blob(0) == order.id.bytes.bytes, row.integer(2) == (isOver ? 1 : 0),
            row.blob(3) == order.slice.group.bytes.bytes, row.integer(4) == Int64(order.slice.index)
        else { throw database.damage("handoff \(order.id) is not found where it is looked for") }
    }

    func save(_ state: HandoffSourceState) throws(StoreError) {
        try save(state.order, isOutward: true, isOver: state.isOver, state.canonicalBytes)
    }

    func save(_ state: HandoffTargetState) throws(StoreError) {
        try save(state.order, isOutward: false, isOver: state.isOver, state.canonicalBytes)
    }

    /// One id in both directions is two rows: what another partition makes up must not touch what is written here.
    private func save(
        _ order: HandoffOrder, isOutward: Bool, isOver: Bool, _ state: [UInt8]
    ) throws(StoreError) {
        let (id, slice) = (order.id.bytes.bytes, order.slice)
        try database.run(
            """
            INSERT INTO handoff(id, outward, over, fleet, slice, state, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id, outward)
            DO UPDATE SET over = excluded.over, state = excluded.state, checksum = excluded.checksum
            """, .blob(id), .integer(isOutward ? 1 : 0), .integer(isOver ? 1 : 0), .blob(slice.group.bytes.bytes),
            .integer(Int64(slice.index)), .blob(state),
            .integer(SliceTables.checksum(id, isOutward ? 1 : 0, state)))
    }

    private static func checksum(_ id: [UInt8], _ outward: UInt64, _ state: [UInt8]) -> Int64 {
        Checksum.row(16, outward, id + state)
    }
}
