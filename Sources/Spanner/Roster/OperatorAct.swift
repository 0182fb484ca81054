public import CRDT

/// Something that an operator decided, signed by the operator's own key, carried in some bolt's event.
///
/// It is in force wherever it is known, whatever becomes of the bolt that carried it: cuts and forks do not touch it.
/// The same act carried by two bolts is one act.
public struct SignedAct: Hashable, Sendable {
    /// Canonical encoding of an `OperatorAct`; these bytes are signed.
    public var content: [UInt8]
    /// The operator's certificate chain (or the root's, for the first entries), leaf first, DER.
    public var chain: [[UInt8]]
    /// Ed25519 over `OperatorAct.signingDomain` and `content`.
    public var signature: [UInt8]

    /// An act as it travels.
    public init(content: [UInt8], chain: [[UInt8]], signature: [UInt8]) {
        (self.content, self.chain, self.signature) = (content, chain, signature)
    }
}

/// What an operator signs.
public struct OperatorAct: Hashable, Sendable {
    /// The decision.
    public enum Operation: Hashable, Sendable {
        /// A bolt or an operator is admitted.
        case admit(Admission)
        /// Admissions end; a bolt's or an operator's, with cuts of its histories.
        case remove(principal: PrincipalID, targets: [Dot], cut: Cut)
        /// Keys are banned for ever, with their whole lineage; a bolt's or operator's histories are cut.
        case ban(keys: [KeyFingerprint], principal: PrincipalID?, cut: Cut)
        /// A contested name goes to one key; the other admissions end.
        case resolve(role: PrincipalRole, name: PrincipalName, keep: KeyFingerprint, targets: [Dot])
        /// A token is no longer honoured.
        case revokeToken(TokenID)
        /// Of a kind that this version does not know: kept and forwarded, without effect.
        case unknown(kind: UInt64, content: [UInt8])
    }

    /// What stays of the histories of a bolt or operator that goes.
    ///
    /// A bolt's replicas not named are cut at 0. Acts of an operator that goes are in force only where the event that
    /// carries them is within `seen`; bans always are.
    public struct Cut: Hashable, Sendable {
        /// Last counter that stays, per replica of the bolt; and all that was seen, for an operator's acts.
        public var seen: VersionVector
        /// All that had been seen when the operator decided.
        public init(seen: VersionVector = VersionVector()) { self.seen = seen }
    }

    /// Separates these signatures from all others.
    public static let signingDomain = Array("bolt operator act v1".utf8)

    /// The mesh it is meant for.
    public var mesh: MeshID
    /// 128 random bits: the same decision taken twice is two acts.
    public var nonce: PrincipalID
    /// When, by the operator's clock: for people.
    public var at: WallTime
    /// Why, for the audit log: at most `RosterLimits.reasonBytesMax` bytes.
    public var reason: String
    /// The decision.
    public var operation: Operation

    /// A decision to be signed.
    public init(mesh: MeshID, nonce: PrincipalID, at: WallTime, reason: String, operation: Operation) {
        (self.mesh, self.nonce, self.at, self.reason, self.operation) = (mesh, nonce, at, reason, operation)
    }
}
