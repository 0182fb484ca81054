public import CRDT
public import Spanner

/// What an envoy is to have, as the tables keep it.
public struct PolicyLeafRow: Hashable, Sendable {
    /// Which envoy.
    public var envoy: PrincipalID
    /// Its body.
    public var body: Bytes32
    /// Hash of its sealed box; `.zero` where it needs no secrets.
    public var box: Bytes32
    /// How old both may become.
    public var terms: PolicyTerms
    /// Since which version it is this one.
    public var sequence: UInt64
}

/// Which version an envoy was given last, and what became of it there.
public struct PolicyDelivery: Hashable, Sendable {
    /// What became of a version.
    public enum Outcome: Int64, Hashable, Sendable {
        /// Nothing is known yet.
        case open = 0
        /// Its pass had no failed resource.
        case succeeded = 1
        /// It had.
        case failed = 2
    }

    /// Where.
    public var envoy: PrincipalID
    /// Which version.
    public var sequence: UInt64
    /// What became of it.
    public var outcome: Outcome
    /// When that was told, by the clock of the primary of then; 0 where nothing is known.
    public var at: WallTime
}

/// How many envoys were given a version last, and what became of it at them.
public struct PolicyCounts: Hashable, Sendable {
    /// All that were given it and no later one.
    public var given: UInt64 = 0
    /// Of them those where it succeeded.
    public var succeeded: UInt64 = 0
    /// Of them those where it failed.
    public var failed: UInt64 = 0

    /// Nobody.
    public init() {}
}

extension PolicyTables {
    // MARK: - Leaves

    /// What an envoy is to have; nil where it has no leaf. One lookup.
    public func leaf(of envoy: PrincipalID) throws(StoreError) -> PolicyLeafRow? {
        try database.first(
            "SELECT envoy, body, box, sequence, checksum, terms FROM policy_leaf WHERE envoy = ?1", .blob(envoy.bytes)
        ) { row throws(StoreError) in try readLeaf(row) }
    }

    /// An envoy's sealed box; empty where it needs no secrets, nil where it has no leaf.
    public func box(of envoy: PrincipalID) throws(StoreError) -> [UInt8]? {
        guard let leaf = try leaf(of: envoy) else { return nil }
        guard leaf.box != .zero else { return [] }
        let box = try database.first(
            "SELECT envoy, body, checksum FROM policy_box WHERE envoy = ?1", .blob(envoy.bytes)
        ) { row throws(StoreError) in try readBox(row).box }
        guard let box, witness.hash(box) == leaf.box else {
            throw database.damage("the box of envoy \(envoy) is not the one of its leaf")
        }
        return box
    }

    /// Leaves after an envoy, in order of the envoys' ids; at most `limit` and `StoreLimits.pageMax`.
    public func leaves(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> [PolicyLeafRow] {
        try database.rows(
            """
            SELECT envoy, body, box, sequence, checksum, terms FROM policy_leaf WHERE envoy > ?1
            ORDER BY envoy LIMIT ?2
            """, .blob(envoy?.bytes ?? []), .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try readLeaf(row) }
    }

    /// How many envoys have a leaf. Counts them all.
    public func leafCount() throws(StoreError) -> UInt64 {
        try database.first("SELECT count(*) FROM policy_leaf") { row throws(StoreError) in row.count(0) } ?? 0
    }

    func readLeaf(_ row: SQLRow) throws(StoreError) -> PolicyLeafRow {
        guard let envoy = PrincipalID(bytes: row.blob(0)), let body = Bytes32(bytes: row.blob(1)),
            let box = Bytes32(bytes: row.blob(2))
        else { throw database.damage("a leaf of the policy has no envoy") }
        // A row from before leaves had terms has none, and its checksum is of the rest: it is never too old.
        let (bytes, terms) = (row.blob(5), PolicyTables.terms(row.blob(5)))
        guard let terms else { throw database.damage("the leaf of envoy \(envoy) has no terms") }
        let leaf = PolicyLeafRow(envoy: envoy, body: body, box: box, terms: terms, sequence: row.count(3))
        guard row.integer(4) == PolicyTables.checksum(leaf, terms: bytes) else {
            throw database.damage("the leaf of envoy \(envoy) is not what was written")
        }
        return leaf
    }

    private static func terms(_ bytes: [UInt8]) -> PolicyTerms? {
        guard !bytes.isEmpty else { return PolicyTerms() }
        var decoder = CanonicalDecoder(bytes)
        guard let terms = try? PolicyTerms(from: &decoder), decoder.remaining == 0 else { return nil }
        return terms
    }

    /// `terms` as the row has them: a column of their own.
    static func checksum(_ leaf: PolicyLeafRow, terms: [UInt8]) -> Int64 {
        Owner.leaf.checksum(leaf.sequence, leaf.envoy.bytes + leaf.body.bytes + leaf.box.bytes + terms)
    }

    func readBox(_ row: SQLRow) throws(StoreError) -> (envoy: PrincipalID, box: [UInt8]) {
        let box = row.blob(1)
        guard let envoy = PrincipalID(bytes: row.blob(0)),
            row.integer(2) == Owner.box.checksum(0, envoy.bytes + box)
        else { throw database.damage("a box of secrets is not what was written") }
        return (envoy, box)
    }

    // MARK: - Deliveries

    /// What an envoy was given last; nil where it was never given anything. One lookup.
    public func delivery(to envoy: PrincipalID) throws(StoreError) -> PolicyDelivery? {
        try database.first(
            "SELECT envoy, sequence, outcome, at_ms, checksum FROM policy_given WHERE envoy = ?1", .blob(envoy.bytes)
        ) { row throws(StoreError) in try readDelivery(row) }
    }

    /// The same of the envoys after one, in order of their ids; at most `limit` and `StoreLimits.pageMax`.
    public func deliveries(after envoy: PrincipalID?, limit: Int) throws(StoreError) -> [PolicyDelivery] {
        try database.rows(
            """
            SELECT envoy, sequence, outcome, at_ms, checksum FROM policy_given WHERE envoy > ?1 ORDER BY envoy LIMIT ?2
            """, .blob(envoy?.bytes ?? []), .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try readDelivery(row) }
    }

    /// How many envoys were given a version last, and what became of it. Reads the index of that version's rows.
    public func counts(of sequence: UInt64) throws(StoreError) -> PolicyCounts {
        var counts = PolicyCounts()
        try database.each(
            "SELECT outcome, count(*) FROM policy_given WHERE sequence = ?1 GROUP BY outcome",
            .count(min(sequence, UInt64(Int64.max)))
        ) { row throws(StoreError) in
            counts.given += row.count(1)
            switch PolicyDelivery.Outcome(rawValue: row.integer(0)) {
            case .succeeded: counts.succeeded = row.count(1)
            case .failed: counts.failed = row.count(1)
            case .open, nil: break
            }
            return true
        }
        return counts
    }

    func readDelivery(_ row: SQLRow) throws(StoreError) -> PolicyDelivery {
        guard let envoy = PrincipalID(bytes: row.blob(0)),
            let outcome = PolicyDelivery.Outcome(rawValue: row.integer(2))
        else { throw database.damage("a row of who was given a version has no envoy") }
        let delivery = PolicyDelivery(
            envoy: envoy, sequence: row.count(1), outcome: outcome, at: WallTime(milliseconds: row.count(3)))
        guard row.integer(4) == PolicyTables.checksum(delivery) else {
            throw database.damage("what envoy \(envoy) was given is not what was written")
        }
        return delivery
    }

    static func checksum(_ delivery: PolicyDelivery) -> Int64 {
        var encoder = CanonicalEncoder(capacity: 48)
        encoder.raw(delivery.envoy.bytes)
        encoder.integer(UInt64(bitPattern: delivery.outcome.rawValue))
        encoder.integer(delivery.at.milliseconds)
        return Owner.given.checksum(delivery.sequence, encoder.bytes)
    }

    // MARK: - Records

    /// Records of the roll-out of a version, in order of their numbers; at most `PartitionLimits.policyRecordsMax`.
    public func rolloutRecords(of sequence: UInt64) throws(StoreError) -> [[UInt8]] {
        try records(.rollout, PolicyTables.id(ofRollout: sequence)).map(\.bytes)
    }

    /// Pushes of which there are records, by id; at most `StoreLimits.policyPushesMax`.
    public func pushes() throws(StoreError) -> [PrincipalID] {
        try database.rows("SELECT DISTINCT id FROM policy_record WHERE kind = 2 ORDER BY id") {
            row throws(StoreError) in
            guard let id = PrincipalID(bytes: row.blob(0)) else { throw database.damage("a push has no id") }
            return id
        }
    }

    /// Records of a push, in order of their numbers; at most `PartitionLimits.policyRecordsMax`.
    public func pushRecords(of id: PrincipalID) throws(StoreError) -> [[UInt8]] {
        try records(.push, id).map(\.bytes)
    }

    enum RecordKind: Int64 {
        case rollout = 1
        case push = 2
    }

    /// A record with its place.
    struct Record {
        var kind: RecordKind
        var id: PrincipalID
        var number: UInt64
        var position: UInt64
        var bytes: [UInt8]

        var checksum: Int64 {
            Owner.record.checksum(position, [UInt8(kind.rawValue)] + id.bytes + number.canonicalBytes + bytes)
        }
    }

    private func records(_ kind: RecordKind, _ id: PrincipalID) throws(StoreError) -> [Record] {
        try database.rows(
            """
            SELECT kind, id, number, position, body, checksum FROM policy_record WHERE kind = ?1 AND id = ?2
            ORDER BY number
            """, .integer(kind.rawValue), .blob(id.bytes)
        ) { row throws(StoreError) in try readRecord(row) }
    }

    func readRecord(_ row: SQLRow) throws(StoreError) -> Record {
        guard let kind = RecordKind(rawValue: row.integer(0)), let id = PrincipalID(bytes: row.blob(1)) else {
            throw database.damage("a record of a roll-out or a push has no id")
        }
        let record = Record(kind: kind, id: id, number: row.count(2), position: row.count(3), bytes: row.blob(4))
        guard row.integer(5) == record.checksum else {
            throw database.damage("record \(record.number) of a roll-out or a push is not what was written")
        }
        return record
    }

    /// Roll-outs stand in the table in the order of their versions.
    static func id(ofRollout sequence: UInt64) -> PrincipalID { PrincipalID(high: 0, low: sequence) }
}
