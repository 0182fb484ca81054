public import CRDT
public import Spanner

/// Takes a snapshot in, piece by piece, into a file beside the database, which is untouched by it.
public final class SnapshotReceiver {
    private let path: String
    private let offer: IncomingSnapshot
    private let descriptor: FileSystem.Descriptor
    private var received: UInt64 = 0
    private var isHandedOn = false

    init(path: String, offer: IncomingSnapshot) throws(StoreError) {
        (self.path, self.offer) = (path, offer)
        for name in [path, path + "-wal"] { try FileSystem.remove(name) }
        descriptor = try FileSystem.openFile(at: path)
    }

    deinit { if !isHandedOn { try? FileSystem.remove(path) } }

    /// Bytes taken in so far.
    public var bytes: UInt64 { received }

    /// Whether all that was offered is here.
    public var isWhole: Bool { received == offer.bytes }

    /// Adds the next piece. `store_snapshot_refused` for more than was offered, `store_full` where there is no room.
    public func append(_ piece: [UInt8]) throws(StoreError) {
        guard UInt64(piece.count) <= offer.bytes - received else {
            throw IncomingSnapshot.refusal("it is longer than the \(offer.bytes) bytes that were offered")
        }
        try FileSystem.append(piece, to: descriptor, path: path)
        received += UInt64(piece.count)
    }

    /// All of it is here: hands it on to be verified and installed. `store_snapshot_refused` where it was cut short.
    public func finish() throws(StoreError) -> IncomingSnapshot {
        guard isWhole else {
            throw IncomingSnapshot.refusal("it ended after \(received) of \(offer.bytes) bytes")
        }
        isHandedOn = true
        return offer
    }
}

/// A snapshot that another member offered, in a file beside the database.
public struct IncomingSnapshot: Sendable {
    /// The last record that it is said to hold.
    public let point: LogPoint
    /// Its length.
    public let bytes: UInt64
    /// What it is to hash to.
    public let digest: Bytes32
    let path: String
    let identity: PartitionIdentity
    let witness: any Witness
    /// Whether `verify` found it right.
    private(set) var isVerified = false

    init(
        point: LogPoint, bytes: UInt64, digest: Bytes32, path: String, identity: PartitionIdentity,
        witness: any Witness
    ) {
        (self.point, self.bytes, self.digest, self.path) = (point, bytes, digest, path)
        (self.identity, self.witness) = (identity, witness)
    }

    /// Reads all of it: length, digest, partition and mesh, the file's structure, each link of its journal and each
    /// row. May be called from any thread, before `PartitionStore.install`, which does it otherwise.
    /// `store_snapshot_refused` with the first reason; the file is gone then.
    public func verify() throws(StoreError) -> IncomingSnapshot {
        do throws(StoreError) {
            let found = try SnapshotDigest.of(path, witness: witness)
            guard found.bytes == bytes else {
                throw IncomingSnapshot.refusal("it is \(found.bytes) bytes long, not \(bytes)")
            }
            guard found.digest == digest else {
                throw IncomingSnapshot.refusal("its bytes are not those that were sent")
            }
            let aside = try Database.openAside(PartitionStore.kind, at: path)
            let state = try IncomingSnapshot.verified(aside, identity: identity, witness: witness)
            guard state.tip == point else {
                throw IncomingSnapshot.refusal(
                    "it ends with record \(state.tip.position), not with record \(point.position) as was said")
            }
            try aside.close()
        } catch {
            discard()
            switch error.code {
            case .corrupt, .foreign, .newerSchema, .internal: throw IncomingSnapshot.refusal(error.why)
            case _: throw error
            }
        }
        var verified = self
        verified.isVerified = true
        return verified
    }

    /// Removes the file of a snapshot that is not wanted.
    public func discard() { for name in [path, path + "-wal"] { try? FileSystem.remove(name) } }

    /// The state of a copy in which every row was read and found right, and which is of this partition.
    static func verified(
        _ copy: Database, identity: PartitionIdentity, witness: any Witness
    ) throws(StoreError) -> PartitionState {
        guard let state = try PartitionState.load(from: copy) else {
            throw refusal("it has no state of a journal")
        }
        guard state.mesh == identity.mesh.bytes, state.partition == identity.partition.text else {
            throw refusal("it is of partition \(state.partition) of mesh \(state.mesh.shortHex), not of \(identity)")
        }
        try JournalInspection(database: copy, chain: JournalChain(witness: witness))
            .checkAll(of: state, tables: PartitionTables(database: copy, witness: witness))
        return state
    }

    static func refusal(_ why: String) -> StoreError {
        StoreError(
            .snapshotRefused, what: "taking in a snapshot", why: why,
            next: "have another one made; should it happen again, look at the disk and the version of the sender")
    }
}

extension PartitionStore {
    /// Begins to take in a snapshot that another member offers; one at a time, a later one takes its place.
    /// `store_snapshot_refused` where it is longer than `StoreLimits.snapshotBytesMax`.
    public func receiveSnapshot(
        _ point: LogPoint, bytes: UInt64, digest: Bytes32
    ) throws(StoreError) -> SnapshotReceiver {
        guard bytes <= StoreLimits.snapshotBytesMax else {
            throw IncomingSnapshot.refusal("\(bytes) bytes are more than \(StoreLimits.snapshotBytesMax)")
        }
        let path = directory.file("partition.incoming")
        let offer = IncomingSnapshot(
            point: point, bytes: bytes, digest: digest, path: path, identity: identity, witness: witness)
        return try SnapshotReceiver(path: path, offer: offer)
    }
}
