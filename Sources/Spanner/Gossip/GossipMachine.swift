public import CRDT

/// The heart of a bolt's roster plane: what it writes, what it tells its peers, what it takes from them, and when an
/// answer may be given. Owns no socket, disk, clock or key.
///
/// One transaction is on its way to disk at a time. What is written or received meanwhile waits and goes with the next,
/// under one signature (group commit). Memory changes, peers hear and callers are answered only after `persisted`.
public struct GossipMachine: Sendable {
}
