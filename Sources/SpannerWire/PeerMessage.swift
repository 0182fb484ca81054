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
    /// First between bolts of one partition: which life of its database the speaker has. Never 0.
    case disk(incarnation: UInt64)
    /// To everybody: what the speaker does for its partition.
    case standing(PartitionStanding)
    /// To the primary: a command that was cut off from the speaker's log, under the speaker's number for it.
    case replay(UInt64, command: [UInt8])
    /// What became of the command under that number.
    case replayed(UInt64, ReplayVerdict)
    /// Last on a link: by the speaker's roster the listener was removed, or banned. It brings nothing about, for the
    /// listener's own roster tells it that with proof, where it ever learns of it.
    case expelled(banned: Bool)
    /// From the primary of a handoff's source to that of its target.
    case handoff(HandoffMessage)
    /// From the target's primary to the source's.
    case handoffReply(HandoffReply)
    /// From the primary that drives a task to that of a source.
    case sliceOrder(SliceOrder)
    /// From a source's primary to the one that drives the task.
    case sliceReport(SliceReport)
    /// From each primary to everybody: how many envoys are in its slices, and where those go.
    case sliceCensus(SliceCensus)
    /// From the primary of a partition whose slice was taken over to that of the owner: what it still holds.
    case sliceRemains(SliceRemains)
    /// What the owner made of that.
    case sliceRemainsTaken(SliceRemains.Mark, ReplayVerdict)

    /// Number of the message's kind on the wire.
    public var kind: UInt64 {
        switch self {
        case .gossip(let message): MessageCodec.kind(of: message)
        case .partition: PartitionMessageKind.message.rawValue
        case .snapshotPiece: PartitionMessageKind.snapshotPiece.rawValue
        case .disk: PartitionMessageKind.disk.rawValue
        case .standing: PartitionMessageKind.standing.rawValue
        case .replay: PartitionMessageKind.replay.rawValue
        case .replayed: PartitionMessageKind.replayed.rawValue
        case .expelled: PartitionMessageKind.expelled.rawValue
        case .handoff: PartitionMessageKind.handoff.rawValue
        case .handoffReply: PartitionMessageKind.handoffReply.rawValue
        case .sliceOrder: PartitionMessageKind.sliceOrder.rawValue
        case .sliceReport: PartitionMessageKind.sliceReport.rawValue
        case .sliceCensus: PartitionMessageKind.sliceCensus.rawValue
        case .sliceRemains: PartitionMessageKind.sliceRemains.rawValue
        case .sliceRemainsTaken: PartitionMessageKind.sliceRemainsTaken.rawValue
        }
    }

    /// The message's body: one value, one form.
    public var body: [UInt8] {
        switch self {
        case .gossip(let message): return MessageCodec.body(of: message)
        case .partition(let message): return message.canonicalBytes
        case .standing(let standing): return standing.canonicalBytes
        case .snapshotPiece(let offset, let bytes):
            var encoder = CanonicalEncoder(capacity: bytes.count + 16)
            encoder.integer(offset)
            encoder.string(bytes)
            return encoder.bytes
        case .disk(let incarnation):
            return withUnsafeBytes(of: incarnation.bigEndian) { Array($0) }
        case .replay(let number, let command):
            var encoder = CanonicalEncoder(capacity: command.count + 16)
            encoder.integer(number)
            encoder.string(command)
            return encoder.bytes
        case .replayed(let number, let verdict):
            var encoder = CanonicalEncoder(capacity: 16)
            encoder.integer(number)
            encoder.byte(verdict.rawValue)
            return encoder.bytes
        case .expelled(let banned): return [banned ? 1 : 0]
        case .handoff(let message): return message.canonicalBytes
        case .handoffReply(let reply): return reply.canonicalBytes
        case .sliceOrder(let order): return order.canonicalBytes
        case .sliceReport(let report): return report.canonicalBytes
        case .sliceCensus(let census): return census.canonicalBytes
        case .sliceRemains(let remains): return remains.canonicalBytes
        case .sliceRemainsTaken(let mark, let verdict): return mark.canonicalBytes + [verdict.rawValue]
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
        case .disk:
            let incarnation = try decoder.raw(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard incarnation != 0 else { throw .invalid(what: "incarnation") }
            self = .disk(incarnation: incarnation)
        case .standing: self = .standing(try PartitionStanding(from: &decoder))
        case .replay:
            let number = try decoder.integer()
            self = .replay(number, command: try decoder.string("command", limit: PartitionLimits.commandBytesMax))
        case .replayed:
            let number = try decoder.integer()
            guard let verdict = ReplayVerdict(rawValue: try decoder.byte()) else { throw .invalid(what: "verdict") }
            self = .replayed(number, verdict)
        case .expelled: self = .expelled(banned: try decoder.flag())
        case .handoff: self = .handoff(try HandoffMessage(from: &decoder))
        case .handoffReply: self = .handoffReply(try HandoffReply(from: &decoder))
        case .sliceOrder: self = .sliceOrder(try SliceOrder(from: &decoder))
        case .sliceReport: self = .sliceReport(try SliceReport(from: &decoder))
        case .sliceCensus: self = .sliceCensus(try SliceCensus(from: &decoder))
        case .sliceRemains: self = .sliceRemains(try SliceRemains(from: &decoder))
        case .sliceRemainsTaken:
            let mark = try SliceRemains.Mark(from: &decoder)
            guard let verdict = ReplayVerdict(rawValue: try decoder.byte()) else { throw .invalid(what: "verdict") }
            self = .sliceRemainsTaken(mark, verdict)
        case nil:
            self = .gossip(try MessageCodec.message(kind: kind, body: body))
            return
        }
        try decoder.finish()
    }
}

/// What a primary made of a command that another bolt had to drop.
public enum ReplayVerdict: UInt8, Sendable, CaseIterable {
    /// It is in the journal, safely; or its work was done already.
    case done = 1
    /// Not now: this bolt does not reign, or it is not safe yet. A repeat is harmless.
    case later = 2
    /// The tables do not take it as they are.
    case refused = 3
}
