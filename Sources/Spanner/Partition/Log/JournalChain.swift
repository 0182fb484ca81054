public import CRDT

/// The hash chain of a partition's journal.
///
/// - h(0) = H(`bolt partition chain v1` ‖ mesh ‖ name of the partition): it stands for the partition, too
/// - h(n) = H(h(n−1) ‖ canonical(epoch, position, content))
public struct JournalChain: Sendable {
    private static let domain = Array("bolt partition chain v1".utf8)

    private let witness: any Witness

    /// Chains hashed by `witness`.
    public init(witness: any Witness) { self.witness = witness }

    /// h(0) of a partition; no other partition of any mesh has it.
    public func genesis(mesh: MeshID, partition: String) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.raw(JournalChain.domain)
        encoder.fixed(mesh.bytes)
        encoder.text(partition)
        return witness.hash(encoder.bytes)
    }

    /// The chain's value with this record.
    public func hash(of record: JournalRecord) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 128 + record.contentBytes)
        encoder.fixed(record.previous)
        record.encodeHashed(to: &encoder)
        return witness.hash(encoder.bytes)
    }

    /// The point that this record makes.
    public func point(of record: JournalRecord) -> LogPoint {
        LogPoint(epoch: record.epoch, position: record.position, hash: hash(of: record))
    }

    /// Whether a record may stand right after `point`: its place, the chain's value before it, and an epoch that does
    /// not go back and changes with a `begin` record only.
    public func isFollowing(_ record: JournalRecord, _ point: LogPoint) -> Bool {
        guard point.position < UInt64.max, record.position == point.position + 1, record.previous == point.hash,
            record.isWithinLimits
        else { return false }
        if case .control(.begin(let begin)) = record.content {
            return record.epoch > point.epoch && begin.basis == point
        }
        return record.epoch == point.epoch
    }

    /// The point after all of `records`, or nil where one does not follow.
    public func tip(after point: LogPoint, _ records: some Sequence<JournalRecord>) -> LogPoint? {
        var tip = point
        for record in records {
            guard isFollowing(record, tip) else { return nil }
            tip = self.point(of: record)
        }
        return tip
    }
}
