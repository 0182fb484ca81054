public import CRDT
public import Spanner

/// A finished copy of a partition's database, whole and verified, in a file of its own until `remove` is called.
public struct PartitionSnapshot: Sendable {
    /// The last record that it holds.
    public let point: LogPoint
    /// Bytes of the file.
    public let bytes: UInt64
    /// What the other side checks it against: `SnapshotDigest`.
    public let digest: Bytes32
    let path: String

    /// Up to `count` bytes at `offset`, at most `PartitionLimits.snapshotChunkBytes`; fewer at the end only. Blocks for
    /// the disk; may be called from anywhere.
    public func read(at offset: UInt64, count: Int) throws(StoreError) -> [UInt8] {
        let descriptor = try FileSystem.openForReading(path)
        return try FileSystem.read(
            descriptor, at: offset, count: min(count, PartitionLimits.snapshotChunkBytes), path: path)
    }

    /// Removes the file.
    public func remove() throws(StoreError) { try FileSystem.remove(path) }
}

/// The digest of a snapshot's file: H(`bolt partition snapshot v1` ‖ length ‖ H(piece 1) ‖ H(piece 2) ‖ …), the pieces
/// `PartitionLimits.snapshotChunkBytes` long, so that one of any size is hashed in little memory.
enum SnapshotDigest {
    private static let domain = Array("bolt partition snapshot v1".utf8)

    /// Digest and length of a file.
    static func of(
        _ path: String, witness: any Witness
    ) throws(StoreError) -> (digest: Bytes32, bytes: UInt64) {
        let descriptor = try FileSystem.openForReading(path)
        var pieces: [UInt8] = []
        var length: UInt64 = 0
        while true {
            let piece = try FileSystem.read(
                descriptor, at: length, count: PartitionLimits.snapshotChunkBytes, path: path)
            if piece.isEmpty { break }
            length += UInt64(piece.count)
            witness.hash(piece).append(to: &pieces)
        }
        var encoder = CanonicalEncoder(capacity: pieces.count + 64)
        encoder.raw(domain)
        encoder.integer(length)
        encoder.raw(pieces)
        return (witness.hash(encoder.bytes), length)
    }
}
