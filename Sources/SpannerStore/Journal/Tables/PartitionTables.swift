internal import CRDT
internal import Spanner

/// What a partition's journal makes: results, envoys, spent tokens, settings, sealed secrets, audit.
///
/// The same tables and the same command at the same place give the same tables on each member: nothing here reads a
/// clock, draws a number, or keeps in memory what a rolled back transaction would leave behind. Each table has a
/// primary key and no `AUTOINCREMENT`, so that what a record changed can be taken back whole.
public final class PartitionTables {
    /// Results of the partition's envoys.
    public let results: ResultStore
    /// When they were last seen, and their traits.
    public let envoys: EnvoyRecordStore
    /// One-shot tokens that are spent.
    public let tokens: SpentTokenTable
    /// Settings of the partition.
    public let settings: NamedValueTable
    /// Secrets, sealed by the vault.
    public let secrets: NamedValueTable
    /// The vault's keyring, under the name `keyring`.
    public let keyrings: NamedValueTable
    /// Who did what, and why.
    public let audit: AuditTable
    /// Slices: who is in which, and their handoffs.
    public let slices: SliceTables
    /// The partition's policy, and who was given it.
    public let policy: PolicyTables

    private let database: Database
    private let witness: any Witness

    static let schema =
        ResultStore.schema + EnvoyRecordStore.schema + SpentTokenTable.schema + AuditTable.schema
        + NamedValueTable.schema("setting") + NamedValueTable.schema("secret") + NamedValueTable.schema("keyring")

    init(database: Database, witness: any Witness) {
        (self.database, self.witness) = (database, witness)
        (results, envoys) = (ResultStore(database: database), EnvoyRecordStore(database: database))
        (tokens, audit) = (SpentTokenTable(database: database), AuditTable(database: database, witness: witness))
        slices = SliceTables(database: database, witness: witness)
        policy = PolicyTables(database: database, witness: witness)
        settings = NamedValueTable(database: database, table: "setting", owner: 11)
        secrets = NamedValueTable(database: database, table: "secret", owner: 12)
        keyrings = NamedValueTable(database: database, table: "keyring", owner: 13)
    }

    // MARK: Commands

    /// Changes the tables as a command says; what was stored, for results. An error about the command itself
    /// (`store_gap`, `store_conflict`, ...) is the same on every member. `store_newer_schema` for bytes that are no
    /// command known here.
    func apply(_ bytes: [UInt8], at point: LogPoint, index: Int) throws(StoreError) -> ResultReceipt? {
        guard let command = PartitionTables.decode(bytes) else {
            throw StoreError(
                .newerSchema, what: "applying command \(index) of record \(point.position)",
                why: "this version knows no such command", next: "run the version that the primary runs, or a newer one"
            )
        }
        return try apply(command, at: point, index: index, undo: nil)
    }

    /// The same of a command that was read already. With a log it says how what it changes is taken back, where it is
    /// one of those that can.
    func apply(
        _ command: PartitionCommand, at point: LogPoint, index: Int, undo: UndoLog?
    ) throws(StoreError) -> ResultReceipt? {
        switch command {
        case .results(let batch):
            return try results.append(
                batch.results, queue: batch.source.queue, envoy: batch.source.envoy, received: batch.received,
                undo: undo)
        case .seen(let sightings):
            try envoys.upsert(
                sightings.map { sighting in
                    EnvoyRecord(
                        envoy: sighting.envoy, lastSeen: sighting.at,
                        traits: sighting.traits.map { .init(digest: witness.hash($0), document: $0) })
                }, undo: undo)
        case .base(let source, let through, let reason, let at):
            try results.recordBase(
                queue: source.queue, envoy: source.envoy, through: through, reason: reason, at: at)
        case .tokenSpent(let token, let key, let admission, let at):
            try tokens.spend(SpentToken(token: token, key: key, admission: admission, at: at))
        case .setting(let name, let value): try settings.set(name, to: value, at: point.position)
        case .secret(let name, let sealed): try secrets.set(name, to: sealed, at: point.position)
        case .keyring(let bytes): try keyrings.set("keyring", to: bytes, at: point.position)
        case .audit(let entry): try audit.append(entry, at: point.position)
        case .skip: break
        case .placed(let placements): try slices.place(placements)
        case .handoffSource(let record): try slices.apply(record, at: point)
        case .handoffTarget(let record): try slices.apply(record, at: point, results: results)
        case .sliceCollected(let id, let count): try slices.collect(id, envoys: count, results: results)
        case .task(let part): try slices.store(part)
        case .remainsGone(let placement): try slices.remove(placement, results: results)
        case .policy(let change): try policy.apply(change, at: point)
        }
        return nil
    }

    static func decode(_ bytes: [UInt8]) -> PartitionCommand? {
        var decoder = CanonicalDecoder(bytes)
        guard let command = try? PartitionCommand(from: &decoder), decoder.remaining == 0 else { return nil }
        return command
    }

    /// One line for people about a command that was cut off; no secret and no result's content.
    func describe(_ bytes: [UInt8]) -> String {
        guard let command = PartitionTables.decode(bytes) else { return "a command of another version" }
        switch command {
        case .results(let batch):
            let (first, last) = (batch.results.first?.sequence ?? 0, batch.results.last?.sequence ?? 0)
            return "results \(first) to \(last) of envoy \(batch.source.envoy), queue \(batch.source.queue)"
        case .seen(let sightings): return "check-ins of \(sightings.count) envoys"
        case .base(let source, let through, let reason, _):
            return "base through \(through) of envoy \(source.envoy): \(reason)"
        case .tokenSpent(let token, _, _, _): return "token \(token) spent"
        case .setting(let name, let value): return "setting \(name) \(value == nil ? "removed" : "set")"
        case .secret(let name, let sealed): return "secret \(name) \(sealed == nil ? "removed" : "put")"
        case .keyring: return "keyring replaced"
        case .audit(let entry): return "audit: \(entry.action) of \(entry.object) by \(entry.actor)"
        case .skip(let position, let index): return "command \(index) of record \(position) skipped"
        case .placed(let placements): return "slices of \(placements.count) envoys"
        case .handoffSource(let record): return "a step of handoff \(record.id) away from here"
        case .handoffTarget(let record): return "a step of handoff \(record.id) to here"
        case .sliceCollected(let id, _): return "rows of handoff \(id) removed"
        case .remainsGone(let placement): return "rows of envoy \(placement.envoy), of another's slice, removed"
        case .task(let part): return "record \(part.number) of task \(part.task)"
        case .policy(let change): return PolicyTables.describe(change)
        }
    }

    // MARK: Scrub

    /// Where a scrub of the tables goes on.
    enum Place: Hashable {
        case queues(after: Int64)
        case results(queue: Int64, sequence: UInt64)
        case audit(after: UInt64)
        case tokens(after: [UInt8])
        case envoys(after: PrincipalID?)
        case named(Int, after: String)
        case placements(after: PrincipalID?)
        case handoffs
        case policy(Int, after: [UInt8])

        static let start = Place.queues(after: 0)
    }

    /// Reads up to `rowsMax` rows from `place` on against their checksums. Returns where to go on; nil at the end.
    func scrub(from place: Place, rowsMax: Int) throws(StoreError) -> Place? {
        let limit = max(1, min(rowsMax, StoreLimits.pageMax))
        switch place {
        case .queues(let index):
            return try results.verifyQueues(after: index, limit: limit).map { .queues(after: $0) }
                ?? .results(queue: 0, sequence: 0)
        case .results(let queue, let sequence):
            let last = try results.verify(after: (queue: queue, sequence: sequence), limit: limit)
            return last.map { .results(queue: $0.queue, sequence: $0.sequence) } ?? .audit(after: 0)
        case .audit(let number):
            return try audit.verify(after: number, limit: limit).map { .audit(after: $0) } ?? .tokens(after: [])
        case .tokens(let token):
            return try tokens.verify(after: token, limit: limit).map { .tokens(after: $0) } ?? .envoys(after: nil)
        case .envoys(let envoy):
            return try verifyTraits(after: envoy, limit: limit).map { .envoys(after: $0) } ?? .named(0, after: "")
        case .named(let number, let name):
            let all = [settings, secrets, keyrings]
            guard all.indices.contains(number) else { return .placements(after: nil) }
            return try all[number].verify(after: name, limit: limit).map { .named(number, after: $0) }
                ?? .named(number + 1, after: "")
        case .placements(let envoy):
            return try slices.verifyPlacements(after: envoy, limit: limit).map { .placements(after: $0) } ?? .handoffs
        case .handoffs:
            try slices.verifyHandoffs()
            return .policy(0, after: [])
        case .policy(let number, let key):
            guard PolicyTables.scrubbed.contains(number) else { return nil }
            return try policy.verify(number, after: key, limit: limit).map { .policy(number, after: $0) }
                ?? .policy(number + 1, after: [])
        }
    }

    private func verifyTraits(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> PrincipalID? {
        let records = try envoys.records(after: envoy, limit: limit)
        for record in records {
            guard let traits = record.traits, witness.hash(traits.document) != traits.digest else { continue }
            throw database.damage("the traits of envoy \(record.envoy) are not what was written")
        }
        return records.last?.envoy
    }

    /// Reads everything, also whether each queue is dense. `store_corrupt` with the first finding.
    func verify() throws(StoreError) {
        try results.verify()
        var place: Place? = .audit(after: 0)
        while let start = place { place = try scrub(from: start, rowsMax: StoreLimits.pageMax) }
    }
}
