public import CRDT
public import Spanner

/// The digest of a slice's rows here, some envoys at a time: a large slice must not hold up who waits for another. The
/// rows must not change between two steps; the slice is sealed while this runs.
public struct SliceDigest {
    /// Which slice.
    public let slice: SliceID
    /// The digest, once all envoys are in it; nil before.
    public var value: Bytes32? { isWhole ? sum : nil }

    var sum: Bytes32
    var last: PrincipalID?
    var isWhole = false
}

/// What is staged for a handoff to here, put together as it comes, and its digest, some rows at a time. Good while
/// nothing that is staged goes.
public struct StagedFold {
    /// Which handoff.
    public let handoff: HandoffID
    /// Bytes of pieces in it.
    public internal(set) var bytes = 0
    /// The digest, once all that was staged is in it; nil before.
    public var value: Bytes32? { isWhole ? sum : nil }

    var model = SliceModel()
    /// The last piece in it.
    var number: Int64 = 0
    var sum = Bytes32.zero
    /// Envoys whose digests are still to be taken, the last first; nil before the first is.
    var rest: [PrincipalID]?
    var queues: [PrincipalID: [QueueID]] = [:]
    var isWhole = false
}

extension PartitionStore {
    /// Begins the digest of a slice.
    public func beginDigest(of slice: SliceID) -> SliceDigest {
        SliceDigest(slice: slice, sum: SliceModel.origin(witness))
    }

    /// Goes on with it, for about so many bytes of rows.
    public func step(_ digest: inout SliceDigest, bytes limit: Int) throws(StoreError) {
        var bytes = 0
        while !digest.isWhole, bytes < limit {
            guard let envoy = try tables.slices.envoys(of: digest.slice, after: digest.last, limit: 1).first else {
                digest.isWhole = true
                return
            }
            let model = try tables.slices.model(of: envoy, in: digest.slice)
            digest.sum = model.digest(of: envoy, model.queuesByEnvoy[envoy] ?? [], after: digest.sum, witness)
            digest.last = envoy
            bytes += model.bytes(of: envoy, model.queuesByEnvoy[envoy] ?? [])
        }
    }

    /// Begins to put together what is staged for a handoff.
    public func beginFold(of handoff: HandoffID) -> StagedFold { StagedFold(handoff: handoff) }

    /// Takes pieces that were staged since, at least one and for about so many bytes. Returns whether none is left.
    @discardableResult
    public func read(_ fold: inout StagedFold, bytes limit: Int) throws(StoreError) -> Bool {
        let before = fold.number
        var read = 0
        while read < limit {
            guard let piece = try tables.slices.stagedPiece(fold.handoff, after: fold.number) else {
                if fold.number != before { fold.beginAnew() }
                return true
            }
            fold.number = piece.number
            fold.bytes += piece.body.count
            read += piece.body.count + 1
            if let rows = SliceRow.rows(piece.body) { _ = fold.model.take(rows) }
        }
        fold.beginAnew()
        return false
    }

    /// Goes on until the digest is there, for about so many bytes.
    public func step(_ fold: inout StagedFold, bytes limit: Int) throws(StoreError) {
        let before = fold.bytes
        guard try read(&fold, bytes: limit) else { return }
        var bytes = fold.bytes - before
        if fold.rest == nil {
            (fold.rest, fold.queues) = (Array(fold.model.members.reversed()), fold.model.queuesByEnvoy)
            fold.sum = SliceModel.origin(witness)
        }
        while bytes < limit, let envoy = fold.rest?.popLast() {
            let queues = fold.queues[envoy] ?? []
            fold.sum = fold.model.digest(of: envoy, queues, after: fold.sum, witness)
            bytes += fold.model.bytes(of: envoy, queues)
        }
        fold.isWhole = fold.rest?.isEmpty == true
    }

    /// What stands against serving what is staged, and its digest; nil while that is not there. `isMember` says whether
    /// an envoy is of the order's slice.
    public func judge(
        _ fold: StagedFold, of order: HandoffOrder, isMember: (PrincipalID) -> Bool
    ) throws(StoreError) -> StagedSlice? {
        guard let digest = fold.value else { return nil }
        return StagedSlice(
            digest: digest,
            strangers: fold.model.members.filter { !isMember($0) }.prefix(StagedSlice.namedMax).map {
                "envoy \($0) is not of slice \(order.slice)"
            },
            conflicts: try tables.slices.conflicts(in: fold.model, of: order.slice, tables.results))
    }
}

extension StagedFold {
    /// More came: what was hashed may be another now.
    mutating func beginAnew() { (rest, queues, isWhole) = (nil, [:], false) }
}

extension SliceModel {
    /// Bytes that an envoy's rows take about.
    func bytes(of envoy: PrincipalID, _ ids: [QueueID]) -> Int {
        ids.reduce(64 + (envoys[envoy]?.traits?.count ?? 0)) { bytes, id in
            guard let queue = queues[id] else { return bytes }
            return queue.results.values.reduce(bytes + 64) { $0 + $1.body.count + 24 }
        }
    }
}

extension SliceTables {
    /// All rows of an envoy as they are now.
    func model(of envoy: PrincipalID, in slice: SliceID) throws(StoreError) -> SliceModel {
        var model = SliceModel()
        var rows: [SliceRow] = []
        for part in try parts(of: envoy) { if let row = try row(part) { rows.append(row) } }
        guard model.take(rows) else { throw database.damage("a queue of slice \(slice) is of two envoys") }
        return model
    }

    /// The next piece that is staged after a number; nil where there is none.
    func stagedPiece(_ id: HandoffID, after number: Int64) throws(StoreError) -> (number: Int64, body: [UInt8])? {
        try database.first(
            """
            SELECT number, body, checksum FROM staged WHERE handoff = ?1 AND number > ?2 ORDER BY number LIMIT 1
            """, .blob(id.bytes.bytes), .integer(number)
        ) { row throws(StoreError) -> (number: Int64, body: [UInt8]) in
            let body = row.blob(1)
            guard row.integer(2) == Checksum.row(17, row.count(0), id.bytes.bytes + body) else {
                throw database.damage("a staged piece of handoff \(id) is not what was written")
            }
            return (row.integer(0), body)
        }
    }
}
