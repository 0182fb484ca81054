internal import CRDT
internal import Spanner

extension PolicyTables {
    /// Rows with parts in them that one step of a scrub reads at most: they are large.
    private static let scrubPartsMax = 16
    /// Tables that a scrub reads, by number.
    static let scrubbed = 0..<7

    /// Checks rows of one of the tables after a key, from the start where it is empty. Returns the last key; nil at the
    /// end.
    func verify(_ table: Int, after key: [UInt8], limit: Int) throws(StoreError) -> [UInt8]? {
        switch table {
        case 0: return try verifyParts(.stack, after: key, limit: limit)
        case 1: return try verifyParts(.body, after: key, limit: limit)
        case 2:
            return try database.rows(
                """
                SELECT sequence, stack, body, checksum FROM policy_version WHERE sequence > ?1
                ORDER BY sequence LIMIT ?2
                """, .count(PolicyTables.number(key)), .integer(Int64(limit))
            ) { row throws(StoreError) in PolicyTables.key(try readVersion(row).sequence) }.last
        case 3:
            let last = try leaves(after: PrincipalID(bytes: key), limit: limit).last?.envoy
            return last?.bytes
        case 4:
            return try database.rows(
                "SELECT envoy, body, checksum FROM policy_box WHERE envoy > ?1 ORDER BY envoy LIMIT ?2", .blob(key),
                .integer(Int64(min(limit, PolicyTables.scrubPartsMax)))
            ) { row throws(StoreError) in try readBox(row).envoy.bytes }.last
        case 5:
            let last = try deliveries(after: PrincipalID(bytes: key), limit: limit).last?.envoy
            return last?.bytes
        default:
            try verifyStates()
            return try verifyRecords(after: key)
        }
    }

    private func verifyParts(_ owner: Owner, after key: [UInt8], limit: Int) throws(StoreError) -> [UInt8]? {
        try database.rows(
            """
            SELECT digest, number, parts, body, checksum FROM policy_\(owner) WHERE (digest, number) > (?1, ?2)
            ORDER BY digest, number LIMIT ?3
            """, .blob(Array(key.prefix(Bytes32.count))), .count(PolicyTables.number(key.dropFirst(Bytes32.count))),
            .integer(Int64(min(limit, PolicyTables.scrubPartsMax)))
        ) { row throws(StoreError) in
            let part = try readPart(row, owner)
            return part.digest.bytes + PolicyTables.key(part.number)
        }.last
    }

    private func verifyRecords(after key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try database.rows(
            """
            SELECT kind, id, number, position, body, checksum FROM policy_record
            WHERE (kind, id, number) > (?1, ?2, ?3) ORDER BY kind, id, number LIMIT ?4
            """, .integer(Int64(key.first ?? 0)), .blob(Array(key.dropFirst().prefix(PrincipalID.count))),
            .count(PolicyTables.number(key.dropFirst(1 + PrincipalID.count))),
            .integer(Int64(PolicyTables.scrubPartsMax))
        ) { row throws(StoreError) in
            let record = try readRecord(row)
            return [UInt8(record.kind.rawValue)] + record.id.bytes + PolicyTables.key(record.number)
        }.last
    }

    /// Three rows at most.
    private func verifyStates() throws(StoreError) {
        try database.each("SELECT name, number, body, checksum FROM policy_state ORDER BY name") {
            row throws(StoreError) in
            _ = try readState(row)
            return true
        }
        _ = try freeze()
    }

    private static func key(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    private static func number(_ key: some Sequence<UInt8>) -> UInt64 { key.reduce(0) { $0 << 8 | UInt64($1) } }
}
