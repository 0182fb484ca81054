public import CRDT

/// One change of a partition's policy, as it stands in the journal.
///
/// Stacks and bodies are named by their digests, so that writing one twice changes nothing. A version may name a whole
/// stack only, and a leaf a whole body: what names something that is not there is refused by every member alike.
public enum PolicyChange: Hashable, Sendable {
    /// A part of a stack: of the canonical bytes of its files, as `PolicyFiles` writes them.
    case stack(PolicyPart)
    /// A part of a compiled body; its digest is the hash of all its bytes.
    case body(PolicyPart)
    /// A version is in force from here on. One that is not after the last is refused.
    case publish(PolicyVersion)
    /// Leaves that are others, or gone, since this version.
    case leaves(sequence: UInt64, [PolicyLeafChange])
    /// The signed head of a version: the canonical bytes of a `SignedPolicyHead`. One of an earlier version than the
    /// last changes nothing; one of the same takes its place.
    case head(sequence: UInt64, [UInt8])
    /// These envoys are given this version. An earlier one than an envoy has changes nothing.
    case given([PrincipalID], sequence: UInt64)
    /// What became of a version at an envoy. Of another version than the one that it was given last: changes nothing.
    case outcome(PolicyOutcome)
    /// A record of the roll-out of a version; the same number replaces.
    case rollout(sequence: UInt64, number: UInt64, [UInt8])
    /// A record of a push; the same number replaces.
    case push(PrincipalID, number: UInt64, [UInt8])
    /// Orders up to this number were signed, or may have been: none of them is used again.
    case ordered(through: UInt64)
    /// Whether new versions are held back.
    case freeze(PolicyFreeze)
    /// Versions before this one go, but for the one in force, and with them what nothing names any more: stacks,
    /// bodies, records of roll-outs. At most `PolicyChange.retiredPartsMax` parts at once: it is repeated until there
    /// is nothing to do. What is stored and not named *yet* goes too, so it is not asked for in between.
    case retire(below: UInt64)

    /// Whether somebody decided it, so that nobody makes it again where it was lost.
    public var isDecision: Bool {
        switch self {
        case .publish, .freeze: true
        case .stack, .body, .leaves, .head, .given, .outcome, .rollout, .push, .ordered, .retire: false
        }
    }

    /// Parts of stacks and bodies that one command removes.
    public static let retiredPartsMax = 32
}

/// A part of something that may be larger than a command.
public struct PolicyPart: Hashable, Sendable {
    /// Of what.
    public var digest: Bytes32
    /// Which part, from 0.
    public var number: UInt64
    /// Of how many, 1 at least.
    public var parts: UInt64
    /// 1...`PartitionLimits.policyPartBytesMax` bytes.
    public var bytes: [UInt8]

    /// A part.
    public init(digest: Bytes32, number: UInt64, parts: UInt64, bytes: [UInt8]) {
        (self.digest, self.number, self.parts, self.bytes) = (digest, number, parts, bytes)
    }

    /// All parts of some bytes, in order. Their caller has checked that these are within the limit of their kind, and
    /// not empty.
    public static func parts(of bytes: [UInt8], digest: Bytes32) -> [PolicyPart] {
        let size = PartitionLimits.policyPartBytesMax
        let count = (bytes.count + size - 1) / size
        return (0..<count).map { number in
            let part = bytes[number * size..<min((number + 1) * size, bytes.count)]
            return PolicyPart(digest: digest, number: UInt64(number), parts: UInt64(count), bytes: Array(part))
        }
    }
}

/// A version of a partition's policy: which stack, and who put it in force.
public struct PolicyVersion: Hashable, Sendable {
    /// Its number, 1 at least: each is after all before it.
    public var sequence: UInt64
    /// Which stack.
    public var stack: Bytes32
    /// What its source calls the revision: a commit, a time; for people.
    public var revision: String
    /// Who put it in force, as the certificate says: `operator/ada`, `bolt/a.north` for a source's.
    public var who: String
    /// When, by the primary's clock: for people.
    public var at: WallTime
    /// Why, or what is new.
    public var note: String

    /// A version.
    public init(sequence: UInt64, stack: Bytes32, revision: String, who: String, at: WallTime, note: String) {
        (self.sequence, self.stack, self.revision) = (sequence, stack, revision)
        (self.who, self.at, self.note) = (who, at, note)
    }
}

/// What one envoy is to have from a version on.
public struct PolicyLeafChange: Hashable, Sendable {
    /// What an envoy is to have.
    public struct Content: Hashable, Sendable {
        /// Its body.
        public var body: Bytes32
        /// Its secrets, sealed to it; empty where it needs none.
        public var box: [UInt8]
        /// How old it may become.
        public var terms: PolicyTerms
        /// A body with a box, and its terms.
        public init(body: Bytes32, box: [UInt8], terms: PolicyTerms) {
            (self.body, self.box, self.terms) = (body, box, terms)
        }
    }

    /// Which envoy.
    public var envoy: PrincipalID
    /// What it is to have; nil where it is gone: all rows of it go.
    public var content: Content?

    /// A change.
    public init(envoy: PrincipalID, content: Content?) { (self.envoy, self.content) = (envoy, content) }
}

/// What became of a version at an envoy.
public struct PolicyOutcome: Hashable, Sendable {
    /// Where.
    public var envoy: PrincipalID
    /// Of which version.
    public var sequence: UInt64
    /// Whether its pass had no failed resource.
    public var hasSucceeded: Bool
    /// When, by the primary's clock: for people.
    public var at: WallTime

    /// An outcome.
    public init(envoy: PrincipalID, sequence: UInt64, hasSucceeded: Bool, at: WallTime) {
        (self.envoy, self.sequence, self.hasSucceeded, self.at) = (envoy, sequence, hasSucceeded, at)
    }
}

/// Whether new versions are held back.
public struct PolicyFreeze: Hashable, Sendable {
    /// Whether they are.
    public var isFrozen: Bool
    /// Why.
    public var reason: String
    /// Who said so.
    public var who: String
    /// When, by the primary's clock: for people.
    public var at: WallTime

    /// A freeze, or its end.
    public init(isFrozen: Bool, reason: String, who: String, at: WallTime) {
        (self.isFrozen, self.reason, self.who, self.at) = (isFrozen, reason, who, at)
    }
}
