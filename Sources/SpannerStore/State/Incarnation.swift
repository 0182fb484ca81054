internal import CRDT

/// Whether a database still is the one life that its incarnation was drawn for.
public enum IncarnationStatus<Value: Sendable & Equatable>: Sendable, Equatable {
    /// It is: go on as this incarnation.
    case current(Value)
    /// It is not, or can't be told: draw a new random incarnation and call `renewIncarnation` before writing anything
    /// under one.
    case renewalNeeded(IncarnationDoubt)
}

/// Why a new incarnation is needed.
public enum IncarnationDoubt: String, Sendable, CaseIterable {
    /// The database is new.
    case fresh
    /// The incarnation file beside the database is not there.
    case fileMissing = "file_missing"
    /// The incarnation file can't be read as one.
    case fileUnreadable = "file_unreadable"
    /// File and database are of different lives or sessions: one of them is an older copy.
    case mismatch
    /// The incarnation file is a copy: another inode, or changed since the database recorded it.
    case fileCopied = "file_copied"
    /// The database is a copy: another inode than it recorded of itself.
    case databaseCopied = "database_copied"
    /// The machine is another one.
    case otherMachine = "other_machine"
}

/// Keeps the pair of file and row from which a restored, copied or swapped database is told (R7).
///
/// The incarnation and a session number, one higher at each opening and each clean close, are in a file beside the
/// database and in a row within it. The row also has the inode and change time of that file and the inode of the
/// database, which no tool that copies files can carry over, and the machine's id.
///
/// So these are found: a restored or swapped database, a restored or lost file, a copy of the whole directory to
/// another place or over itself, the disk of a virtual machine cloned with a new machine id. These are not, and are
/// left to the exchange of contexts with peers: a snapshot of the block device put back under the same machine, and a
/// database overwritten in place, after a crash, by a copy taken in that same session.
struct IncarnationKeeper {
    let database: Database
    /// Path of the file beside the database.
    let file: String
    /// The machine's id; nil where it has none, and then it is not compared.
    let machine: String?

    static let schema = """
        CREATE TABLE incarnation(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            value BLOB NOT NULL,
            session INTEGER NOT NULL,
            pending INTEGER,
            file_inode INTEGER NOT NULL,
            file_changed_s INTEGER NOT NULL,
            file_changed_ns INTEGER NOT NULL,
            database_inode INTEGER NOT NULL,
            machine TEXT
        ) STRICT;
        """

    private struct Row {
        var value: [UInt8]
        var session: UInt64
        var pending: UInt64?
        var file: FileSystem.Identity
        var databaseInode: UInt64
        var machine: String?
    }

    /// The incarnation of record, once it is sure that this is its life, with a session begun. Writes nothing where
    /// it is not.
    func resume() throws(StoreError) -> IncarnationStatus<[UInt8]> {
        guard let row = try recorded() else { return .renewalNeeded(.fresh) }
        if let doubt = try doubt(about: row) { return .renewalNeeded(doubt) }
        try beginSession(above: row.session, of: row.value)
        return .current(row.value)
    }

    /// Begins a new life. A crash on the way leaves a pair that does not match, so that the next start renews again.
    func renew(to value: [UInt8]) throws(StoreError) {
        try prepare(value)
        try renew(toPrepared: value)
    }

    /// Writes a new life down beside the one that goes on, which is how much room it needs on a disk; nothing changes.
    func prepare(_ value: [UInt8]) throws(StoreError) {
        try FileSystem.writeBeside(file, text(value, session: nextSession()))
    }

    /// Begins the life that was prepared last.
    func renew(toPrepared value: [UInt8]) throws(StoreError) {
        let session = try nextSession()
        try FileSystem.replaceByBeside(file)
        try record(value, session: session)
    }

    private func nextSession() throws(StoreError) -> UInt64 { (try recorded()?.session ?? 0) + 1 }

    /// One session further: at each opening, and at a clean close, so that a copy taken before is found.
    ///
    /// Announced in the row first: a crash before the row is final leaves a file that the announcement explains.
    private func beginSession(above session: UInt64, of value: [UInt8]) throws(StoreError) {
        try database.run("UPDATE incarnation SET pending = ?1", .count(session + 1))
        try FileSystem.replace(file, with: text(value, session: session + 1))
        try record(value, session: session + 1)
    }

    /// Ends the session cleanly.
    func endSession() throws(StoreError) {
        guard let row = try recorded() else { return }
        try beginSession(above: row.session, of: row.value)
    }

    /// Writes this life into a database that is about to take this one's place: it keeps its inode when it is renamed.
    func carry(to other: IncarnationKeeper) throws(StoreError) {
        try other.database.run("DELETE FROM incarnation")
        guard let row = try recorded() else { return }
        try other.record(row.value, session: row.session)
    }

    private func doubt(about row: Row) throws(StoreError) -> IncarnationDoubt? {
        guard let content = try FileSystem.read(file) else { return .fileMissing }
        guard let (value, session) = IncarnationKeeper.parse(content) else { return .fileUnreadable }
        guard value == row.value else { return .mismatch }
        if let recorded = row.machine, let machine, recorded != machine { return .otherMachine }
        guard try FileSystem.identity(of: database.path).inode == row.databaseInode else { return .databaseCopied }
        // A crash between the file and the row: the file is the announced one, whose identity nobody wrote down yet.
        if let pending = row.pending, session == pending { return nil }
        guard session == row.session else { return .mismatch }
        return same(try FileSystem.identity(of: file), row.file) ? nil : .fileCopied
    }

    /// Some file systems drop the fraction of a second once the inode left the cache.
    private func same(_ actual: FileSystem.Identity, _ recorded: FileSystem.Identity) -> Bool {
        actual.inode == recorded.inode && actual.changedSeconds == recorded.changedSeconds
            && (actual.changedNanoseconds == recorded.changedNanoseconds || actual.changedNanoseconds == 0)
    }

    private func recorded() throws(StoreError) -> Row? {
        try database.first(
            """
            SELECT value, session, pending, file_inode, file_changed_s, file_changed_ns, database_inode, machine
            FROM incarnation
            """
        ) { row throws(StoreError) in
            Row(
                value: row.blob(0), session: row.count(1), pending: row.isNull(2) ? nil : row.count(2),
                file: FileSystem.Identity(
                    inode: row.count(3), changedSeconds: row.integer(4), changedNanoseconds: row.integer(5)),
                databaseInode: row.count(6), machine: row.isNull(7) ? nil : row.text(7))
        }
    }

    private func record(_ value: [UInt8], session: UInt64) throws(StoreError) {
        let identity = try FileSystem.identity(of: file)
        try database.run(
            "INSERT OR REPLACE INTO incarnation VALUES (1, ?1, ?2, NULL, ?3, ?4, ?5, ?6, ?7)",
            .blob(value), .count(session), .integer(Int64(bitPattern: identity.inode)),
            .integer(identity.changedSeconds), .integer(identity.changedNanoseconds),
            .integer(Int64(bitPattern: try FileSystem.identity(of: database.path).inode)),
            machine.map(SQLValue.text) ?? .null)
    }

    // MARK: The file: three lines, version, value, session

    private func text(_ value: [UInt8], session: UInt64) -> [UInt8] {
        Array("bolt-incarnation 1\n\(value.hexDigits)\n\(session)\n".utf8)
    }

    /// The incarnation that a file names; nil where it names none.
    static func value(in file: String) -> [UInt8]? {
        guard let content = try? FileSystem.read(file) else { return nil }
        return parse(content)?.value
    }

    private static func parse(_ content: [UInt8]) -> (value: [UInt8], session: UInt64)? {
        let lines = String(decoding: content, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 4, lines[0] == "bolt-incarnation 1", lines[3].isEmpty else { return nil }
        guard let value = [UInt8](hexDigits: lines[1]), let session = UInt64(lines[2]) else { return nil }
        return (value, session)
    }
}

/// Facts of the machine that a test replaces.
public struct StoreEnvironment: Sendable {
    /// The machine's id; nil where it has none.
    public var machine: String?
    /// The registered layer through which SQLite reaches its files; nil for the system's own.
    public var vfs: String?

    /// An environment as a test wants it.
    public init(machine: String?, vfs: String? = nil) { (self.machine, self.vfs) = (machine, vfs) }

    /// This machine's: the content of `/etc/machine-id`.
    public static var system: StoreEnvironment {
        let content = try? FileSystem.read("/etc/machine-id")
        let id = content.map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) }
        return StoreEnvironment(machine: id.flatMap { $0.isEmpty ? nil : $0 })
    }
}
