internal import CSQLite

extension StoreError {
    /// What one of SQLite's extended result codes means to the caller.
    static func from(
        sqlite extended: Int32, message: String, path: String, statement: String,
        fileID: String = #fileID, line: UInt = #line
    ) -> StoreError {
        let what = "\(statement.prefix(60)) on \(path)"
        let why = "SQLite \(extended): \(message)"
        func make(_ code: Code, changed: Bool = false, _ next: String) -> StoreError {
            StoreError(
                code, what: what, why: why, stateChanged: changed, next: next, detail: .sqlite(extended),
                fileID: fileID, line: line)
        }
        switch extended & 0xFF {
        case SQLITE_FULL: return make(.full, "make room on the disk; the same call then works")
        case SQLITE_BUSY, SQLITE_LOCKED:
            return make(.locked, "end the other program that has the database open; nothing but this may open it")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return make(
                .corrupt, "stop serving from this disk; restore it, or remove the state directory and join anew")
        case SQLITE_IOERR, SQLITE_PROTOCOL:
            return make(
                .inputOutput, changed: true, "check the disk, then start again: what is durable shows on opening")
        case SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH:
            return make(.permissions, "give this user read and write access to the file and its directory")
        case SQLITE_TOOBIG: return make(.tooLarge, "send less at once")
        case SQLITE_NOMEM: return make(.full, "free memory; the same call then works")
        case _: return make(.internal, "report this; the store refused a statement of its own")
        }
    }
}
