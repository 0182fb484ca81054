public import CRDT

/// What an owner says of an envoy's queue, as it signs it where a bolt of another partition passes its answer on.
///
/// It is of one report: told again as the answer to another it proves nothing, for the owner did not compare that with
/// what it has.
public struct OwnerReceipt: Hashable, Sendable {
    /// The register under which the owner answers.
    public let register: Bytes32
    /// The number of its epoch.
    public let epoch: UInt64
    /// The queue: its name is random, and no other envoy's.
    public let queue: QueueID
    /// What was told: see `digest(firstHeld:results:by:)`.
    public let told: Bytes32
    /// All up to here is stored.
    public let storedThrough: UInt64
    /// All up to here is safe: the envoy may delete it.
    public let releaseThrough: UInt64

    private static let domain = Array("bolt owner receipt v2".utf8)

    /// What is said of a queue.
    public init(
        register: Bytes32, epoch: UInt64, queue: QueueID, told: Bytes32, storedThrough: UInt64, releaseThrough: UInt64
    ) {
        (self.register, self.epoch, self.queue, self.told) = (register, epoch, queue, told)
        (self.storedThrough, self.releaseThrough) = (storedThrough, releaseThrough)
    }

    /// What stands for a report: the first result that is held, and each that it told. As long as the results to read,
    /// and all of them are copied once.
    public static func digest(firstHeld: UInt64, results: [SequencedResult], by witness: some Witness) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: results.reduce(64) { $0 + $1.body.count + 16 })
        encoder.raw(reportDomain)
        encoder.integer(firstHeld)
        encoder.integer(UInt64(results.count))
        for result in results {
            encoder.integer(result.sequence)
            encoder.integer(UInt64(result.body.count))
            encoder.raw(result.body)
        }
        return witness.hash(encoder.bytes)
    }

    private static let reportDomain = Array("bolt told report v1".utf8)

    /// What is signed: a domain, the mesh, the fields in order.
    public func signedBytes(in mesh: MeshID) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 192)
        encoder.raw(OwnerReceipt.domain)
        encoder.fixed(mesh.bytes)
        encoder.fixed(register)
        encoder.integer(epoch)
        encoder.raw(queue.id.bytes)
        encoder.fixed(told)
        encoder.integer(storedThrough)
        encoder.integer(releaseThrough)
        return encoder.bytes
    }
}
