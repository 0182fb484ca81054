internal import CRDT
public import Spanner

/// A one-shot token that was spent, with the admission that it was spent on.
public struct SpentToken: Hashable, Sendable {
    /// Which token.
    public var token: TokenID
    /// The key that was admitted by it.
    public var key: KeyFingerprint
    /// The encoding of the ADMIT: what a repeat with the same key is given again.
    public var admission: [UInt8]
    /// When, by the primary's clock: for people.
    public var at: WallTime

    /// A spent token.
    public init(token: TokenID, key: KeyFingerprint, admission: [UInt8], at: WallTime) {
        (self.token, self.key, self.admission, self.at) = (token, key, admission, at)
    }
}

/// One-shot tokens of this partition that are spent: each once, whoever tries again.
public struct SpentTokenTable {
    let database: Database

    static let schema = """
        CREATE TABLE spent_token(
            token BLOB PRIMARY KEY CHECK (length(token) = 16),
            key BLOB NOT NULL CHECK (length(key) = 32),
            admission BLOB NOT NULL,
            at_ms INTEGER NOT NULL,
            checksum INTEGER NOT NULL
        ) WITHOUT ROWID, STRICT;
        """

    /// Spends a token. A repeat with the same key changes nothing; with another it is `store_conflict`.
    func spend(_ spent: SpentToken) throws(StoreError) {
        if let first = try token(spent.token) {
            guard first.key == spent.key else {
                throw StoreError(
                    .conflict, what: "spending token \(spent.token)", why: "another key spent it before",
                    next: "issue a new token for that machine")
            }
            return
        }
        let at = min(spent.at.milliseconds, UInt64(Int64.max))
        try database.run(
            "INSERT INTO spent_token(token, key, admission, at_ms, checksum) VALUES (?1, ?2, ?3, ?4, ?5)",
            .blob(spent.token.id.bytes), .blob(spent.key.bytes.bytes), .blob(spent.admission), .count(at),
            .integer(SpentTokenTable.checksum(spent.token.id, spent.key, at, spent.admission)))
    }

    /// What a token was spent on; nil where it is not spent. `store_corrupt` where that is not what was written.
    public func token(_ token: TokenID) throws(StoreError) -> SpentToken? {
        try database.first(
            "SELECT token, key, admission, at_ms, checksum FROM spent_token WHERE token = ?1", .blob(token.id.bytes)
        ) { row throws(StoreError) in try read(row) }
    }

    /// Checks rows after a token's bytes. Returns the last; nil at the end.
    func verify(after token: [UInt8], limit: Int) throws(StoreError) -> [UInt8]? {
        let tokens = try database.rows(
            "SELECT token, key, admission, at_ms, checksum FROM spent_token WHERE token > ?1 ORDER BY token LIMIT ?2",
            .blob(token), .integer(Int64(limit))
        ) { row throws(StoreError) in try read(row).token.id.bytes }
        return tokens.last
    }

    private func read(_ row: SQLRow) throws(StoreError) -> SpentToken {
        guard let id = PrincipalID(bytes: row.blob(0)), let key = Bytes32(bytes: row.blob(1)),
            row.integer(4) == SpentTokenTable.checksum(id, KeyFingerprint(key), row.count(3), row.blob(2))
        else { throw database.damage("a spent token is not what was written") }
        return SpentToken(
            token: TokenID(id), key: KeyFingerprint(key), admission: row.blob(2),
            at: WallTime(milliseconds: row.count(3)))
    }

    private static func checksum(_ id: PrincipalID, _ key: KeyFingerprint, _ at: UInt64, _ body: [UInt8]) -> Int64 {
        Checksum.row(14, at, id.bytes + key.bytes.bytes + body)
    }
}
