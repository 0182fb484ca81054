internal import CSQLite

/// A copy of a database that is made beside the work on it: a few pages at a time, through the same connection.
///
/// What is committed meanwhile goes into the copy too, so that it holds the last commit before its end. It must end, or
/// be dropped, before the database is closed.
final class DatabaseBackup {
    /// Kept open until this has ended.
    private let source: Database
    /// Where the copy is.
    let path: String
    private let target: OpaquePointer
    private var backup: OpaquePointer?

    /// Makes the file (0600), which must not be there yet, and begins.
    init(of source: Database, at path: String) throws(StoreError) {
        try source.usable()
        try FileSystem.createFile(at: path)
        var handle: OpaquePointer?
        let code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let handle else {
            sqlite3_close_v2(handle)
            throw StoreError.from(
                sqlite: code, message: String(cString: sqlite3_errstr(code)), path: path, statement: "open")
        }
        // The copy is thrown away after a crash, so it needs neither a journal nor a flush of its own: the one at its
        // end is ours.
        sqlite3_exec(handle, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", nil, nil, nil)
        backup = sqlite3_backup_init(handle, "main", source.handle, "main")
        (self.source, self.path, target) = (source, path, handle)
        guard backup != nil else { throw failure(sqlite3_errcode(handle)) }
    }

    deinit {
        if let backup { sqlite3_backup_finish(backup) }
        sqlite3_close_v2(target)
    }

    /// Copies up to `pages` pages; outside a transaction. Returns whether all are copied: then the copy is whole, as of
    /// the last commit, and this has ended.
    ///
    /// `store_full` where there is no room for the copy. The database that is copied is unharmed by any error here.
    func step(pages: Int32) throws(StoreError) -> Bool {
        guard let backup else { return true }
        try source.usable()
        let code = sqlite3_backup_step(backup, pages)
        guard code == SQLITE_OK || code == SQLITE_DONE else { throw failure(code) }
        guard code == SQLITE_DONE else { return false }
        self.backup = nil
        let end = sqlite3_backup_finish(backup)
        guard end == SQLITE_OK else { throw failure(end) }
        return true
    }

    /// Pages still to be copied, and pages in all, as of the last step.
    var remaining: (pages: Int, of: Int) {
        guard let backup else { return (0, 0) }
        return (Int(sqlite3_backup_remaining(backup)), Int(sqlite3_backup_pagecount(backup)))
    }

    private func failure(_ code: Int32) -> StoreError {
        let message = String(cString: sqlite3_errstr(code))
        return StoreError.from(sqlite: code, message: message, path: path, statement: "copying the database")
    }
}
