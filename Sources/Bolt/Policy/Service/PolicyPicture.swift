internal import CRDT
internal import Spanner

/// A version of a partition's policy with all its leaves. It never changes: whoever checks in looks at one whole.
final class PolicyPicture: Sendable {
    /// The head, signed once for all.
    let signed: SignedPolicyHead
    /// All leaves under it.
    let tree: PolicyTree
    private let witness: any Witness

    /// A version; `tree` is the one whose root the head names.
    init(_ signed: SignedPolicyHead, _ tree: PolicyTree, witness: any Witness) {
        (self.signed, self.tree, self.witness) = (signed, tree, witness)
    }

    /// The head's sequence.
    var sequence: UInt64 { signed.head.sequence }

    /// What an envoy is to have, with its hash; nil where it is to have nothing. Logarithmic.
    func leaf(of envoy: PrincipalID) -> (leaf: PolicyLeaf, hash: Bytes32)? {
        tree.leaf(of: envoy).map { ($0, $0.hash(by: witness)) }
    }

    /// What proves it; nil where it is to have nothing. Logarithmic.
    func grant(of envoy: PrincipalID) -> PolicyGrant? { PolicyGrant(signed, of: envoy, in: tree) }
}
