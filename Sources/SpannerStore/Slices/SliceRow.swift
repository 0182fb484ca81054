internal import CRDT
internal import Spanner

/// One row of a slice on its way to another partition. Rows are unions: taking one twice, or one that a later snapshot
/// has already, changes nothing.
enum SliceRow: Hashable {
    /// An envoy of the slice: when it was last seen, and its traits where they are known; later ones replace earlier.
    case envoy(PrincipalID, seen: UInt64, traits: [UInt8]?)
    /// Results of one queue, ascending.
    case results(PartitionCommand.EnvoyQueue, [Result])
    /// Why results of a queue are not there.
    case base(PartitionCommand.EnvoyQueue, first: UInt64, through: UInt64, reason: String, at: UInt64)

    /// A result with when it was stored first.
    struct Result: Hashable {
        let sequence: UInt64
        let received: UInt64
        let body: [UInt8]
    }

    /// Bytes that it takes about.
    var bytes: Int {
        switch self {
        case .envoy(_, _, let traits): 48 + (traits?.count ?? 0)
        case .results(_, let results): 48 + results.reduce(0) { $0 + $1.body.count + 24 }
        case .base(_, _, _, let reason, _): 80 + reason.utf8.count
        }
    }

    /// Rows of one piece at most.
    static let rowsMax = 64 * 1024

    /// The content of a piece; empty where there are no rows.
    static func content(_ rows: [SliceRow]) -> [UInt8] {
        guard !rows.isEmpty else { return [] }
        var encoder = CanonicalEncoder(capacity: rows.reduce(16) { $0 + $1.bytes })
        encoder.list(rows) { encoder, row in row.encode(to: &encoder) }
        return encoder.bytes
    }

    /// The rows of a piece's content; nil for anything that `content` does not write.
    static func rows(_ content: [UInt8]) -> [SliceRow]? {
        guard !content.isEmpty else { return [] }
        var decoder = CanonicalDecoder(content)
        do throws(DecodingFailure) {
            let rows = try decoder.list("rows", limit: rowsMax) {
                (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try SliceRow(from: &decoder)
            }
            try decoder.finish()
            return rows
        } catch { return nil }
    }

    private func encode(to encoder: inout CanonicalEncoder) {
        switch self {
        case .envoy(let envoy, let seen, let traits):
            encoder.byte(1)
            encoder.raw(envoy.bytes)
            encoder.integer(seen)
            encoder.optional(traits) { encoder, traits in encoder.string(traits) }
        case .results(let queue, let results):
            encoder.byte(2)
            encoder.raw(queue.envoy.bytes)
            encoder.raw(queue.queue.bytes)
            encoder.list(results) { encoder, result in
                encoder.integer(result.sequence)
                encoder.integer(result.received)
                encoder.string(result.body)
            }
        case .base(let queue, let first, let through, let reason, let at):
            encoder.byte(3)
            encoder.raw(queue.envoy.bytes)
            encoder.raw(queue.queue.bytes)
            for number in [first, through, at] { encoder.integer(number) }
            encoder.text(reason)
        }
    }

    private init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        switch try decoder.byte() {
        case 1:
            guard let envoy = PrincipalID(bytes: try decoder.raw(PrincipalID.count)) else { throw .truncated }
            let seen = try decoder.integer()
            let traits = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                try decoder.string("traits", limit: PartitionLimits.traitsBytesMax)
            }
            self = .envoy(envoy, seen: seen, traits: traits)
        case 2:
            let queue = try SliceRow.queue(&decoder)
            let results = try decoder.list("results", limit: SliceRow.rowsMax) {
                (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
                let (sequence, received) = (try decoder.integer(), try decoder.integer())
                guard (1...SequenceLimits.sequenceMax).contains(sequence) else { throw .invalid(what: "sequence") }
                let body = try decoder.string("result", limit: PartitionLimits.resultBytesMax)
                return Result(sequence: sequence, received: received, body: body)
            }
            guard !results.isEmpty else { throw .invalid(what: "no results") }
            self = .results(queue, results)
        case 3:
            let queue = try SliceRow.queue(&decoder)
            let (first, through, at) = (try decoder.integer(), try decoder.integer(), try decoder.integer())
            guard first >= 1, first <= through, through <= SequenceLimits.sequenceMax else {
                throw .invalid(what: "base")
            }
            let reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
            self = .base(queue, first: first, through: through, reason: reason, at: at)
        default: throw .invalid(what: "kind of row")
        }
    }

    private static func queue(
        _ decoder: inout CanonicalDecoder
    ) throws(DecodingFailure) -> PartitionCommand.EnvoyQueue {
        guard let envoy = PrincipalID(bytes: try decoder.raw(PrincipalID.count)),
            let queue = QueueID(bytes: try decoder.raw(16))
        else { throw .truncated }
        return PartitionCommand.EnvoyQueue(envoy: envoy, queue: queue)
    }
}
