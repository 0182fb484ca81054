public import CRDT

/// What an owner says of an envoy's queue, as it signs it where a bolt of another partition passes its answer on.
public struct OwnerReceipt: Hashable, Sendable {
    /// The register under which the owner answers.
    public let register: Bytes32
    /// The number of its epoch.
    public let epoch: UInt64
    /// The queue: its name is random, and no other envoy's.
    public let queue: QueueID
    /// All up to here is stored.
    public let storedThrough: UInt64
    /// All up to here is safe: the envoy may delete it.
    public let releaseThrough: UInt64

    private static let domain = Array("bolt owner receipt v1".utf8)

    /// What is said of a queue.
    public init(register: Bytes32, epoch: UInt64, queue: QueueID, storedThrough: UInt64, releaseThrough: UInt64) {
        (self.register, self.epoch, self.queue) = (register, epoch, queue)
        (self.storedThrough, self.releaseThrough) = (storedThrough, releaseThrough)
    }

    /// What is signed: a domain, the mesh, the fields in order.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 160)
        encoder.raw(OwnerReceipt.domain)
        encoder.fixed(mesh.bytes)
        encoder.fixed(register)
        encoder.integer(epoch)
        encoder.raw(queue.id.bytes)
        encoder.integer(storedThrough)
        encoder.integer(releaseThrough)
        return encoder.bytes
    }
}
