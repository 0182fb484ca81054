public import CRDT
public import Spanner

/// All that two bolts say on a peer link: the roster's gossip to everybody, and, between bolts of one partition, its
/// replication.
public enum PeerMessage: Hashable, Sendable {
    /// The roster plane's. Messages of kinds that this version does not know are among them, by their number only.
    case gossip(GossipMessage)
    /// The partition plane's.
    case partition(PartitionMessage)
    /// A piece of the snapshot that was announced last on this link: the bytes from `offset` on.
    case snapshotPiece(offset: UInt64, [UInt8])

    /// Number of the message's kind on the wire.
    public var kind: UInt64 {
        switch self {
        case .gossip(let message): MessageCodec.kind(of: message)
        case .partition: PartitionMessageKind.message.rawValue
        case .snapshotPiece: PartitionMessageKind.snapshotPiece.rawValue
        }
    }

    /// The message's body: one value, one form.
    public var body: [UInt8] {
        switch self {
        case .gossip(let message): return MessageCodec.body(of: message)
        case .partition(let message): return message.canonicalBytes
        case .snapshotPiece(let offset, let bytes):
            var encoder = CanonicalEncoder(capacity: bytes.count + 16)
            encoder.integer(offset)
            encoder.string(bytes)
            return encoder.bytes
        }
    }

    /// The message of this kind with this body; unknown kinds keep their number only.
    public init(kind: UInt64, body: ArraySlice<UInt8>) throws(DecodingFailure) {
        var decoder = CanonicalDecoder(slice: body)
        switch PartitionMessageKind(rawValue: kind) {
        case .message: self = .partition(try PartitionMessage(from: &decoder))
        case .snapshotPiece:
            let offset = try decoder.integer()
            self = .snapshotPiece(
                offset: offset, try decoder.string("piece", limit: PartitionLimits.snapshotChunkBytes))
        case nil:
            self = .gossip(try MessageCodec.message(kind: kind, body: body))
            return
        }
        try decoder.finish()
    }
}
