public import CRDT
internal import Spanner

/// What is staged for a handoff to here, looked at as a whole before this partition says that it holds it.
public struct StagedSlice: Sendable {
    /// Digest of its rows.
    public let digest: Bytes32
    /// Envoys that are not of the slice, in words; at most `namedMax`. No honest source sends any.
    public let strangers: [String]
    /// What is another's here already, in words; at most `namedMax`. Where the slice is ours all the same, this is
    /// parked.
    public let conflicts: [String]

    /// Findings of one kind that are named.
    public static let namedMax = 8
}

/// Rows that came with a slice and cannot be served beside what is here: of a queue that is another envoy's, or of an
/// envoy that is in another slice. They are kept for people to look at, and nothing reads them but them and scrubs.
extension SliceTables {
    /// What of a slice is another's here, in words.
    func conflicts(
        in model: SliceModel, of slice: SliceID, _ results: ResultStore
    ) throws(StoreError) -> [String] {
        var conflicts: [String] = []
        for envoy in model.members where conflicts.count < StagedSlice.namedMax {
            if let known = try self.slice(of: envoy), known != slice {
                conflicts.append("envoy \(envoy) is in slice \(known) there")
            }
        }
        let queues = model.queues.sorted { $0.value.place < $1.value.place }
        for (id, queue) in queues where conflicts.count < StagedSlice.namedMax {
            if let (owner, _) = try results.lookUp(id), owner != queue.envoy {
                conflicts.append(
                    "queue \(id) of envoy \(queue.envoy) is envoy \(owner)'s there: give one a new incarnation")
            }
        }
        return conflicts
    }

    func park(_ rows: [SliceRow], of id: HandoffID) throws(StoreError) {
        var chunks: [[SliceRow]] = []
        var bytes = 0
        for row in rows {
            if chunks.isEmpty || bytes + row.bytes > SliceSnapshot.pieceBytes {
                chunks.append([])
                bytes = 0
            }
            chunks[chunks.count - 1].append(row)
            bytes += row.bytes
        }
        let last = try database.first("SELECT max(number) FROM parked WHERE handoff = ?1", .blob(id.bytes.bytes)) {
            row throws(StoreError) in row.integer(0)
        }
        for (index, chunk) in chunks.enumerated() {
            let (number, body) = ((last ?? 0) + Int64(index) + 1, SliceRow.content(chunk))
            try database.run(
                "INSERT INTO parked(handoff, number, body, checksum) VALUES (?1, ?2, ?3, ?4)", .blob(id.bytes.bytes),
                .integer(number), .blob(body), .integer(SliceTables.checksum(id.bytes.bytes, parked: number, body)))
        }
    }

    /// What of a handoff is parked, in its order.
    func parked(_ id: HandoffID) throws(StoreError) -> [SliceRow] {
        let parts = try database.rows(
            "SELECT handoff, number, body, checksum FROM parked WHERE handoff = ?1 ORDER BY number",
            .blob(id.bytes.bytes)
        ) { row throws(StoreError) in try readParked(row) }
        return parts.flatMap { $0 }
    }

    /// Checks all that is parked: hardly ever anything.
    func verifyParked() throws(StoreError) {
        try database.each("SELECT handoff, number, body, checksum FROM parked ORDER BY handoff, number") {
            row throws(StoreError) in
            _ = try readParked(row)
            return true
        }
    }

    private func readParked(_ row: SQLRow) throws(StoreError) -> [SliceRow] {
        let body = row.blob(2)
        guard row.integer(3) == SliceTables.checksum(row.blob(0), parked: row.integer(1), body),
            let rows = SliceRow.rows(body)
        else { throw database.damage("a parked row is not what was written") }
        return rows
    }

    private static func checksum(_ handoff: [UInt8], parked number: Int64, _ body: [UInt8]) -> Int64 {
        Checksum.row(20, UInt64(bitPattern: number), handoff + body)
    }
}
