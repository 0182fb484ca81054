internal import CRDT
public import Spanner

/// A command, or a record about replication, that was cut off from this disk's journal because the partition went on
/// without it.
public struct SalvagedCommand: Hashable, Sendable {
    /// What became of it since.
    public enum Fate: Int64, Sendable, CaseIterable {
        /// Nobody did anything with it yet.
        case kept = 0
        /// It was sent to the partition again.
        case replayed = 1
        /// An operator looked at it and let it go, or nothing of it can be replayed.
        case dismissed = 2
    }

    /// Its number on this disk, ascending.
    public var number: UInt64
    /// The record that it was in.
    public var point: LogPoint
    /// Its place in that record; nil for a record about replication.
    public var index: Int?
    /// The command, or the record's encoding.
    public var body: [UInt8]
    /// What it was, in one line.
    public var text: String
    /// What became of it.
    public var fate: Fate
}

/// What was cut off: kept on the disk that it was cut from, never replicated, until somebody decides (P4).
struct SalvageTable {
    let database: Database

    static let schema = """
        CREATE TABLE salvage(
            number INTEGER PRIMARY KEY,
            point BLOB NOT NULL,
            place INTEGER NOT NULL,
            body BLOB NOT NULL,
            text TEXT NOT NULL,
            fate INTEGER NOT NULL CHECK (fate BETWEEN 0 AND 2),
            checksum INTEGER NOT NULL,
            UNIQUE (point, place)
        ) STRICT;
        CREATE INDEX salvage_by_fate ON salvage(fate, number);
        """

    /// Keeps all that a record held. A record that is kept already stays as it is, whatever became of it.
    func keep(_ held: HeldRecord, describing describe: ([UInt8]) -> String) throws(StoreError) {
        switch held.record.content {
        case .commands(let commands):
            for (index, command) in commands.enumerated() {
                try insert(held.point, Int64(index), command, describe(command), .kept)
            }
        case .control(let control):
            try insert(held.point, -1, held.record.canonicalBytes, SalvageTable.text(of: control), .dismissed)
        }
    }

    /// Keeps what another database of this disk kept; numbers are drawn anew.
    func adopt(_ command: SalvagedCommand) throws(StoreError) {
        try insert(command.point, Int64(command.index ?? -1), command.body, command.text, command.fate)
    }

    private func insert(
        _ point: LogPoint, _ index: Int64, _ body: [UInt8], _ text: String, _ fate: SalvagedCommand.Fate
    ) throws(StoreError) {
        let place = point.canonicalBytes
        let text = String(text.prefix(StoreLimits.salvageTextMax))
        try database.run(
            """
            INSERT INTO salvage(point, place, body, text, fate, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (point, place) DO NOTHING
            """, .blob(place), .integer(index), .blob(body), .text(text), .integer(fate.rawValue),
            .integer(Checksum.row(4, UInt64(bitPattern: index), place + body)))
    }

    /// What was cut off and has this fate, after a number, in order; at most `limit` and `StoreLimits.pageMax`.
    func commands(
        _ fate: SalvagedCommand.Fate, after number: UInt64, limit: Int
    ) throws(StoreError) -> [SalvagedCommand] {
        try database.rows(
            """
            SELECT number, point, place, body, text, fate, checksum FROM salvage
            WHERE fate = ?1 AND number > ?2 ORDER BY number LIMIT ?3
            """, .integer(fate.rawValue), .count(min(number, UInt64(Int64.max))),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try read(row) }
    }

    /// The same before a number, the latest first: a cut keeps the last record first, so this is the journal's order.
    func commands(
        _ fate: SalvagedCommand.Fate, before number: UInt64, limit: Int
    ) throws(StoreError) -> [SalvagedCommand] {
        try database.rows(
            """
            SELECT number, point, place, body, text, fate, checksum FROM salvage
            WHERE fate = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3
            """, .integer(fate.rawValue), .count(min(number, UInt64(Int64.max))),
            .integer(Int64(max(0, min(limit, StoreLimits.pageMax))))
        ) { row throws(StoreError) in try read(row) }
    }

    /// Visits all that was ever cut off and not forgotten, in order.
    func each(_ visit: (SalvagedCommand) throws(StoreError) -> Void) throws(StoreError) {
        try database.each("SELECT number, point, place, body, text, fate, checksum FROM salvage ORDER BY number") {
            row throws(StoreError) in
            try visit(try read(row))
            return true
        }
    }

    /// Says what became of it. `store_unknown` where there is nothing under that number.
    func settle(_ number: UInt64, as fate: SalvagedCommand.Fate) throws(StoreError) {
        let changed = try database.run(
            "UPDATE salvage SET fate = ?2 WHERE number = ?1", .count(min(number, UInt64(Int64.max))),
            .integer(fate.rawValue))
        guard changed == 1 else {
            throw StoreError(
                .unknown, what: "settling salvaged command \(number)", why: "nothing is kept under that number",
                next: "list what was salvaged")
        }
    }

    /// How many are kept up to a number.
    func kept(through number: UInt64) throws(StoreError) -> UInt64 {
        let counts = try database.rows(
            "SELECT count(*) FROM salvage WHERE fate = ?1 AND number <= ?2",
            .integer(SalvagedCommand.Fate.kept.rawValue), .count(min(number, UInt64(Int64.max)))
        ) { row in row.count(0) }
        return counts.first ?? 0
    }

    /// Lets go of what is kept up to a number. Returns how many.
    func dismiss(through number: UInt64) throws(StoreError) -> UInt64 {
        UInt64(
            try database.run(
                "UPDATE salvage SET fate = ?1 WHERE fate = ?2 AND number <= ?3",
                .integer(SalvagedCommand.Fate.dismissed.rawValue), .integer(SalvagedCommand.Fate.kept.rawValue),
                .count(min(number, UInt64(Int64.max)))))
    }

    /// Forgets what was replayed or dismissed, up to a number, but for how much went unseen. Returns how many.
    func forget(through number: UInt64) throws(StoreError) -> Int {
        try database.run(
            "DELETE FROM salvage WHERE fate <> 0 AND number <= ?1 AND place <> ?2",
            .count(min(number, UInt64(Int64.max))), .integer(SalvageTable.lostPlace))
    }

    /// Forgets what goes beyond a limit: what was replayed or dismissed first, the oldest first, then what nobody
    /// looked at. How much of the latter went is kept in one line that is never forgotten: nothing vanishes in silence.
    func trim(to bytesMax: Int = StoreLimits.salvageBytesMax) throws(StoreError) {
        let beyond = """
            SELECT number, fate FROM (
                SELECT number, fate, sum(length(body) + length(text) + \(StoreLimits.salvageRowBytes))
                    OVER (ORDER BY fate = 0 DESC, number DESC) AS total
                FROM salvage WHERE place <> \(SalvageTable.lostPlace))
            WHERE total > ?1
            """
        let most = SQLValue.integer(Int64(bytesMax))
        let lost = try database.rows("SELECT count(*) FROM (\(beyond)) WHERE fate = 0", most) { row in row.count(0) }
        try database.run("DELETE FROM salvage WHERE number IN (SELECT number FROM (\(beyond)))", most)
        if let lost = lost.first, lost > 0 { try noteLost(lost) }
    }

    /// Where the line stands that says how much was forgotten unseen.
    private static let lostPlace: Int64 = -2

    private func noteLost(_ more: UInt64) throws(StoreError) {
        let noted = try database.rows(
            "SELECT number, point, place, body, text, fate, checksum FROM salvage WHERE place = ?1",
            .integer(SalvageTable.lostPlace)
        ) { row throws(StoreError) in try read(row) }
        let before = noted.compactMap { UInt64($0.text.prefix { $0.isNumber }) }.reduce(0, +)
        try database.run("DELETE FROM salvage WHERE place = ?1", .integer(SalvageTable.lostPlace))
        let none = LogPoint(epoch: .none, position: 0, hash: .zero)
        try insert(
            none, SalvageTable.lostPlace, [],
            "\(before + more) commands that nobody looked at were forgotten: more was cut off than is kept", .dismissed)
    }

    func removeAll() throws(StoreError) { try database.run("DELETE FROM salvage") }

    private func read(_ row: SQLRow) throws(StoreError) -> SalvagedCommand {
        let (place, body) = (row.blob(1), row.blob(3))
        guard row.integer(6) == Checksum.row(4, UInt64(bitPattern: row.integer(2)), place + body),
            let point = LogPoint(decoding: place), let fate = SalvagedCommand.Fate(rawValue: row.integer(5))
        else { throw database.damage("salvaged command \(row.count(0)) is not what was written") }
        return SalvagedCommand(
            number: row.count(0), point: point, index: row.integer(2) < 0 ? nil : Int(row.integer(2)), body: body,
            text: row.text(4), fate: fate)
    }

    static func text(of control: PartitionControl) -> String {
        switch control {
        case .begin(let begin): return "epoch begun by operation \(begin.operation)"
        case .configuration(let configuration): return "configuration of \(configuration.members.count) members"
        case .handover(let operation, let target): return "hand-over \(operation) to \(target)"
        case .handoverCancelled(let operation): return "hand-over \(operation) cancelled"
        }
    }
}

extension LogPoint {
    /// A point from all of its encoding; nil for anything else.
    init?(decoding bytes: [UInt8]) {
        var decoder = CanonicalDecoder(bytes)
        guard let point = try? LogPoint(from: &decoder), decoder.remaining == 0 else { return nil }
        self = point
    }
}
