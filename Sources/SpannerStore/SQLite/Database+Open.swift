internal import CSQLite

extension Database {
    /// Opens or makes the database of this kind in a locked directory, which stays locked until the database is closed.
    ///
    /// The connection holds the file exclusively, so that no second program writes to or checkpoints it, and no shared
    /// memory file exists. Recovery after a crash happens here. Asserts that the settings on which durability rests
    /// took. Errors: `store_locked`, `store_foreign`, `store_newer_schema`, `store_corrupt`, `store_io`,
    /// `store_permissions`; a file is left as it was, apart from recovery.
    static func open(
        _ kind: Kind, in directory: StateDirectory, file: String, vfs: String? = nil
    ) throws(StoreError) -> Database {
        try open(kind, at: directory.file(file), locked: directory, vfs: vfs)
    }

    /// Opens or makes a file that stands aside of the databases in use, such as a snapshot; nobody else knows its name.
    static func openAside(_ kind: Kind, at path: String) throws(StoreError) -> Database {
        try open(kind, at: path, locked: nil, vfs: nil)
    }

    private static func open(
        _ kind: Kind, at path: String, locked directory: StateDirectory?, vfs: String?
    ) throws(StoreError) -> Database {
        try FileSystem.createFile(at: path)
        if vfs == nil { try WriteAheadLog.inspect(path + "-wal") }
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &handle, flags, vfs)
        guard code == SQLITE_OK, let handle else {
            let message = String(cString: sqlite3_errstr(code))
            sqlite3_close_v2(handle)
            throw StoreError.from(sqlite: code, message: message, path: path, statement: "open")
        }
        let database = Database(path: path, handle: handle, in: directory)
        guard bolt_sqlite3_harden(handle) == SQLITE_OK else { throw database.unset("defensive") }
        try database.configure()
        try database.migrate(to: kind)
        // A flush that failed in an earlier life may have left pages in the system's cache that look written and never
        // will be. What was recovered from the log is written anew here, before anything is built upon it.
        // The old log must not come back in part after a power cut: it would be played over what is newer.
        if try database.checkpoint(truncating: true) { try database.flushLog() }
        // SQLite does not wait for the removal of the rollback journal under which it turned the log on. Should that
        // come back after a power cut, it would roll the whole database back to nothing.
        try FileSystem.synchronise(parentOf: path)
        return database
    }

    private func configure() throws(StoreError) {
        try execute("PRAGMA busy_timeout = 0")
        // Exclusive before the log is first touched: its index then lives in memory, with no file to map and no SIGBUS
        // when the disk fills.
        try execute("PRAGMA locking_mode = EXCLUSIVE")
        try expect("journal_mode = WAL", "wal")
        try execute("PRAGMA synchronous = FULL")
        try expect("synchronous", "2")
        try expect("locking_mode", "exclusive")
        try execute("PRAGMA foreign_keys = ON")
        try expect("foreign_keys", "1")
        try execute("PRAGMA cell_size_check = ON")
        try execute("PRAGMA temp_store = MEMORY")
        try execute("PRAGMA mmap_size = 0")
        try execute("PRAGMA cache_size = -\(StoreLimits.cacheKiB)")
        // No `wal_autocheckpoint`: setting it would replace the hook that counts pages, whose presence already means
        // that SQLite starts no checkpoint by itself.
    }

    private func expect(_ pragma: String, _ value: String) throws(StoreError) {
        let actual = try first("PRAGMA \(pragma)") { row throws(StoreError) in row.text(0) }
        guard actual == value else { throw unset("\(pragma) is \(actual ?? "nothing"), not \(value)") }
    }

    private func unset(_ what: String) -> StoreError {
        StoreError(
            .internal, what: "opening \(path)", why: "SQLite did not take a setting: \(what)",
            next: "use a file system and a build of SQLite that support write-ahead logging")
    }
}
