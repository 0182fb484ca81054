internal import CRDT
public import Spanner

/// All that one disk holds of a partition: its journal, the tables that the journal makes, and what this disk promised.
/// One database of its own, one connection, one owner at a time.
///
/// Not `Sendable`: it lives in one actor or on one serial queue. Every call blocks for the disk. When `commit` returns,
/// what it wrote is durable (D1); after an I/O error or damage every later call throws `store_poisoned` (D2, D4).
public final class PartitionStore {
    /// Which partition.
    public let identity: PartitionIdentity
    /// What the journal made; replaced when a snapshot is installed, so not to be kept.
    public private(set) var tables: PartitionTables
    /// Whether this database still is the life that its incarnation was drawn for. Where it is not, it may have
    /// forgotten what it promised: the disk is another member of the partition, under an incarnation never used before.
    public internal(set) var disk: IncarnationStatus<UInt64>

    let directory: StateDirectory
    let environment: StoreEnvironment
    let witness: any Witness
    let chain: JournalChain
    private(set) var database: Database
    /// Called between the steps of an installation, with their names: for tests that crash there.
    var onStep: (String) -> Void = { _ in }

    /// What `partition.db` holds, and the steps to its present schema.
    static let kind = Database.Kind(
        name: "a partition", applicationID: 0x424F_4C50,
        migrations: [
            Migration(name: "incarnation", sql: IncarnationKeeper.schema),
            Migration(
                name: "journal",
                sql: PartitionState.schema + JournalTable.schema + ControlTable.schema + SalvageTable.schema),
            Migration(name: "tables", sql: PartitionTables.schema),
            Migration(name: "slices", sql: SliceTables.schema),
            Migration(name: "policy", sql: PolicyTables.schema),
            Migration(name: "terms of leaves", sql: PolicyTables.termsSchema),
        ])
    static let fileName = "partition.db"

    /// Opens or makes the partition's database in a directory that is locked already, recovers it, and looks whether it
    /// is a copy and whether it is whole at its end.
    ///
    /// Errors: those of `BoltStore.init`; `store_foreign` also for the database of another partition or mesh.
    public init(
        directory: StateDirectory, identity: PartitionIdentity, witness: any Witness,
        environment: StoreEnvironment = .system
    ) throws(StoreError) {
        (self.directory, self.identity, self.environment) = (directory, identity, environment)
        (self.witness, chain) = (witness, JournalChain(witness: witness))
        for name in PartitionStore.asideNames { try FileSystem.remove(directory.file(name)) }
        try PartitionStore.removeStandIn(in: directory)
        database = try Database.open(
            PartitionStore.kind, in: directory, file: PartitionStore.fileName, vfs: environment.vfs)
        tables = PartitionTables(database: database, witness: witness)
        disk = .renewalNeeded(.fresh)
        try begin()
        switch try keeper(of: database).resume() {
        case .current(let bytes): disk = .current(bytes.reduce(0) { $0 << 8 | UInt64($1) })
        case .renewalNeeded(let doubt): disk = .renewalNeeded(doubt)
        }
    }

    /// Begins a new life of this disk under an incarnation that no member of the partition ever had; never 0. The disk
    /// is forgetful then; what it promised before stays promised. Durable when this returns.
    public func renewDisk(to incarnation: UInt64) throws(StoreError) {
        guard incarnation != 0 else {
            throw StoreError(
                .internal, what: "renewing the partition's disk", why: "0 is nobody's incarnation",
                next: "draw another random number")
        }
        try database.transaction { () throws(StoreError) in
            var state = try state()
            state.isForgetful = true
            try state.save(to: database)
        }
        try keeper(of: database).renew(to: withUnsafeBytes(of: incarnation.bigEndian) { Array($0) })
        disk = .current(incarnation)
    }

    /// Disk kept back for a full one, in the same directory.
    public var reserve: ReserveFile { directory.reserve }

    func keeper(of database: Database) -> IncarnationKeeper {
        IncarnationKeeper(
            database: database, file: directory.file("partition-incarnation"), machine: environment.machine)
    }

    /// Makes the state of a new database; of an old one, checks that it is this partition's and whole at its end.
    private func begin() throws(StoreError) {
        guard let state = try PartitionState.load(from: database) else {
            let genesis = chain.genesis(mesh: identity.mesh, partition: identity.partition.text)
            return try PartitionState(identity: identity, genesis: genesis).save(to: database)
        }
        guard state.mesh == identity.mesh.bytes, state.partition == identity.partition.text else {
            throw StoreError(
                .foreign, what: "opening \(database.path)",
                why: "it is of partition \(state.partition) of mesh \(state.mesh.shortHex), not of \(identity)",
                next: "point the configuration at the right directory")
        }
        try JournalInspection(database: database, chain: chain).checkEnds(of: state)
    }

    /// The row of state. `store_corrupt` where there is none: it was made when the database was.
    func state() throws(StoreError) -> PartitionState {
        guard let state = try PartitionState.load(from: database) else {
            throw database.damage("the state of the journal is gone")
        }
        return state
    }

    // MARK: Writing

    /// Does all that `write` says in one transaction with one flush, or nothing of it. Returns, for each record, what
    /// became of its commands; none for a record about replication. Durable when this returns.
    ///
    /// Errors, each with nothing written: `store_fenced` where another promise is in force than the write's fence (P2),
    /// `store_mismatch` where a record, a cut or a position does not follow what is held, `store_full` (the same call
    /// works once there is room), `store_newer_schema` for a command that this version does not know,
    /// `store_too_large`; and those that end the handle.
    @discardableResult
    public func commit(_ write: PartitionWrite) throws(StoreError) -> [[JournaledOutcome]] {
        guard write.records.count <= StoreLimits.recordsPerCommitMax else {
            throw StoreError(
                .tooLarge, what: "writing \(write.records.count) records",
                why: "the limit is \(StoreLimits.recordsPerCommitMax)", next: "write fewer at once")
        }
        #if FAULT_POINTS
        FaultPoint.reach(before: write)
        #endif
        let outcomes: [[JournaledOutcome]]
        do throws(StoreError) {
            outcomes = try database.wholeTransaction { () throws(StoreError) in try perform(write, isCareful: false) }
        } catch {
            // Hardly ever: one of the commands is at fault. The others are applied without it.
            guard error.isAboutTheCommand else { throw error }
            outcomes = try database.transaction { () throws(StoreError) in try perform(write, isCareful: true) }
        }
        #if FAULT_POINTS
        FaultPoint.reach(after: write)
        #endif
        return outcomes
    }

    private func perform(_ write: PartitionWrite, isCareful: Bool) throws(StoreError) -> [[JournaledOutcome]] {
        var transaction = PartitionTransaction(
            database: database, chain: chain, tables: tables, isCareful: isCareful, state: try state())
        return try transaction.perform(write)
    }

    // MARK: Upkeep

    /// Copies the write-ahead log back where it has grown to `StoreLimits.checkpointPages`. For a moment when nobody
    /// waits for an answer. Returns whether it did. A full disk is no error here.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= StoreLimits.checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Cuts the log and ends the session, so that copies of the files taken before are told at the next start. The
    /// store is not to be used after it. Without this call, as after a crash, nothing is lost.
    public func close() throws(StoreError) {
        try keeper(of: database).endSession()
        try database.checkpoint(truncating: true)
    }

    /// Closes the present database; every call throws until `reopen`.
    func closeDatabase() throws(StoreError) { try database.close() }

    /// Opens what stands under the database's name now.
    func reopen() throws(StoreError) {
        database = try Database.open(
            PartitionStore.kind, in: directory, file: PartitionStore.fileName, vfs: environment.vfs)
        tables = PartitionTables(database: database, witness: witness)
        try begin()
    }
}

/// What one command of a journal did to the tables. Not kept: whoever asked for the command is told it.
public enum JournaledOutcome: Sendable {
    /// It took effect, or found its work done. For results: what was stored.
    case applied(ResultReceipt?)
    /// Every member refuses it alike, for this reason: it changed nothing, though it is in the journal.
    case refused(StoreError)
}
