internal import CSQLite

/// What a statement's parameter can be.
enum SQLValue {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    /// A counter, sequence or count. Callers have checked it against its limit, which is below 2^63.
    static func count(_ value: UInt64) -> SQLValue { .integer(Int64(truncatingIfNeeded: value)) }
}

/// The row that a running statement stands on; valid inside the closure that gets it only.
struct SQLRow {
    let handle: OpaquePointer

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func count(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func blob(_ column: Int32) -> [UInt8] {
        let bytes = sqlite3_column_blob(handle, column)
        let length = Int(sqlite3_column_bytes(handle, column))
        guard let bytes, length > 0 else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: length))
    }

    func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }
}
