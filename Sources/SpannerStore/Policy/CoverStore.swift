public import CRDT
public import Spanner

/// What one envoy of another partition is to have, as a bolt keeps it to cover that partition: all of it can be served,
/// nothing of it can be read.
public struct CoveredGrant: Hashable, Sendable {
    /// Which envoy.
    public var envoy: PrincipalID
    /// The version that it is of.
    public var sequence: UInt64
    /// The canonical bytes of its grant: 1...`PolicyLimits.grantBytesMax`.
    public var grant: [UInt8]
    /// The body that it names.
    public var body: Bytes32
    /// Its secrets, sealed to it; empty where it needs none.
    public var box: [UInt8]

    /// What an envoy is to have.
    public init(envoy: PrincipalID, sequence: UInt64, grant: [UInt8], body: Bytes32, box: [UInt8]) {
        (self.envoy, self.sequence, self.grant) = (envoy, sequence, grant)
        (self.body, self.box) = (body, box)
    }
}

/// How far a partition was pulled.
public struct CoverMark: Hashable, Sendable {
    /// The version that is here whole.
    public var sequence: UInt64
    /// When that was found last, by this bolt's clock: for people.
    public var at: WallTime
}

/// Copies of other partitions' policy, so that their envoys find it here while their own bolts are away: durable,
/// within a budget. A second copy: nothing depends on it but how soon an envoy that lost its own has it again.
///
/// Bodies are kept once, whoever names them; what nobody names any more is swept. Not `Sendable`: one owner at a time.
/// Every call blocks for the disk; what changes something is durable when it returns.
public final class CoverStore {
    let database: Database
    let witness: any Witness
    let bytesMax: UInt64
    private let checkpointPages: Int32

    static let schema = """
        CREATE TABLE covered(
            partition TEXT NOT NULL,
            envoy BLOB NOT NULL CHECK (length(envoy) = 16),
            sequence INTEGER NOT NULL,
            body BLOB NOT NULL CHECK (length(body) = 32),
            content BLOB NOT NULL,
            box BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (partition, envoy)
        ) WITHOUT ROWID, STRICT;
        CREATE INDEX covered_body ON covered(body, partition, envoy);
        CREATE INDEX covered_version ON covered(partition, sequence, envoy);
        CREATE TABLE body(
            digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
            content BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE mark(
            partition TEXT PRIMARY KEY,
            sequence INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        CREATE TABLE held(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            grants INTEGER NOT NULL,
            bodies INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        INSERT INTO held VALUES (1, 0, 0, 0);
        """

    static let kind = Database.Kind(
        name: "policy that is kept for others", applicationID: 0x4243_4F56,
        migrations: [
            Migration(name: "copies", sql: CoverStore.schema),
            // Grants from before leaves had terms are none any more: all of it is pulled again.
            Migration(
                name: "grants with terms",
                sql: """
                    DELETE FROM covered; DELETE FROM body; DELETE FROM mark;
                    UPDATE held SET grants = 0, bodies = 0, bytes = 0;
                    """),
        ])
    static let fileName = "cover.db"
    /// Bytes that a grant, and a body, are taken to cost beside what they hold.
    static let (grantBytes, bodyBytes): (UInt64, UInt64) = (256, 128)
    private enum Owner {
        static let (grant, body, mark): (Int64, Int64, Int64) = (31, 32, 33)
    }

    /// Opens or makes the store in a directory that is locked already. Errors as those of `BoltStore.init`.
    public init(
        in directory: StateDirectory, witness: any Witness, bytesMax: UInt64 = StoreLimits.coverBytesMax,
        checkpointPages: Int32 = StoreLimits.checkpointPages, environment: StoreEnvironment = .system
    ) throws(StoreError) {
        (self.witness, self.bytesMax, self.checkpointPages) = (witness, bytesMax, checkpointPages)
        database = try Database.open(CoverStore.kind, in: directory, file: CoverStore.fileName, vfs: environment.vfs)
    }

    /// Grants and bodies that are held, and bytes of both.
    public func held() throws(StoreError) -> (grants: UInt64, bodies: UInt64, bytes: UInt64) {
        try database.first("SELECT grants, bodies, bytes FROM held WHERE one = 1") { row throws(StoreError) in
            (row.count(0), row.count(1), row.count(2))
        } ?? (0, 0, 0)
    }

    // MARK: - In

    /// Keeps grants of a partition with one flush, each in the place of the one before it. What the budget has no room
    /// for is left out, and an older copy of it stays; the envoys that were left out are returned. `store_too_large`
    /// for a grant or a box over its limit, with nothing kept.
    public func keep(_ grants: [CoveredGrant], of partition: PartitionName) throws(StoreError) -> [PrincipalID] {
        for grant in grants {
            guard (1...PolicyLimits.grantBytesMax).contains(grant.grant.count),
                grant.box.count <= PolicyLimits.boxBytesMax
            else { throw tooLarge("the policy of envoy \(grant.envoy) of partition \(partition)") }
        }
        return try database.transaction { () throws(StoreError) -> [PrincipalID] in
            var leftOut: [PrincipalID] = []
            for grant in grants where try !keep(grant, of: partition) { leftOut.append(grant.envoy) }
            return leftOut
        }
    }

    private func keep(_ grant: CoveredGrant, of partition: PartitionName) throws(StoreError) -> Bool {
        let before = try size(of: grant.envoy, in: partition)
        let size = CoverStore.grantBytes + UInt64(grant.grant.count + grant.box.count)
        let held = try self.held()
        let bytes = held.bytes - min(held.bytes, before ?? 0) + size
        guard bytes <= bytesMax || size <= before ?? 0 else { return false }
        try database.run(
            """
            INSERT INTO covered(partition, envoy, sequence, body, content, box, checksum)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (partition, envoy) DO UPDATE SET
                sequence = excluded.sequence, body = excluded.body, content = excluded.content, box = excluded.box,
                checksum = excluded.checksum
            """, .text(partition.text), .blob(grant.envoy.bytes), .count(min(grant.sequence, UInt64(Int64.max))),
            .blob(grant.body.bytes), .blob(grant.grant), .blob(grant.box),
            .integer(CoverStore.checksum(grant, of: partition)))
        try count(grants: held.grants + (before == nil ? 1 : 0), bodies: held.bodies, bytes: bytes)
        return true
    }

    /// Keeps a body. False where the budget has no room for it. `store_conflict` where its bytes have another digest,
    /// `store_too_large` where they are more than a body may have.
    public func keep(_ body: [UInt8], digest: Bytes32) throws(StoreError) -> Bool {
        guard body.count <= CoverStore.bodyBytesMax else { throw tooLarge("body \(digest) of another partition") }
        guard witness.hash(body) == digest else {
            throw StoreError(
                .conflict, what: "keeping body \(digest) of another partition", why: "its bytes have another digest",
                next: "ask that partition for it again")
        }
        return try database.transaction { () throws(StoreError) -> Bool in
            guard try !hasBody(digest) else { return true }
            let held = try self.held()
            let bytes = held.bytes + CoverStore.bodyBytes + UInt64(body.count)
            guard bytes <= bytesMax else { return false }
            try database.run(
                "INSERT INTO body(digest, content, checksum) VALUES (?1, ?2, ?3)", .blob(digest.bytes), .blob(body),
                .integer(Checksum.row(Owner.body, 0, digest.bytes + body)))
            try count(grants: held.grants, bodies: held.bodies + 1, bytes: bytes)
            return true
        }
    }

    /// All of a version of a partition was pulled: it is remembered, and with `removingOlder` what is kept of earlier
    /// versions goes, as those envoys are not in it.
    public func finish(
        _ sequence: UInt64, of partition: PartitionName, at: WallTime, removingOlder: Bool
    ) throws(StoreError) {
        let (sequence, at) = (min(sequence, UInt64(Int64.max)), min(at.milliseconds, UInt64(Int64.max)))
        try database.transaction { () throws(StoreError) in
            if removingOlder {
                try remove(where: "partition = ?1 AND sequence < ?2", .text(partition.text), .count(sequence))
            }
            try database.run(
                """
                INSERT INTO mark(partition, sequence, at_ms, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (partition)
                DO UPDATE SET sequence = excluded.sequence, at_ms = excluded.at_ms, checksum = excluded.checksum
                """, .text(partition.text), .count(sequence), .count(at),
                .integer(CoverStore.checksum(partition, sequence, at)))
        }
    }

    // MARK: - Out

    /// How far a partition was pulled; nil where it never was.
    public func mark(of partition: PartitionName) throws(StoreError) -> CoverMark? {
        try database.first("SELECT sequence, at_ms, checksum FROM mark WHERE partition = ?1", .text(partition.text)) {
            row throws(StoreError) in
            guard row.integer(2) == CoverStore.checksum(partition, row.count(0), row.count(1)) else {
                throw database.damage("how far partition \(partition) was pulled is not what was written")
            }
            return CoverMark(sequence: row.count(0), at: WallTime(milliseconds: row.count(1)))
        }
    }

    /// What is kept of an envoy; nil where nothing is. One lookup.
    public func grant(of envoy: PrincipalID, in partition: PartitionName) throws(StoreError) -> CoveredGrant? {
        try database.first(
            """
            SELECT envoy, sequence, body, content, box, checksum FROM covered WHERE partition = ?1 AND envoy = ?2
            """, .text(partition.text), .blob(envoy.bytes)
        ) { row throws(StoreError) in try readGrant(row, partition) }
    }

    /// A body, checked against its digest; nil where it is not here.
    public func body(_ digest: Bytes32) throws(StoreError) -> [UInt8]? {
        try database.first("SELECT digest, content, checksum FROM body WHERE digest = ?1", .blob(digest.bytes)) {
            row throws(StoreError) in try readBody(row)
        }
    }

    /// Whether a body is here.
    public func hasBody(_ digest: Bytes32) throws(StoreError) -> Bool {
        try database.first("SELECT 1 FROM body WHERE digest = ?1", .blob(digest.bytes)) { row throws(StoreError) in
            row.integer(0)
        } != nil
    }

    /// Bodies that grants of a partition name and that are not here; at most `limit` and `StoreLimits.pageMax`.
    public func missingBodies(of partition: PartitionName, limit: Int) throws(StoreError) -> [Bytes32] {
        try database.rows(
            """
            SELECT DISTINCT covered.body FROM covered LEFT JOIN body ON body.digest = covered.body
            WHERE covered.partition = ?1 AND body.digest IS NULL ORDER BY covered.body LIMIT ?2
            """, .text(partition.text), .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            guard let digest = Bytes32(bytes: row.blob(0)) else { throw database.damage("a copy names no body") }
            return digest
        }
    }

    /// Partitions of which something is kept, by name.
    public func partitions() throws(StoreError) -> [PartitionName] {
        let names = try database.rows(
            "SELECT partition FROM mark UNION SELECT DISTINCT partition FROM covered ORDER BY partition"
        ) { row throws(StoreError) in row.text(0) }
        return names.compactMap { PartitionName($0) }
    }

    /// Of whom something is kept, by partition and id, after one of them; at most `limit` and `StoreLimits.pageMax` in
    /// all. Nothing of a partition stands alone: each has an envoy.
    public func envoys(
        after place: (partition: PartitionName, envoy: PrincipalID)?, limit: Int
    ) throws(StoreError) -> [(partition: PartitionName, envoys: [PrincipalID])] {
        let rows = try database.rows(
            """
            SELECT partition, envoy FROM covered WHERE (partition, envoy) > (?1, ?2) ORDER BY partition, envoy LIMIT ?3
            """, .text(place?.partition.text ?? ""), .blob(place?.envoy.bytes ?? [0]),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in
            guard let partition = PartitionName(row.text(0)), let envoy = PrincipalID(bytes: row.blob(1)) else {
                throw database.damage("a copy has no partition or no envoy")
            }
            return (partition, envoy)
        }
        return Dictionary(grouping: rows) { $0.0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value.map(\.1)) }
    }

    // MARK: - Removal

    /// Removes what is kept of envoys of a partition.
    public func remove(_ envoys: [PrincipalID], of partition: PartitionName) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            for envoy in envoys {
                try remove(where: "partition = ?1 AND envoy = ?2", .text(partition.text), .blob(envoy.bytes))
            }
        }
    }

    /// Removes all that is kept of a partition, but for bodies, which the next sweep takes.
    public func remove(_ partition: PartitionName) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try remove(where: "partition = ?1 AND sequence >= ?2", .text(partition.text), .integer(0))
            try database.run("DELETE FROM mark WHERE partition = ?1", .text(partition.text))
        }
    }

    /// Removes up to `limit` bodies that no grant names. Returns how many: as many as `limit` where there may be more.
    /// Not between a body and the first grant that names it.
    @discardableResult
    public func sweep(limit: Int = 64) throws(StoreError) -> Int {
        try database.transaction { () throws(StoreError) -> Int in
            let stray = try database.rows(
                """
                SELECT digest, length(content) FROM body
                WHERE NOT EXISTS (SELECT 1 FROM covered WHERE covered.body = body.digest) ORDER BY digest LIMIT ?1
                """, .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
            ) { row throws(StoreError) in (digest: row.blob(0), bytes: row.count(1)) }
            for body in stray { try database.run("DELETE FROM body WHERE digest = ?1", .blob(body.digest)) }
            let held = try self.held()
            let bytes = stray.reduce(0) { $0 + $1.bytes + CoverStore.bodyBytes }
            try count(
                grants: held.grants, bodies: held.bodies - min(held.bodies, UInt64(stray.count)),
                bytes: held.bytes - min(held.bytes, bytes))
            return stray.count
        }
    }

    private func remove(where condition: String, _ first: SQLValue, _ second: SQLValue) throws(StoreError) {
        let found = try database.first(
            "SELECT count(*), sum(length(content) + length(box)) FROM covered WHERE \(condition)", first, second
        ) { row throws(StoreError) in (rows: row.count(0), bytes: row.count(1)) }
        guard let found, found.rows > 0 else { return }
        try database.run("DELETE FROM covered WHERE \(condition)", first, second)
        let held = try self.held()
        let bytes = found.bytes + found.rows * CoverStore.grantBytes
        try count(
            grants: held.grants - min(held.grants, found.rows), bodies: held.bodies,
            bytes: held.bytes - min(held.bytes, bytes))
    }

    /// Copies the write-ahead log back where it has grown.
    @discardableResult
    public func checkpointIfNeeded() throws(StoreError) -> Bool {
        guard database.walPageCount >= checkpointPages else { return false }
        return try database.checkpoint(truncating: false)
    }

    /// Copies the log back for the end. The store is not to be used after it.
    public func close() throws(StoreError) { try database.checkpoint(truncating: true) }

    // MARK: - Rows

    /// Bytes of a body at most.
    static let bodyBytesMax = Int(PartitionLimits.policyBodyPartsMax) * PartitionLimits.policyPartBytesMax

    private func size(of envoy: PrincipalID, in partition: PartitionName) throws(StoreError) -> UInt64? {
        try database.first(
            "SELECT length(content) + length(box) FROM covered WHERE partition = ?1 AND envoy = ?2",
            .text(partition.text), .blob(envoy.bytes)
        ) { row throws(StoreError) in CoverStore.grantBytes + row.count(0) }
    }

    private func count(grants: UInt64, bodies: UInt64, bytes: UInt64) throws(StoreError) {
        try database.run(
            "UPDATE held SET grants = ?1, bodies = ?2, bytes = ?3 WHERE one = 1", .count(grants), .count(bodies),
            .count(bytes))
    }

    private func readGrant(_ row: SQLRow, _ partition: PartitionName) throws(StoreError) -> CoveredGrant {
        guard let envoy = PrincipalID(bytes: row.blob(0)), let body = Bytes32(bytes: row.blob(2)) else {
            throw database.damage("a copy of partition \(partition)'s policy has no envoy")
        }
        let grant = CoveredGrant(
            envoy: envoy, sequence: row.count(1), grant: row.blob(3), body: body, box: row.blob(4))
        guard row.integer(5) == CoverStore.checksum(grant, of: partition) else {
            throw database.damage("the policy of envoy \(envoy) of partition \(partition) is not what was written")
        }
        return grant
    }

    private func readBody(_ row: SQLRow) throws(StoreError) -> [UInt8] {
        let (digest, content) = (row.blob(0), row.blob(1))
        guard row.integer(2) == Checksum.row(Owner.body, 0, digest + content), witness.hash(content).bytes == digest
        else { throw database.damage("a body of another partition's policy is not what was written") }
        return content
    }

    private static func checksum(_ grant: CoveredGrant, of partition: PartitionName) -> Int64 {
        var encoder = CanonicalEncoder(capacity: 128 + grant.grant.count + grant.box.count)
        encoder.text(partition.text)
        encoder.raw(grant.envoy.bytes)
        encoder.fixed(grant.body)
        encoder.string(grant.grant)
        encoder.string(grant.box)
        return Checksum.row(Owner.grant, min(grant.sequence, UInt64(Int64.max)), encoder.bytes)
    }

    private static func checksum(_ partition: PartitionName, _ sequence: UInt64, _ at: UInt64) -> Int64 {
        Checksum.row(Owner.mark, sequence, at.canonicalBytes + Array(partition.text.utf8))
    }

    private func tooLarge(_ what: String) -> StoreError {
        StoreError(
            .tooLarge, what: "keeping \(what)", why: "it is empty or over its limit",
            next: "look at the bolt that sent it")
    }
}
