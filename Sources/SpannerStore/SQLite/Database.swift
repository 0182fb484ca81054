internal import CSQLite

/// One SQLite database through its C interface: exactly one connection, used by one owner at a time.
///
/// WAL with synchronous=FULL: when a transaction returns, it is on the disk (D1). After an I/O error or damage the
/// handle is poisoned and every later call throws (D2): what the kernel's cache then holds is not to be trusted, so the
/// file must be opened anew. A full disk is neither: the transaction is rolled back and the handle goes on.
final class Database {
    /// What the database holds and how it is told from others.
    struct Kind {
        /// For messages: "roster and results".
        let name: String
        /// SQLite's application id.
        let applicationID: Int32
        /// Steps from nothing to the present schema; the schema's number is how many were taken.
        let migrations: [Migration]
    }

    /// The file.
    let path: String
    let handle: OpaquePointer
    /// Locked for as long as the file is open; nil for a file that stands aside, which its name alone keeps apart.
    private let directory: StateDirectory?
    private var statements: [String: OpaquePointer] = [:]
    private var poison: StoreError?
    private var depth = 0
    /// Why the transaction that is open can only be rolled back, though the caller may have caught the error.
    private var doomed: StoreError?
    private var isClosed = false
    /// Whether transactions within the present one are part of it, without savepoints of their own.
    private var isWhole = false
    /// Pages in the write-ahead log after the last commit; written by SQLite's hook.
    private let walPages: UnsafeMutablePointer<Int32>

    /// Takes over an open connection; `Database.open` makes it.
    init(path: String, handle: OpaquePointer, in directory: StateDirectory?) {
        (self.path, self.handle, self.directory) = (path, handle, directory)
        walPages = .allocate(capacity: 1)
        walPages.initialize(to: 0)
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                context?.assumingMemoryBound(to: Int32.self).pointee = pages
                return SQLITE_OK
            }, walPages)
    }

    deinit {
        for statement in statements.values { sqlite3_finalize(statement) }
        if !isClosed { sqlite3_close_v2(handle) }
        walPages.deallocate()
    }

    /// Ends the connection now, its log copied back and removed, so that the file alone is the database. Every later
    /// call throws `store_poisoned`. Throws where something still reads through it, such as a backup: it stays open.
    func close() throws(StoreError) {
        for statement in statements.values { sqlite3_finalize(statement) }
        statements.removeAll()
        guard !isClosed else { return }
        guard sqlite3_close(handle) == SQLITE_OK else { throw failure("close") }
        isClosed = true
        poison =
            poison
            ?? StoreError(
                .poisoned, what: "using \(path)", why: "it was closed", next: "open it again")
    }

    /// Pages in the write-ahead log after the last commit.
    var walPageCount: Int32 { walPages.pointee }

    // MARK: Statements

    /// Runs a statement that returns no rows. Returns how many rows it changed.
    @discardableResult
    func run(_ sql: String, _ values: SQLValue...) throws(StoreError) -> Int {
        try step(sql, values) { _ throws(StoreError) in true }
        return Int(sqlite3_changes(handle))
    }

    /// The rows of a statement, in its order; each statement bounds their number itself.
    func rows<Value>(
        _ sql: String, _ values: SQLValue..., read: (SQLRow) throws(StoreError) -> Value
    ) throws(StoreError) -> [Value] {
        var result: [Value] = []
        try step(sql, values) { row throws(StoreError) in
            result.append(try read(row))
            return true
        }
        return result
    }

    /// The first row of a statement, if it has any.
    func first<Value>(
        _ sql: String, _ values: SQLValue..., read: (SQLRow) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        var result: Value?
        try step(sql, values) { row throws(StoreError) in
            result = try read(row)
            return false
        }
        return result
    }

    /// Visits rows, one in memory at a time, until `visit` returns false. It must not run the same statement again.
    func each(
        _ sql: String, _ values: SQLValue..., visit: (SQLRow) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try step(sql, values, visit)
    }

    /// Runs SQL text of our own with no parameters: settings, schema.
    func execute(_ sql: String) throws(StoreError) {
        try usable()
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(sql) }
    }

    private func step(
        _ sql: String, _ values: [SQLValue], _ visit: (SQLRow) throws(StoreError) -> Bool
    ) throws(StoreError) {
        try usable()
        let statement = try prepared(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            guard bind(value, to: statement, at: Int32(index + 1)) == SQLITE_OK else { throw failure(sql) }
        }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: if try !visit(SQLRow(handle: statement)) { return }
            case SQLITE_DONE: return
            case _: throw failure(sql)
            }
        }
    }

    private func prepared(_ sql: String) throws(StoreError) -> OpaquePointer {
        if let statement = statements[sql] { return statement }
        if statements.count >= StoreLimits.statementsMax {
            for statement in statements.values { sqlite3_finalize(statement) }
            statements.removeAll()
        }
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw failure(sql) }
        statements[sql] = statement
        return statement
    }

    private func bind(_ value: SQLValue, to statement: OpaquePointer, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(statement, index)
        case .integer(let integer): return sqlite3_bind_int64(statement, index, integer)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    guard let start = $0.baseAddress else { return bolt_sqlite3_bind_text(statement, index, "", 0) }
                    return bolt_sqlite3_bind_text(statement, index, start, Int32($0.count))
                }
            }
        case .blob(let bytes):
            return bytes.withUnsafeBytes {
                bolt_sqlite3_bind_blob(statement, index, $0.baseAddress, Int32($0.count))
            }
        }
    }

    // MARK: Transactions

    /// Whether a transaction is open.
    var inTransaction: Bool { depth > 0 }

    /// Runs `body` in one transaction: all of it is durable when this returns, nothing of it when it throws.
    ///
    /// Inside another transaction it is a savepoint: its own changes go when it throws, and the outer one decides about
    /// the rest. Where SQLite itself had to roll everything back (full disk, I/O), the outer transaction throws too,
    /// though its body may have caught the inner error.
    func transaction<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        if depth == 0 { return try outermost(body) }
        return isWhole ? try body() : try nested(body)
    }

    /// The same, all or nothing: transactions within it are no savepoints, which copy each page that they change. A
    /// body that catches an error of one of them has to throw it on. Not inside another transaction.
    func wholeTransaction<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        isWhole = true
        defer { isWhole = false }
        return try outermost(body)
    }

    private func outermost<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        try run("BEGIN IMMEDIATE")
        (depth, doomed) = (1, nil)
        let value: Value
        do throws(StoreError) {
            value = try body()
            if let doomed { throw doomed }
            try run("COMMIT")
        } catch {
            depth = 0
            rollBack("ROLLBACK")
            throw error
        }
        depth = 0
        if walPageCount >= StoreLimits.walPagesMax { bound() }
        return value
    }

    private func nested<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        let name = "s\(depth)"
        try run("SAVEPOINT \(name)")
        depth += 1
        defer { depth -= 1 }
        do throws(StoreError) {
            let value = try body()
            if let doomed { throw doomed }
            try run("RELEASE \(name)")
            return value
        } catch {
            rollBack("ROLLBACK TO \(name)")
            rollBack("RELEASE \(name)")
            if sqlite3_get_autocommit(handle) != 0 { doomed = doomed ?? error }
            throw error
        }
    }

    /// Undoes; where SQLite has already done so, or can't, there is nothing to undo: nothing was committed.
    private func rollBack(_ sql: String) {
        guard sqlite3_get_autocommit(handle) == 0 else { return }
        if sqlite3_exec(handle, sql, nil, nil, nil) != SQLITE_OK { doomed = doomed ?? failure(sql) }
    }

    // MARK: Checkpoints and checks

    /// Copies the write-ahead log back into the database. Returns false where the disk had no room for it: the log
    /// stays, nothing is lost, and a later call can succeed. Must not be called inside a transaction.
    @discardableResult
    func checkpoint(truncating: Bool) throws(StoreError) -> Bool {
        try usable()
        let mode = truncating ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, nil, nil)
        guard code == SQLITE_OK else {
            let error = failure("checkpoint")
            if error.code == .full { return false }
            throw error
        }
        walPages.pointee = 0
        return true
    }

    /// Waits until the write-ahead log is on the disk as it is now, also where it was just emptied: SQLite flushes it
    /// with the next commit only.
    func flushLog() throws(StoreError) {
        try usable()
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK else {
            throw failure("flushing the log")
        }
        guard let file, let flush = file.pointee.pMethods?.pointee.xSync else { return }
        let code = flush(file, SQLITE_SYNC_NORMAL)
        guard code == SQLITE_OK else {
            let error = StoreError.from(
                sqlite: code, message: String(cString: sqlite3_errstr(code)), path: path, statement: "flushing the log")
            poison(with: error)
            throw error
        }
    }

    /// The last resort against a log that nobody checkpoints. The commit before it is durable whatever happens here; an
    /// I/O error poisons the handle for the next call.
    private func bound() {
        do throws(StoreError) {
            try checkpoint(truncating: false)
        } catch {
            poison = poison ?? error
        }
    }

    /// Throws `store_corrupt` with SQLite's first finding. Reads the whole file.
    func integrityCheck() throws(StoreError) {
        let findings = try rows("PRAGMA integrity_check(10)") { row throws(StoreError) in row.text(0) }
        guard findings == ["ok"] else { throw damage(findings.first ?? "integrity_check said nothing") }
        let orphans = try rows("PRAGMA foreign_key_check") { row throws(StoreError) in row.text(0) }
        guard orphans.isEmpty else { throw damage("rows of \(orphans[0]) refer to rows that are not there") }
    }

    /// An error about stored bytes that are not what was written; poisons the handle.
    func damage(_ finding: String) -> StoreError {
        let error = StoreError(
            .corrupt, what: "reading \(path)", why: finding,
            next: "stop serving from this disk; restore it, or remove the state directory and join anew")
        poison = poison ?? error
        return error
    }

    // MARK: Errors

    /// Ends the handle for every later call; the first reason stays.
    func poison(with error: StoreError) { poison = poison ?? error }

    func usable() throws(StoreError) {
        guard let poison else { return }
        throw StoreError(
            .poisoned, what: "using \(path)", why: "an earlier call failed: \(poison.why) [\(poison.code.rawValue)]",
            next: "close it and open it again; until then take nothing for durable", detail: poison.detail)
    }

    func failure(_ sql: String, fileID: String = #fileID, line: UInt = #line) -> StoreError {
        let code = sqlite3_extended_errcode(handle)
        let message = String(cString: sqlite3_errmsg(handle))
        let error = StoreError.from(
            sqlite: code, message: message, path: path, statement: sql, fileID: fileID, line: line)
        if error.endsTheHandle, poison == nil { poison = error }
        return error
    }
}
