/// All that one bolt keeps on disk: one directory, one database, one connection, one owner at a time.
///
/// Not `Sendable`: it lives in one actor or on one serial queue. Every call blocks for the disk.
public final class BoltStore {
    /// The locked directory.
    public let directory: StateDirectory
    /// Events of the roster.
    public let roster: RosterStore
    /// Runs that were not taken.
    public let quarantine: QuarantineStore
    /// Results of the envoys owned here.
    public let results: ResultStore
    /// What is known of those envoys.
    public let envoys: EnvoyRecordStore
    /// Small values under names.
    public let meta: MetaStore
    /// Whether this database still is the one life that its incarnation was drawn for.
    public private(set) var incarnation: IncarnationStatus<UInt64>

    let database: Database
    private let keeper: IncarnationKeeper

    /// The database's file in its directory.
    public static let fileName = "bolt.db"

    /// What `bolt.db` holds, and the steps to its present schema.
    static let kind = Database.Kind(
        name: "a bolt", applicationID: 0x424F_4C54,
        migrations: [
            Migration(name: "incarnation and meta", sql: IncarnationKeeper.schema + MetaStore.schema),
            Migration(name: "roster", sql: RosterStore.schema + QuarantineStore.schema),
            Migration(name: "results", sql: ResultStore.schema + EnvoyRecordStore.schema),
        ])

    /// Locks the directory, opens or makes the database, recovers it, migrates it, and looks whether it is a copy.
    ///
    /// Errors: `store_locked`, `store_permissions`, `store_foreign`, `store_newer_schema`, `store_corrupt`,
    /// `store_full`, `store_io`. Where `incarnation` then needs a renewal, call `renewIncarnation` before writing own
    /// events, and serve only after an exchange of contexts with a peer.
    public convenience init(path: String, environment: StoreEnvironment = .system) throws(StoreError) {
        try self.init(in: try StateDirectory(path: path), environment: environment)
    }

    /// The same in a directory that is locked already. Errors as above.
    public init(in directory: StateDirectory, environment: StoreEnvironment = .system) throws(StoreError) {
        self.directory = directory
        database = try Database.open(BoltStore.kind, in: directory, file: BoltStore.fileName, vfs: environment.vfs)
        keeper = IncarnationKeeper(
            database: database, file: directory.file("incarnation"), machine: environment.machine)
        (roster, quarantine) = (RosterStore(database: database), QuarantineStore(database: database))
        (results, envoys) = (ResultStore(database: database), EnvoyRecordStore(database: database))
        meta = MetaStore(database: database)
        switch try keeper.resume() {
        case .current(let bytes): incarnation = .current(bytes.reduce(0) { $0 << 8 | UInt64($1) })
        case .renewalNeeded(let doubt): incarnation = .renewalNeeded(doubt)
        }
    }

    /// Begins a new life of this database under a random incarnation that the caller drew; it must not be 0, which is
    /// the root's. Durable, in the database and beside it, when this returns. After a crash on the way the next start
    /// asks for a renewal again.
    public func renewIncarnation(to value: UInt64) throws(StoreError) {
        guard value != 0 else {
            throw StoreError(
                .internal, what: "renewing the incarnation", why: "0 is the root's", next: "draw another random number")
        }
        try keeper.renew(to: withUnsafeBytes(of: value.bigEndian) { Array($0) })
        incarnation = .current(value)
    }

    /// Runs `body` in one transaction with one flush: what any of the stores does in it is durable when this returns,
    /// and none of it when it throws. Calls may nest; an inner one that throws undoes its own part only.
    public func transaction<Value>(_ body: () throws(StoreError) -> Value) throws(StoreError) -> Value {
        try database.transaction(body)
    }

    /// Copies the write-ahead log back where it has grown to `StoreLimits.checkpointPages`. For a moment when nobody
    /// waits for an answer. Returns whether it did. A full disk is no error here: the log stays, a later call succeeds.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= StoreLimits.checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Copies the whole write-ahead log back and cuts it to nothing. For maintenance, never on the hot path.
    @discardableResult
    public func checkpoint() throws(StoreError) -> Bool { try database.checkpoint(truncating: true) }

    /// Reads everything: the file's structure, and each run and result against its checksum. `store_corrupt` with the
    /// first finding, which also ends this handle (D4).
    public func integrityCheck() throws(StoreError) {
        try database.integrityCheck()
        try roster.scan { _ throws(StoreError) in }
        try results.verify()
    }

    /// Cuts the log and ends the session, so that copies of the files taken before are told at the next start. The
    /// store is not to be used after it. Without this call, as after a crash, nothing is lost.
    public func close() throws(StoreError) {
        try keeper.endSession()
        try database.checkpoint(truncating: true)
    }
}
