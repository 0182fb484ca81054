internal import CRDT
internal import Spanner

/// The one row that says how far a journal is and what was promised. Read and written in each transaction, so that the
/// fence, the log and the tables never part.
struct PartitionState: Equatable {
    /// The mesh, and the partition's name in it.
    var mesh: Bytes32
    var partition: String
    /// The chain's value before the first record.
    var genesis: Bytes32
    /// Highest epoch promised.
    var promised: PartitionEpoch
    /// The last record. The tables hold what it and all before it did.
    var tip: LogPoint
    /// All up to there is safe.
    var safe: UInt64
    /// The record before the first one still held.
    var base: LogPoint
    /// Disks beside the members that may come to hold acknowledged records; sorted.
    var acquaintances: [ReplicaID]
    /// Whether this disk is new and does not know yet what the others promised.
    var isForgetful: Bool

    /// Bounds the row when it is read.
    static let partitionBytesMax = 255

    static let schema = """
        CREATE TABLE partition(
            one INTEGER PRIMARY KEY CHECK (one = 1),
            body BLOB NOT NULL,
            checksum INTEGER NOT NULL
        ) STRICT;
        """

    /// An empty journal.
    init(identity: PartitionIdentity, genesis: Bytes32) {
        (mesh, partition, self.genesis) = (identity.mesh.bytes, identity.partition.text, genesis)
        let start = LogPoint(epoch: .none, position: 0, hash: genesis)
        (promised, tip, safe, base) = (.none, start, 0, start)
        (acquaintances, isForgetful) = ([], true)
    }

    /// The row of a database; nil where it has none yet. `store_corrupt` where it is not what was written.
    static func load(from database: Database) throws(StoreError) -> PartitionState? {
        let row = try database.first("SELECT body, checksum FROM partition WHERE one = 1") { row throws(StoreError) in
            (body: row.blob(0), checksum: row.integer(1))
        }
        guard let row else { return nil }
        guard row.checksum == Checksum.row(0, 0, row.body), let state = try? PartitionState(decoding: row.body) else {
            throw database.damage("the state of the journal is not what was written")
        }
        return state
    }

    /// Writes the row.
    func save(to database: Database) throws(StoreError) {
        let body = canonicalBytes
        try database.run(
            "INSERT OR REPLACE INTO partition(one, body, checksum) VALUES (1, ?1, ?2)", .blob(body),
            .integer(Checksum.row(0, 0, body)))
    }
}

extension PartitionState: CanonicalValue {
    init(decoding bytes: [UInt8]) throws(DecodingFailure) {
        var decoder = CanonicalDecoder(bytes)
        try self.init(from: &decoder)
        try decoder.finish()
    }

    func encode(to encoder: inout CanonicalEncoder) {
        encoder.fixed(mesh)
        encoder.text(partition)
        encoder.fixed(genesis)
        promised.encode(to: &encoder)
        tip.encode(to: &encoder)
        encoder.integer(safe)
        base.encode(to: &encoder)
        encoder.list(acquaintances) { encoder, replica in replica.encode(to: &encoder) }
        encoder.flag(isForgetful)
    }

    init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        mesh = try decoder.fixed()
        partition = try decoder.text("partition", limit: PartitionState.partitionBytesMax)
        genesis = try decoder.fixed()
        promised = try PartitionEpoch(from: &decoder)
        tip = try LogPoint(from: &decoder)
        safe = try decoder.integer()
        base = try LogPoint(from: &decoder)
        acquaintances = try decoder.list("acquaintances", limit: PartitionLimits.universeMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try ReplicaID(from: &decoder)
        }
        isForgetful = try decoder.flag()
    }
}
