public import CRDT

/// What an event of the roster says about ownership.
public enum OwnershipFact: Hashable, Sendable {
    /// A part of a topology apply, in the history of this replica.
    case part(TopologyPart, by: ReplicaID)
    /// Transitions of slices. Each proves itself.
    case transitions(SliceDelta)
}

extension Roster {
    /// How many events about ownership were taken, in force or not: what was read up to a count need not be read again
    /// while no history was cut.
    public var ownershipCount: Int { facts.ownership.count }

    /// What events say about ownership, from a count on, in the order of arrival; beyond cuts nothing.
    public func ownership(from count: Int = 0) -> [OwnershipFact] {
        facts.ownership.dropFirst(count).filter { isInForce(event: $0.dot) }.map(\.fact)
    }
}

/// Certifies partitions by their bolts: each primary signs for its partition with its own key, which the operators' CA
/// for bolts vouches for together with the partition's name. So there is no other key to keep, replicate or lose.
public struct BoltSliceWitness: SliceWitness {
    private let base: any Witness

    /// The cryptography of the roster, asked about slices.
    public init(_ base: any Witness) { self.base = base }

    /// As the roster's.
    public func hash(_ bytes: [UInt8]) -> Bytes32 { base.hash(bytes) }

    /// As the roster's.
    public func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool {
        base.verify(signature: signature, over: message, by: key)
    }

    /// As the roster's.
    public func author(certifiedBy chain: [[UInt8]]) -> Author? { base.author(certifiedBy: chain) }

    /// As the roster's.
    public func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool {
        base.handsOn(principal, of: mesh, from: from, to: to, sealingKey: sealingKey, proof: proof)
    }

    /// The partition of the bolt that the chain certifies.
    public func partition(certifiedBy chain: [[UInt8]]) -> PartitionAuthor? {
        guard let author = base.author(certifiedBy: chain), case .bolt(let partition, _) = author.standing else {
            return nil
        }
        return PartitionAuthor(partition: partition, signingKey: author.signingKey)
    }
}
