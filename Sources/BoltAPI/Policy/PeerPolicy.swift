public import CRDT
public import Spanner

/// What one envoy was given, as a bolt of another partition keeps it to serve it while the owner is away. The head, the
/// leaf and the path are its grant.
public struct CoveredPolicyView: Hashable, Sendable, Codable {
    /// Which envoy.
    public var envoy: PrincipalID
    /// Sequence of the head that its grant stands on: one of `PeerPolicyResponse.heads`.
    public var sequence: UInt64
    /// Digest of its body.
    public var body: Bytes32
    /// Digest of its box; zero where it has none.
    public var boxDigest: Bytes32
    /// What it does once it is too old.
    public var expiry: PolicyExpiryWord
    /// When that is, in seconds after its owner was heard of; absent for never.
    public var maxAgeSeconds: UInt64?
    /// A Merkle path's encoding, to that head's root.
    public var path: Base64Bytes
    /// The sealed secrets; whoever keeps them cannot read them. Absent where it has none.
    public var box: Base64Bytes?

    /// What an envoy was given.
    public init(leaf: PolicyLeaf, sequence: UInt64, path: Base64Bytes, box: Base64Bytes?) {
        (envoy, body, boxDigest) = (leaf.envoy, leaf.body, leaf.box)
        (expiry, maxAgeSeconds) = (PolicyExpiryWord(leaf.terms.expiry), leaf.terms.maxAgeSeconds)
        (self.sequence, self.path, self.box) = (sequence, path, box)
    }

    /// What it is to have.
    public var leaf: PolicyLeaf {
        PolicyLeaf(
            envoy: envoy, body: body, box: boxDigest,
            terms: PolicyTerms(maxAgeSeconds: maxAgeSeconds, expiry: expiry.expiry))
    }

    enum CodingKeys: String, CodingKey {
        case envoy, sequence, body, expiry, path, box
        case boxDigest = "box_digest"
        case maxAgeSeconds = "max_age_seconds"
    }
}

/// `GET /v1/peer/policy?partition=&after=MARK&from=ENVOY&limit=`, bolts only: what the answering bolt's partition has
/// given its envoys. With `after` the answer's own `mark`, it is empty: nothing has changed.
///
/// A page holds envoys from `from` on, by id. Lost or repeated answers do no harm: what is kept is replaced only by
/// what verifies and is not older.
public struct PeerPolicyResponse: Hashable, Sendable, Codable {
    /// Whose envoys.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// A number that grows whenever any of it changes: the place in the partition's journal. A new epoch may lower it;
    /// then everything is sent again.
    public var mark: UInt64
    /// Signed heads that the page's grants stand on, each once.
    public var heads: [Base64Bytes]
    /// By id; at most `APILimits.pageCountMax`.
    public var envoys: [CoveredPolicyView]
    /// The envoy from which the next page begins; nil on the last.
    public var nextFrom: PrincipalID?

    /// A page of what a partition has given its envoys.
    public init(
        partition: PartitionName, bolt: String, mark: UInt64, heads: [Base64Bytes], envoys: [CoveredPolicyView],
        nextFrom: PrincipalID?
    ) {
        (self.partition, self.bolt, self.mark) = (partition, bolt, mark)
        (self.heads, self.envoys, self.nextFrom) = (heads, envoys, nextFrom)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, mark, heads, envoys
        case nextFrom = "next_from"
    }
}
