internal import CRDT
public import Spanner

/// About how many bytes a handoff sends: for plans, never for a decision about who serves what. What is read does not
/// grow with what is stored.
extension SliceTables {
    /// Results of one queue whose lengths are read.
    private static let sampledResults: Int64 = 64
    /// Bytes of an envoy's row as a handoff sends it, beside its traits.
    private static let envoyBytes: UInt64 = 26
    /// Bytes of a row of up to 256 results, beside these.
    private static let rowBytes: UInt64 = 36
    /// Bytes of a result, beside its body.
    private static let resultBytes: UInt64 = 9
    /// Bytes of a base, beside its reason.
    private static let baseBytes: UInt64 = 46
    /// No queue is told to have more.
    private static let queueBytesMax = Double(UInt64(1) << 48)

    /// How many envoys of a slice there are, up to `limit`, and about how many bytes a handoff sends of these.
    public func sample(of slice: SliceID, limit: Int) throws(StoreError) -> (envoys: Int, bytes: UInt64) {
        let envoys = try envoys(of: slice, after: nil, limit: limit)
        var sum: UInt64 = 0
        for envoy in envoys { sum &+= try bytes(of: envoy) }
        return (envoys.count, sum)
    }

    /// About how many bytes a handoff sends of an envoy: exact but for a few where none of its queues has more than
    /// `sampledResults` results, else by the newest of each.
    func bytes(of envoy: PrincipalID) throws(StoreError) -> UInt64 {
        let traits = try database.first("SELECT length(traits) FROM envoy WHERE id = ?1", .blob(envoy.bytes)) {
            row throws(StoreError) in row.count(0)
        }
        var sum = traits.map { SliceTables.envoyBytes &+ $0 } ?? 0
        let queues = try database.rows("SELECT ix, stored_through FROM queue WHERE envoy = ?1", .blob(envoy.bytes)) {
            row throws(StoreError) in (index: row.integer(0), through: row.count(1))
        }
        for queue in queues { sum &+= try bytes(ofQueue: queue.index, through: queue.through) }
        return sum
    }

    private func bytes(ofQueue index: Int64, through: UInt64) throws(StoreError) -> UInt64 {
        let bases = try database.first(
            "SELECT count(*), total(through - first + 1), sum(length(reason)) FROM base WHERE queue_ix = ?1",
            .integer(index)
        ) { row throws(StoreError) in (rows: row.count(0), covered: row.count(1), bytes: row.count(2)) }
        let sample = try database.first(
            """
            SELECT count(*), sum(size) FROM
            (SELECT length(body) AS size FROM result WHERE queue_ix = ?1 ORDER BY sequence DESC LIMIT ?2)
            """, .integer(index), .integer(SliceTables.sampledResults)
        ) { row throws(StoreError) in (rows: row.count(0), bytes: row.count(1)) }
        var sum = (bases?.bytes ?? 0) &+ SliceTables.baseBytes &* (bases?.rows ?? 0)
        guard let sample, sample.rows > 0 else { return sum }
        // A queue is dense up to its end: what no base stands for is there.
        let covered = bases?.covered ?? 0
        let dense = through > covered ? through - covered : 0
        let isWhole = sample.rows < UInt64(SliceTables.sampledResults)
        let results = isWhole ? sample.rows : max(dense, sample.rows)
        let bodies = Double(sample.bytes) / Double(sample.rows) * Double(results)
        sum &+= UInt64(min(bodies, SliceTables.queueBytesMax).rounded())
        sum &+= SliceTables.resultBytes &* results
        return sum &+ SliceTables.rowBytes &* ((results + 255) / 256)
    }
}
