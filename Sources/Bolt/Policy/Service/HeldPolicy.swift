internal import CRDT

/// What an envoy says it holds of its policy when it checks in.
struct HeldPolicy: Hashable, Sendable {
    /// Hash of the leaf that is in force on the machine; nil where it holds none, or does not say.
    var leaf: Bytes32?
    /// Sequence of the head that the leaf was accepted under.
    var sequence: UInt64?
}
