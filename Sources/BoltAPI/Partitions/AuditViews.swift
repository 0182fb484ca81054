public import CRDT
public import Spanner

/// One line of a partition's audit log.
public struct AuditRecordView: Hashable, Sendable, Codable {
    /// Its number: 1 is the first, without gaps.
    public var number: UInt64
    /// The journal's record that it came with.
    public var position: UInt64
    /// When, by the primary's clock of then.
    public var at: WallTime
    /// Who asked, as the certificate says.
    public var actor: String
    /// What was done: a stable word such as `partition.switchover`.
    public var action: String
    /// To what; never a secret's value.
    public var object: String
    /// Why, in the operator's words.
    public var reason: String
    /// The chain's value with this line: the hash of the value before, the number, the position and the line.
    public var hash: Bytes32

    /// A line as a bolt keeps it.
    public init(number: UInt64, position: UInt64, entry: AuditEntry, hash: Bytes32) {
        (self.number, self.position, at, self.hash) = (number, position, entry.at, hash)
        (actor, action, object, reason) = (entry.actor, entry.action, entry.object, entry.reason)
    }

    /// The line without its place.
    public var entry: AuditEntry {
        AuditEntry(at: at, actor: actor, action: action, object: object, reason: reason)
    }

    /// What the chain's hash is taken of, after the line whose value is `previous`; 32 zero bytes before the first.
    public func hashed(after previous: Bytes32) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.fixed(previous)
        encoder.integer(number)
        encoder.integer(position)
        entry.encode(to: &encoder)
        return encoder.bytes
    }

    enum CodingKeys: String, CodingKey {
        case number, position, actor, action, object, reason, hash
        case at = "at_ms"
    }
}

/// `GET /v1/partitions/{partition}/audit?bolt=&after=&limit=`: who did what in a partition, and why.
public struct AuditResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// Whose copy, `name.partition`.
    public var bolt: String
    /// By number, without gaps.
    public var records: [AuditRecordView]
    /// Number after which the next page begins; nil on the last.
    public var nextAfter: UInt64?
    /// Seconds since that bolt heard the primary; 0 at the primary, nil where it heard none.
    public var ageSeconds: Double?

    /// A page of the audit log.
    public init(
        partition: PartitionName, bolt: String, records: [AuditRecordView], nextAfter: UInt64?,
        ageSeconds: Double? = nil
    ) {
        (self.partition, self.bolt, self.records, self.nextAfter) = (partition, bolt, records, nextAfter)
        self.ageSeconds = ageSeconds
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, records
        case nextAfter = "next_after"
        case ageSeconds = "age_seconds"
    }
}
