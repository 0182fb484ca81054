internal import CSQLite

extension Database {
    /// Runs `body` and returns, beside its value, the net effect that it had on tables with a primary key, as a
    /// changeset of SQLite's session extension; empty where there was none. Only inside a transaction.
    func recordingChanges<Value>(
        _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> (value: Value, changes: [UInt8]) {
        try usable()
        var session: OpaquePointer?
        guard sqlite3session_create(handle, "main", &session) == SQLITE_OK, let session else {
            throw sessionFailure("recording changes", SQLITE_NOMEM)
        }
        defer { sqlite3session_delete(session) }
        // No table named: all of them.
        let attached = sqlite3session_attach(session, nil)
        guard attached == SQLITE_OK else { throw sessionFailure("recording changes", attached) }
        let value = try body()
        var length: Int32 = 0
        var bytes: UnsafeMutableRawPointer?
        let code = sqlite3session_changeset(session, &length, &bytes)
        defer { sqlite3_free(bytes) }
        guard code == SQLITE_OK else { throw sessionFailure("recording changes", code) }
        return (value, bytes.map { Array(UnsafeRawBufferPointer(start: $0, count: Int(length))) } ?? [])
    }

    /// Takes the changes of a changeset back. The tables must be just as they were after it, else `store_corrupt`, and
    /// the handle is poisoned. Only inside a transaction, which is to be given up when this throws.
    func undoChanges(_ changes: [UInt8]) throws(StoreError) {
        try usable()
        guard !changes.isEmpty else { return }
        var changes = changes
        let code = changes.withUnsafeMutableBytes { bytes in
            sqlite3changeset_apply_v2(
                handle, Int32(bytes.count), bytes.baseAddress, nil, { _, _, _ in SQLITE_CHANGESET_ABORT }, nil, nil,
                nil,
                SQLITE_CHANGESETAPPLY_INVERT)
        }
        switch code {
        case SQLITE_OK: return
        case SQLITE_ABORT: throw damage("the tables are not what the record to be undone left")
        case _: throw sessionFailure("undoing a record", code)
        }
    }

    /// The session extension returns its own code and leaves the connection's message as it was.
    private func sessionFailure(_ what: String, _ code: Int32) -> StoreError {
        let error = StoreError.from(
            sqlite: code, message: String(cString: sqlite3_errstr(code)), path: path, statement: what)
        if error.endsTheHandle { poison(with: error) }
        return error
    }
}
