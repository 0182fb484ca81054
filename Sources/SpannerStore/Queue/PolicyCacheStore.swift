public import CRDT
public import Spanner

/// The policy that an envoy accepted, as it keeps it: bytes that others verify.
public struct CachedPolicy: Hashable, Sendable {
    /// What it has seen of the mesh's heads, beacons and orders.
    public var sight: [UInt8]
    /// The signed head with this envoy's leaf.
    public var grant: [UInt8]
    /// The policy, open.
    public var body: [UInt8]
    /// Its secrets, as they were sealed for it; nil where the policy names none.
    public var box: [UInt8]?
    /// What the roster said of the machine, as its templates see it.
    public var machine: [UInt8]
    /// When it was accepted, by the machine's clock.
    public var acceptedAt: WallTime

    /// A policy.
    public init(
        sight: [UInt8], grant: [UInt8], body: [UInt8], box: [UInt8]?, machine: [UInt8], acceptedAt: WallTime
    ) {
        (self.sight, self.grant, self.body, self.box) = (sight, grant, body, box)
        (self.machine, self.acceptedAt) = (machine, acceptedAt)
    }
}

/// What an envoy can go on from without a server: the policy that it accepted, kept beside its queue in the same
/// database, and what of it that interrupts something was ever in force.
///
/// All parts of a policy change in one transaction: after a crash there is the old one or the new one, whole. Each part
/// has a checksum, so that a damaged one is found before anything is done by it. Nothing here is secret in clear.
public final class PolicyCacheStore {
    /// What is kept.
    public enum Finding: Hashable, Sendable {
        /// No policy was accepted yet, or it was let go of.
        case none
        /// The policy.
        case whole(CachedPolicy)
        /// Part of it is not what was written, and which.
        case damaged(String)
    }

    /// Things whose last state in force is remembered.
    public static let inForceMax = 10_000

    private enum Part: Int64, CaseIterable {
        case sight = 1
        case grant, body, box, machine

        var name: String { "\(self)" }
    }

    private struct Row {
        var bytes: [UInt8]
        var at: WallTime
        var isWhole: Bool
    }

    private let database: Database

    init(database: Database) { self.database = database }

    static let schema = """
        CREATE TABLE policy(
            part INTEGER PRIMARY KEY CHECK (part BETWEEN 1 AND 5),
            bytes BLOB NOT NULL,
            at_ms INTEGER NOT NULL,
            hash INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE policy_in_force(
            id TEXT PRIMARY KEY,
            digest BLOB NOT NULL CHECK (length(digest) = 32)
        ) WITHOUT ROWID, STRICT;
        """

    // MARK: Reading

    /// The policy that is kept.
    public func load() throws(StoreError) -> Finding {
        var rows: [Part: Row] = [:]
        for part in Part.allCases { rows[part] = try row(part) }
        // What it has seen stays when a policy is let go of.
        guard Part.allCases.contains(where: { $0 != .sight && rows[$0] != nil }) else { return .none }
        for part in Part.allCases {
            if let row = rows[part], !row.isWhole { return .damaged("the \(part.name) is not what was written") }
        }
        guard let sight = rows[.sight], let grant = rows[.grant], let body = rows[.body],
            let machine = rows[.machine]
        else {
            return .damaged("a part is missing")
        }
        return .whole(
            CachedPolicy(
                sight: sight.bytes, grant: grant.bytes, body: body.bytes, box: rows[.box]?.bytes,
                machine: machine.bytes, acceptedAt: grant.at))
    }

    /// What it has seen, also where there is no policy; nil where nothing was kept or it is not what was written.
    public func sight() throws(StoreError) -> [UInt8]? {
        guard let row = try row(.sight), row.isWhole else { return nil }
        return row.bytes
    }

    /// Whether what it has seen was kept and is not what was written.
    public func isSightDamaged() throws(StoreError) -> Bool { try row(.sight).map { !$0.isWhole } ?? false }

    private func row(_ part: Part) throws(StoreError) -> Row? {
        try database.first("SELECT bytes, at_ms, hash FROM policy WHERE part = ?1", .integer(part.rawValue)) {
            row throws(StoreError) in
            let (bytes, at) = (row.blob(0), row.count(1))
            return Row(
                bytes: bytes, at: WallTime(milliseconds: at),
                isWhole: row.integer(2) == Checksum.row(part.rawValue, at, bytes))
        }
    }

    // MARK: Writing

    /// Takes a policy in place of the one before, with what was seen by then: all of it or nothing. Durable when this
    /// returns.
    public func accept(_ policy: CachedPolicy) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try database.run("DELETE FROM policy")
            try put(policy.sight, as: .sight, at: policy.acceptedAt)
            try put(policy.grant, as: .grant, at: policy.acceptedAt)
            try put(policy.body, as: .body, at: policy.acceptedAt)
            try put(policy.machine, as: .machine, at: policy.acceptedAt)
            if let box = policy.box { try put(box, as: .box, at: policy.acceptedAt) }
        }
    }

    /// Keeps what it has seen by now; the policy stays. Durable when this returns.
    public func remember(sight: [UInt8], at: WallTime) throws(StoreError) { try put(sight, as: .sight, at: at) }

    /// Keeps what the roster says of the machine by now, where there is a policy. Durable when this returns.
    public func remember(machine: [UInt8], at: WallTime) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            guard try row(.machine) != nil else { return }
            try put(machine, as: .machine, at: at)
        }
    }

    /// Lets go of the policy; what was seen stays, so that nothing older is taken in its place.
    public func discard() throws(StoreError) {
        try database.run("DELETE FROM policy WHERE part <> ?1", .integer(Part.sight.rawValue))
    }

    /// Lets go of everything: the queue is another envoy's from now on.
    public func forget() throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try database.run("DELETE FROM policy")
            try database.run("DELETE FROM policy_in_force")
        }
    }

    private func put(_ bytes: [UInt8], as part: Part, at: WallTime) throws(StoreError) {
        let time = min(at.milliseconds, UInt64(Int64.max))
        try database.run(
            "INSERT OR REPLACE INTO policy(part, bytes, at_ms, hash) VALUES (?1, ?2, ?3, ?4)",
            .integer(part.rawValue), .blob(bytes), .count(time),
            .integer(Checksum.row(part.rawValue, time, bytes)))
    }

    // MARK: What was in force

    /// The last state of each thing that was in force, by its id. At most `inForceMax`.
    public func inForce() throws(StoreError) -> [String: Bytes32] {
        var found: [String: Bytes32] = [:]
        let limit = Int64(Self.inForceMax)
        try database.each("SELECT id, digest FROM policy_in_force ORDER BY id LIMIT ?1", .integer(limit)) {
            row throws(StoreError) in
            if let digest = Bytes32(bytes: row.blob(1)) { found[row.text(0)] = digest }
            return true
        }
        return found
    }

    /// These are in force from now on, each in this state, and nothing else is.
    public func setInForce(_ states: [String: Bytes32]) throws(StoreError) {
        try database.transaction { () throws(StoreError) in
            try database.run("DELETE FROM policy_in_force")
            for (id, digest) in states.sorted(by: { $0.key < $1.key }).prefix(Self.inForceMax) {
                try database.run(
                    "INSERT INTO policy_in_force(id, digest) VALUES (?1, ?2)", .text(id), .blob(digest.bytes))
            }
        }
    }
}
