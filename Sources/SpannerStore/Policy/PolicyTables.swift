public import CRDT
public import Spanner

/// A partition's policy as its journal made it: the stacks of its versions, compiled bodies, what each envoy is to
/// have, and who was given it.
///
/// Stacks and bodies are named by digests and kept in parts. Reads of one envoy do not grow with the number of envoys.
public struct PolicyTables {
    let database: Database
    let witness: any Witness

    static let schema = """
        CREATE TABLE policy_stack(
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            number INTEGER NOT NULL,
            parts INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (digest, number)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE policy_body(
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            number INTEGER NOT NULL,
            parts INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (digest, number)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE policy_version(
            sequence INTEGER PRIMARY KEY,
            stack BLOB NOT NULL CHECK (length(stack) = 32),
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX policy_version_of_stack ON policy_version(stack, sequence);
        CREATE TABLE policy_leaf(
            envoy BLOB PRIMARY KEY CHECK (length(envoy) = 16),
            body BLOB NOT NULL CHECK (length(body) = 32),
            box BLOB NOT NULL CHECK (length(box) = 32),
            sequence INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX policy_leaf_of_body ON policy_leaf(body, envoy);
        CREATE TABLE policy_box(
            envoy BLOB PRIMARY KEY CHECK (length(envoy) = 16),
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE policy_given(
            envoy BLOB PRIMARY KEY CHECK (length(envoy) = 16),
            sequence INTEGER NOT NULL,
            outcome INTEGER NOT NULL CHECK (outcome IN (0, 1, 2)),
            at_ms INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX policy_given_of_version ON policy_given(sequence, outcome, envoy);
        CREATE TABLE policy_record(
            kind INTEGER NOT NULL CHECK (kind IN (1, 2)),
            id BLOB NOT NULL CHECK (length(id) = 16),
            number INTEGER NOT NULL,
            position INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (kind, id, number)
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE policy_state(
            name TEXT PRIMARY KEY,
            number INTEGER NOT NULL,
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        """

    /// What brings leaves their terms; those that are there have none, and get them with the next version.
    static let termsSchema = "ALTER TABLE policy_leaf ADD COLUMN terms BLOB;"

    init(database: Database, witness: any Witness) { (self.database, self.witness) = (database, witness) }

    /// What rows of each table are checked with, beside their content.
    enum Owner: Int64 {
        case stack = 21
        case body = 22
        case version = 23
        case leaf = 24
        case box = 25
        case given = 26
        case record = 27
        case state = 28

        func checksum(_ place: UInt64, _ content: [UInt8]) -> Int64 { Checksum.row(rawValue, place, content) }
    }

    // MARK: - Versions

    /// The version in force: the last one; nil before the first.
    public func versionInForce() throws(StoreError) -> PolicyVersion? { try history(before: nil, limit: 1).first }

    /// The version with this number; nil where it never was, or went.
    public func version(_ sequence: UInt64) throws(StoreError) -> PolicyVersion? {
        guard sequence <= UInt64(Int64.max) else { return nil }
        return try database.first(
            "SELECT sequence, stack, body, checksum FROM policy_version WHERE sequence = ?1", .count(sequence)
        ) { row throws(StoreError) in try readVersion(row) }
    }

    /// Versions before one, from the last where it is nil, the latest first; at most `limit` and `StoreLimits.pageMax`.
    public func history(before sequence: UInt64?, limit: Int) throws(StoreError) -> [PolicyVersion] {
        try database.rows(
            """
            SELECT sequence, stack, body, checksum FROM policy_version WHERE sequence < ?1
            ORDER BY sequence DESC LIMIT ?2
            """, .count(min(sequence ?? .max, UInt64(Int64.max))),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try readVersion(row) }
    }

    func readVersion(_ row: SQLRow) throws(StoreError) -> PolicyVersion {
        let bytes = row.blob(2)
        var decoder = CanonicalDecoder(bytes)
        guard row.integer(3) == Owner.version.checksum(row.count(0), bytes),
            let version = try? PolicyVersion(from: &decoder), decoder.remaining == 0,
            version.sequence == row.count(0), version.stack.bytes == row.blob(1)
        else { throw database.damage("version \(row.count(0)) of the policy is not what was written") }
        return version
    }

    // MARK: - Stacks and bodies

    /// The files of a stack; nil where not all of it is here. `store_corrupt` where they are not what was written.
    public func stack(_ digest: Bytes32) throws(StoreError) -> PolicyFiles? {
        guard let bytes = try whole(.stack, digest) else { return nil }
        var decoder = CanonicalDecoder(bytes)
        guard let files = try? PolicyFiles(from: &decoder), decoder.remaining == 0 else {
            throw database.damage("the stack \(digest) is none")
        }
        return files
    }

    /// Whether all of a stack is here.
    public func hasStack(_ digest: Bytes32) throws(StoreError) -> Bool { try isWhole(.stack, digest) }

    /// The bytes of a body, checked against its digest; nil where not all of it is here.
    public func body(_ digest: Bytes32) throws(StoreError) -> [UInt8]? {
        guard let bytes = try whole(.body, digest) else { return nil }
        guard witness.hash(bytes) == digest else { throw database.damage("body \(digest) is not what was written") }
        return bytes
    }

    /// Whether all of a body is here.
    public func hasBody(_ digest: Bytes32) throws(StoreError) -> Bool { try isWhole(.body, digest) }

    /// Bodies that leaves name, after one, in order of their digests; at most `limit` and `StoreLimits.pageMax`.
    public func bodiesInUse(after digest: Bytes32?, limit: Int) throws(StoreError) -> [Bytes32] {
        try database.rows(
            "SELECT DISTINCT body FROM policy_leaf WHERE body > ?1 ORDER BY body LIMIT ?2", .blob(digest?.bytes ?? []),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            guard let digest = Bytes32(bytes: row.blob(0)) else { throw database.damage("a leaf names no body") }
            return digest
        }
    }

    /// All parts together; nil where one is missing.
    private func whole(_ owner: Owner, _ digest: Bytes32) throws(StoreError) -> [UInt8]? {
        let parts = try database.rows(
            "SELECT digest, number, parts, body, checksum FROM policy_\(owner) WHERE digest = ?1 ORDER BY number",
            .blob(digest.bytes)
        ) { row throws(StoreError) in try readPart(row, owner) }
        guard let first = parts.first, parts.count == Int(clamping: first.parts),
            parts.enumerated().allSatisfy({ $0.element.number == UInt64($0.offset) })
        else { return nil }
        return parts.flatMap(\.bytes)
    }

    func isWhole(_ owner: Owner, _ digest: Bytes32) throws(StoreError) -> Bool {
        let found = try database.first(
            "SELECT count(*), max(parts) FROM policy_\(owner) WHERE digest = ?1", .blob(digest.bytes)
        ) { row throws(StoreError) in (count: row.count(0), parts: row.count(1)) }
        guard let found, found.count > 0 else { return false }
        return found.count == found.parts
    }

    func readPart(_ row: SQLRow, _ owner: Owner) throws(StoreError) -> PolicyPart {
        guard let digest = Bytes32(bytes: row.blob(0)) else {
            throw database.damage("a part of a policy has no digest")
        }
        let part = PolicyPart(digest: digest, number: row.count(1), parts: row.count(2), bytes: row.blob(3))
        guard row.integer(4) == PolicyTables.checksum(part, owner) else {
            throw database.damage("part \(part.number) of the \(owner) \(digest) is not what was written")
        }
        return part
    }

    static func checksum(_ part: PolicyPart, _ owner: Owner) -> Int64 {
        owner.checksum(part.number << 32 | part.parts, part.digest.bytes + part.bytes)
    }

    // MARK: - State

    /// The signed head of the last version, with that version's number; nil before the first.
    public func head() throws(StoreError) -> (sequence: UInt64, bytes: [UInt8])? { try state("head") }

    /// Whether new versions are held back; nil where nobody ever said so.
    public func freeze() throws(StoreError) -> PolicyFreeze? {
        guard let (_, bytes) = try state("freeze") else { return nil }
        var decoder = CanonicalDecoder(bytes)
        guard let freeze = try? PolicyFreeze(from: &decoder), decoder.remaining == 0 else {
            throw database.damage("whether the policy is frozen cannot be read")
        }
        return freeze
    }

    /// The highest number that an order has, or may have; 0 before the first.
    public func orderedThrough() throws(StoreError) -> UInt64 { try state("ordered")?.sequence ?? 0 }

    private func state(_ name: String) throws(StoreError) -> (sequence: UInt64, bytes: [UInt8])? {
        try database.first("SELECT name, number, body, checksum FROM policy_state WHERE name = ?1", .text(name)) {
            row throws(StoreError) in try readState(row)
        }
    }

    func readState(_ row: SQLRow) throws(StoreError) -> (sequence: UInt64, bytes: [UInt8]) {
        let (name, number, bytes) = (row.text(0), row.count(1), row.blob(2))
        guard row.integer(3) == PolicyTables.checksum(ofState: name, number, bytes) else {
            throw database.damage("the policy's \(name) is not what was written")
        }
        return (number, bytes)
    }

    static func checksum(ofState name: String, _ number: UInt64, _ bytes: [UInt8]) -> Int64 {
        Owner.state.checksum(number, Array(name.utf8) + [0] + bytes)
    }
}
