public import CRDT

/// The hash chain of one replica's history, and what its signatures are over.
///
/// - h(0) = H(`bolt event chain v1` ‖ mesh ‖ replica)
/// - h(n) = H(h(n−1) ‖ length of body n in LEB128 ‖ body n)
/// - signed: `bolt run head v1` ‖ replica ‖ last counter in LEB128 ‖ h(last)
public struct EventChain: Sendable {
    private static let genesisDomain = Array("bolt event chain v1".utf8)
    private static let runDomain = Array("bolt run head v1".utf8)

    private let mesh: MeshID
    private let witness: any Witness

    /// Chains of the replicas of `mesh`.
    public init(mesh: MeshID, witness: any Witness) {
        self.mesh = mesh
        self.witness = witness
    }

    /// h(0): the chain of a replica that has no event yet.
    public func genesis(_ replica: ReplicaID) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.raw(EventChain.genesisDomain)
        encoder.fixed(mesh.bytes)
        replica.encode(to: &encoder)
        return witness.hash(encoder.bytes)
    }

    /// h(n) from h(n−1) and the body of event n.
    public func next(_ previous: Bytes32, _ body: [UInt8]) -> Bytes32 {
        var encoder = CanonicalEncoder(capacity: Bytes32.count + 4 + body.count)
        encoder.fixed(previous)
        encoder.string(body)
        return witness.hash(encoder.bytes)
    }

    /// The chain's value after all of `bodies`.
    public func head(after start: Bytes32, _ bodies: some Sequence<[UInt8]>) -> Bytes32 {
        bodies.reduce(start) { next($0, $1) }
    }

    /// What the replica's key signs to vouch for its whole history up to `last`.
    public static func message(replica: ReplicaID, last: UInt64, head: Bytes32) -> [UInt8] {
        var encoder = CanonicalEncoder(capacity: 128)
        encoder.raw(runDomain)
        replica.encode(to: &encoder)
        encoder.integer(last)
        encoder.fixed(head)
        return encoder.bytes
    }
}
