public import CRDT

extension TopologyPlan {
    /// Why a plan is not applied. Nothing was changed.
    public enum Refusal: Hashable, Sendable, CustomStringConvertible {
        /// Its content is not what its id says.
        case altered
        /// It is of another mesh.
        case otherMesh(String)
        /// It was made on another topology than the one in force.
        case versionMoved(inForce: Bytes32)
        /// Its time is over.
        case expired(milliseconds: UInt64)
        /// The topology wants what can never be.
        case refused([TopologyDiff.Change])
        /// Something stands in the way.
        case blocked([Blocker])

        /// What is the matter, and what to do.
        public var description: String {
            switch self {
            case .altered: "the plan is not the one that its id names; make a new one"
            case .otherMesh(let name): "the plan is of the mesh \(name)"
            case .versionMoved(let version):
                "the topology has changed since the plan was made (it is \(version.shortHex) now); make a new plan"
            case .expired(let time): "the plan expired at \(TimeText.text(milliseconds: time)); make a new one"
            case .refused(let changes): changes.map(\.description).joined(separator: "; ")
            case .blocked(let blockers): blockers.map { "\($0.what): \($0.next)" }.joined(separator: "; ")
            }
        }

        /// What to do where that is not what the code of the refusal says.
        public var next: String? {
            guard case .otherMesh(let name) = self else { return nil }
            return "ask a bolt of \(name): --context or --bolt"
        }
    }

    /// Why an apply of this plan has to be refused; nil where it may go on.
    ///
    /// - Parameters:
    ///   - mesh: Name of the mesh that is asked.
    ///   - version: Digest of the topology in force there.
    ///   - now: Milliseconds since 1970.
    ///   - despiteBlockers: Whether to do what can be done while something stands in the way of the rest.
    public func refusal(
        mesh: String, version: Bytes32, at now: UInt64, despiteBlockers: Bool = false,
        hashedBy hash: ([UInt8]) -> Bytes32
    ) -> Refusal? {
        guard (try? digest(hashedBy: hash)) == id else { return .altered }
        guard mesh == self.mesh else { return .otherMesh(self.mesh) }
        guard version == madeOn else { return .versionMoved(inForce: version) }
        guard now < expiresMilliseconds else { return .expired(milliseconds: expiresMilliseconds) }
        guard diff.refused.isEmpty else { return .refused(diff.refused) }
        guard blockers.isEmpty || despiteBlockers else { return .blocked(blockers) }
        return nil
    }
}

extension Topology {
    /// What names this version of the topology: a hash over all that it says. Equal documents have equal digests,
    /// whatever their layout and comments.
    public func digest(hashedBy hash: ([UInt8]) -> Bytes32) throws -> Bytes32 {
        hash(Array("bolt topology v1".utf8) + Array(try APIJSON.encode(self)))
    }
}
