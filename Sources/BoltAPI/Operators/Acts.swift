public import CRDT
public import Spanner

/// What an operator's terminal needs to build an act: `GET /v1/roster/context?subject=&role=`.
public struct RosterContextResponse: Hashable, Sendable, Codable {
    /// One replica and how far it is known.
    public struct Entry: Hashable, Sendable, Codable {
        /// The replica.
        public var replica: ReplicaID
        /// Highest counter without a gap.
        public var counter: UInt64

        /// One replica's part of a vector.
        public init(replica: ReplicaID, counter: UInt64) { (self.replica, self.counter) = (replica, counter) }
    }

    /// Which mesh.
    public var mesh: MeshSummary
    /// All that the answering bolt has seen, in replica order.
    public var vector: [Entry]
    /// Those whom the subject names: by id, name (of that role) or fingerprint; empty without a subject.
    public var subjects: [PrincipalView]
    /// Age and completeness.
    public var freshness: Freshness

    /// A context to decide in.
    public init(mesh: MeshSummary, vector: [Entry], subjects: [PrincipalView], freshness: Freshness) {
        (self.mesh, self.vector, self.subjects, self.freshness) = (mesh, vector, subjects, freshness)
    }

    /// The vector as the roster has it.
    public var versionVector: VersionVector {
        var result = VersionVector()
        for entry in vector { result[entry.replica] = entry.counter }
        return result
    }
}

/// An operator's signed decision: `POST /v1/roster/acts`. Answered by `ChangeResponse`.
public struct PostActRequest: Hashable, Sendable, Codable {
    /// Canonical encoding of an `OperatorAct`.
    public var content: Base64Bytes
    /// The operator's certificate chain, leaf first, DER.
    public var chain: [Base64Bytes]
    /// Ed25519 over the signing domain and the content.
    public var signature: Base64Bytes

    /// A signed act.
    public init(_ act: SignedAct) {
        content = Base64Bytes(act.content)
        chain = act.chain.map { Base64Bytes($0) }
        signature = Base64Bytes(act.signature)
    }

    /// The act as the roster has it.
    public var act: SignedAct {
        SignedAct(content: content.bytes, chain: chain.map(\.bytes), signature: signature.bytes)
    }
}

/// Where an event is in force: `GET /v1/roster/receipt?dot=`.
public struct ReceiptResponse: Hashable, Sendable, Codable {
    /// One bolt's line.
    public struct Line: Hashable, Sendable, Codable {
        /// What is known of it.
        public enum State: String, Sendable, Codable, CaseIterable {
            /// Durable there, with the whole history up to it.
            case inForce = "in_force"
            /// Reachable, but it has not said so yet.
            case waiting
            /// It could not be asked.
            case unreachable
        }
        /// `name.partition`.
        public var bolt: String
        /// What is known of it.
        public var state: State
        /// Milliseconds from the event's making to its acknowledgement, by the answering bolt's clock.
        public var afterMilliseconds: Double?

        /// A line of a receipt.
        public init(bolt: String, state: State, afterMilliseconds: Double?) {
            (self.bolt, self.state, self.afterMilliseconds) = (bolt, state, afterMilliseconds)
        }

        enum CodingKeys: String, CodingKey {
            case bolt, state
            case afterMilliseconds = "after_ms"
        }
    }

    /// Which event.
    public var dot: Dot
    /// Whether it is in force at every bolt of the roster.
    public var complete: Bool
    /// One line a bolt, by partition and name.
    public var bolts: [Line]

    /// A receipt.
    public init(dot: Dot, complete: Bool, bolts: [Line]) {
        (self.dot, self.complete, self.bolts) = (dot, complete, bolts)
    }
}
