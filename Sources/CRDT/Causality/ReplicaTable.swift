/// Short names for replicas within one stream or one value: the first mention carries the 40 bytes, later ones a
/// number.
///
/// Both ends keep one table per direction and connection and feed it the same values in the same order. An encoding
/// made with an empty table stands alone. When decoding throws, the table may have learnt names: drop the stream.
public struct ReplicaTable: Sendable {
    /// The replicas by number.
    public private(set) var replicas: [ReplicaID] = []
    private var numbers: [ReplicaID: Int] = [:]

    /// Replicas beyond this many are spelt out each time.
    public static let countMax = 65_536

    /// An empty table.
    public init() {}

    private mutating func learn(_ replica: ReplicaID) {
        guard replicas.count < ReplicaTable.countMax else { return }
        numbers[replica] = replicas.count
        replicas.append(replica)
    }

    /// Writes a replica, and remembers it.
    public mutating func encode(_ replica: ReplicaID, to encoder: inout CanonicalEncoder) {
        if let number = numbers[replica] {
            encoder.count(number)
        } else {
            encoder.count(replicas.count)
            replica.encode(to: &encoder)
            learn(replica)
        }
    }

    /// Reads a replica, and remembers it.
    public mutating func decode(from decoder: inout CanonicalDecoder) throws(DecodingFailure) -> ReplicaID {
        let number = try decoder.integer()
        if number < UInt64(replicas.count) { return replicas[Int(number)] }
        guard number == UInt64(replicas.count) else { throw .invalid(what: "replica number") }
        let replica = try ReplicaID(from: &decoder)
        guard numbers[replica] == nil else { throw .notCanonical(what: "replica spelt out twice") }
        learn(replica)
        return replica
    }
}
