internal import CRDT
public import Spanner

extension SliceTables {
    func store(_ part: PartitionCommand.TaskPart) throws(StoreError) {
        if part.parts == 1, part.bytes == RebalanceRecord.forgotten.canonicalBytes { return try forget(part.task) }
        try database.run(
            """
            INSERT OR IGNORE INTO task(task, number, part, parts, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            """, .blob(part.task.bytes), .count(part.number), .count(part.part), .count(part.parts), .blob(part.bytes),
            .integer(SliceTables.checksum(part)))
    }

    /// The tasks that this partition's journal knows, ascending.
    public func tasks() throws(StoreError) -> [PrincipalID] {
        try database.rows("SELECT DISTINCT task FROM task ORDER BY task") { row throws(StoreError) in
            guard let task = PrincipalID(bytes: row.blob(0)) else { throw database.damage("a task's row has no id") }
            return task
        }
    }

    /// A task as its records say, with how many there are; nil where its first is not whole.
    public func task(_ task: PrincipalID) throws(StoreError) -> (state: RebalanceState, records: UInt64)? {
        var state: RebalanceState?
        var parts: [PartitionCommand.TaskPart] = []
        var records: UInt64 = 0
        try database.each(
            "SELECT task, number, part, parts, body, checksum FROM task WHERE task = ?1 ORDER BY number, part",
            .blob(task.bytes)
        ) { row throws(StoreError) in
            let part = try readPart(row)
            if part.part == 0 { parts = [] }
            parts.append(part)
            guard part.number == records, parts.count == Int(part.parts) else { return true }
            try fold(parts.flatMap(\.bytes), into: &state)
            records += 1
            return true
        }
        return state.map { ($0, records) }
    }

    private func fold(_ bytes: [UInt8], into state: inout RebalanceState?) throws(StoreError) {
        var decoder = CanonicalDecoder(bytes)
        guard let record = try? RebalanceRecord(from: &decoder), decoder.remaining == 0 else {
            throw database.damage("a record of a task cannot be read")
        }
        if case .planned(let job, let limits) = record, state == nil {
            state = RebalanceState(job: job, limits: limits)
        } else {
            state?.apply(record)
        }
    }

    private func readPart(_ row: SQLRow) throws(StoreError) -> PartitionCommand.TaskPart {
        guard let task = PrincipalID(bytes: row.blob(0)) else { throw database.damage("a task's row has no id") }
        let part = PartitionCommand.TaskPart(
            task: task, number: row.count(1), part: row.count(2), parts: row.count(3), bytes: row.blob(4))
        guard row.integer(5) == SliceTables.checksum(part) else {
            throw database.damage("a record of task \(task) is not what was written")
        }
        return part
    }

    private static func checksum(_ part: PartitionCommand.TaskPart) -> Int64 {
        Checksum.row(18, part.number << 16 | part.part << 8 | part.parts, part.task.bytes + part.bytes)
    }
}
