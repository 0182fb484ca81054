import CRDT
import Spanner

/// A table whose rows are sealed.
public struct SealedTable: RawRepresentable, Hashable, Sendable {
    /// Its stable name.
    public let rawValue: String
    /// The table with this name.
    public init(rawValue: String) { self.rawValue = rawValue }
    /// Secrets that operators put.
    public static let secrets = Self(rawValue: "secrets")
    /// The partition's own private keys.
    public static let partitionKeys = Self(rawValue: "partition_keys")
}

/// The place of something sealed. What was sealed for one place opens at no other (S4).
public struct SealedRow: Hashable, Sendable, CustomStringConvertible {
    /// Its table.
    public let table: SealedTable
    /// Its name in the table, 1...`VaultLimits.recordBytesMax` bytes, with whatever else must not be exchanged.
    public let record: [UInt8]

    /// A row. Fails with `tooLarge` for a name without bytes or over its limit.
    public init(_ table: SealedTable, _ record: [UInt8]) throws(VaultError) {
        guard (1...VaultLimits.recordBytesMax).contains(record.count) else {
            throw VaultError(
                .tooLarge, what: "name a sealed row",
                why: "\(record.count) bytes, 1 to \(VaultLimits.recordBytesMax) are taken", next: "shorten it")
        }
        (self.table, self.record) = (table, record)
    }

    /// The table only: a row's name is shown by those who know what it means.
    public var description: String { "a row of \(table.rawValue)" }

    func context(_ owner: VaultOwner, _ generation: UInt64) -> [UInt8] {
        boxContext("bolt sealed row 1") { encoder in
            owner.encode(to: &encoder)
            encoder.text(table.rawValue)
            encoder.string(record)
            encoder.integer(generation)
        }
    }
}
