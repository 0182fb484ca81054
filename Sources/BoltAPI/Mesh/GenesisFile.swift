public import CRDT
public import Spanner

/// What a bolt needs beside its keys to begin: `genesis.json` in its identity directory.
///
/// Written by the operator's terminal when a bolt joins, read at each start. Nothing in it is secret or trusted: runs
/// and acts verify under the mesh's root, or are refused.
public struct GenesisFile: Hashable, Sendable, Codable {
    /// The file's name in an identity directory.
    public static let name = "genesis.json"

    /// One signed run, as the roster has it.
    public struct Run: Hashable, Sendable, Codable {
        /// Whose history.
        public var replica: ReplicaID
        /// Counter of the first body.
        public var first: UInt64
        /// Canonical event bodies.
        public var bodies: [Base64Bytes]
        /// Ed25519 by the replica's key.
        public var signature: Base64Bytes

        /// A run in its file form.
        public init(_ run: SignedRun) {
            (replica, first) = (run.replica, run.first)
            bodies = run.bodies.map { Base64Bytes($0) }
            signature = Base64Bytes(run.signature)
        }

        /// The run as the roster has it.
        public var run: SignedRun {
            SignedRun(replica: replica, first: first, bodies: bodies.map(\.bytes), signature: signature.bytes)
        }
    }

    /// The mesh.
    public var mesh: MeshSummary
    /// The root's own history: its opening, and the acts that it signed.
    public var runs: [Run]
    /// Acts of operators that admit this bolt and the bolts it is to talk to first.
    public var acts: [PostActRequest]

    /// A genesis in its file form.
    public init(mesh: MeshSummary, runs: [SignedRun], acts: [SignedAct]) {
        self.mesh = mesh
        self.runs = runs.map { Run($0) }
        self.acts = acts.map { PostActRequest($0) }
    }
}
