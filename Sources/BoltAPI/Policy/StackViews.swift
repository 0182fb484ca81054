public import CRDT
public import Spanner

/// One fault of a stack, with the place.
public struct StackFaultView: Hashable, Sendable, Codable {
    /// Its stable kind: `stack_cycle`.
    public var code: String
    /// Path below the stack's directory; empty where it is of the whole stack.
    public var file: String
    /// The line, from 1; nil where it is of the whole file.
    public var line: Int?
    /// What is wrong.
    public var reason: String
    /// What to do.
    public var next: String

    /// A fault.
    public init(code: String, file: String, line: Int?, reason: String, next: String) {
        (self.code, self.file, self.line, self.reason, self.next) = (code, file, line, reason, next)
    }

    /// `layers/10-base.yaml:12`, as far as there is a place.
    public var place: String { file.isEmpty ? "stack" : file + (line.map { ":\($0)" } ?? "") }
}

/// One file of a stack.
public struct StackFileBody: Hashable, Sendable, Codable {
    /// Path below the stack's directory, with `/`.
    public var path: String
    /// Its content.
    public var bytes: Base64Bytes

    /// A file.
    public init(path: String, bytes: Base64Bytes) { (self.path, self.bytes) = (path, bytes) }
}

/// One revision of a partition's stack: immutable, by its digest.
public struct StackRevisionView: Hashable, Sendable, Codable {
    /// What it is called: a commit's id where it came from git, else the start of its digest; at most
    /// `PolicyLimits.revisionBytesMax` bytes.
    public var revision: String
    /// The version that published it: 1 is the partition's first. A revision that was rolled back to has several
    /// entries in the history, one a version.
    public var version: UInt64
    /// Digest of all its files.
    public var digest: Bytes32
    /// The stack's name, as its `stack.yaml` has it.
    public var stack: String
    /// When it was published, by that bolt's clock.
    public var at: WallTime
    /// Who published it: `operator/ada`, or `source/git`.
    public var actor: String
    /// Why, in the operator's words; empty where none were given.
    public var reason: String
    /// Files in it.
    public var files: Int
    /// Bytes of them.
    public var bytes: UInt64
    /// Whether it is in force.
    public var isInForce: Bool
    /// Whether its files are kept still, so that it can be rolled back to and compared.
    public var isKept: Bool

    /// A revision.
    public init(
        revision: String, version: UInt64, digest: Bytes32, stack: String, at: WallTime, actor: String,
        reason: String, files: Int, bytes: UInt64, isInForce: Bool, isKept: Bool = true
    ) {
        (self.revision, self.version, self.digest, self.stack) = (revision, version, digest, stack)
        (self.at, self.actor, self.reason) = (at, actor, reason)
        (self.files, self.bytes, self.isInForce, self.isKept) = (files, bytes, isInForce, isKept)
    }

    enum CodingKeys: String, CodingKey {
        case revision, version, digest, stack, actor, reason, files, bytes
        case at = "at_ms"
        case isInForce = "in_force"
        case isKept = "kept"
    }
}

/// Where a partition's stack comes from by itself.
public struct StackSourceView: Hashable, Sendable, Codable {
    /// What kind of place.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// Nowhere: operators publish.
        case none
        /// A directory of the primary's machine.
        case directory
        /// A branch of a git remote.
        case git
    }

    /// What kind of place.
    public var kind: Kind
    /// Which, without credentials: a directory, or a remote and a branch; nil for `none`.
    public var place: String?
    /// Whether it is looked at by itself: false while the stack is frozen.
    public var isFollowed: Bool
    /// When it was last looked at, by the primary's clock; nil before the first look.
    public var lookedAt: WallTime?
    /// Seconds since it was last read whole; nil before the first time. It is how old what is in force may be.
    public var ageSeconds: Double?
    /// What it held then: a commit's id, in force or not; nil before the first time.
    public var revision: String?
    /// Why it could not be read at the last look; nil where it could.
    public var trouble: String?

    /// Where a stack comes from.
    public init(
        kind: Kind, place: String?, isFollowed: Bool, lookedAt: WallTime? = nil, ageSeconds: Double? = nil,
        revision: String? = nil, trouble: String? = nil
    ) {
        (self.kind, self.place, self.isFollowed, self.lookedAt) = (kind, place, isFollowed, lookedAt)
        (self.ageSeconds, self.revision, self.trouble) = (ageSeconds, revision, trouble)
    }

    enum CodingKeys: String, CodingKey {
        case kind, place, revision, trouble
        case isFollowed = "followed"
        case lookedAt = "looked_at_ms"
        case ageSeconds = "age_seconds"
    }
}

/// A revision that was not taken: what is in force stayed.
public struct StackRejectionView: Hashable, Sendable, Codable {
    /// Which.
    public var revision: String
    /// When, by the primary's clock.
    public var at: WallTime
    /// Its faults, the first `APILimits.stackFaultsShown`; empty where it has none and `reason` says why.
    public var faults: [StackFaultView]
    /// Faults in all.
    public var count: Int
    /// Why it was not taken, in words.
    public var reason: String

    /// A revision that was not taken.
    public init(revision: String, at: WallTime, faults: [StackFaultView], count: Int, reason: String) {
        (self.revision, self.at, self.faults, self.count, self.reason) = (revision, at, faults, count, reason)
    }

    enum CodingKeys: String, CodingKey {
        case revision, faults, count, reason
        case at = "at_ms"
    }
}

/// Who froze a partition's stack.
public struct StackFreezeView: Hashable, Sendable, Codable {
    /// Who: `operator/ada`.
    public var actor: String
    /// When, by the bolt's clock that was asked.
    public var at: WallTime
    /// Why, in the operator's words; empty where none were given.
    public var reason: String

    /// Who froze it.
    public init(actor: String, at: WallTime, reason: String) {
        (self.actor, self.at, self.reason) = (actor, at, reason)
    }

    enum CodingKeys: String, CodingKey {
        case actor, reason
        case at = "at_ms"
    }
}

/// What an envoy does once what it holds is too old.
public enum PolicyExpiryWord: String, Sendable, Codable, CaseIterable {
    /// It goes on with it.
    case enforceLast = "enforce-last"
    /// It goes on with what is safe.
    case enforceSafe = "enforce-safe"
    /// It changes nothing more.
    case stop

    /// The word of what an envoy does then.
    public init(_ expiry: PolicyExpiry) {
        switch expiry {
        case .enforceLast: self = .enforceLast
        case .enforceSafe: self = .enforceSafe
        case .stop: self = .stop
        }
    }

    /// What an envoy does then.
    public var expiry: PolicyExpiry {
        switch self {
        case .enforceLast: .enforceLast
        case .enforceSafe: .enforceSafe
        case .stop: .stop
        }
    }
}

/// `GET /v1/stack?partition=`: how a partition's policy stands. Without `partition` the answering bolt's own.
public struct StackStatusResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Whether that bolt is primary: only then is its word the latest for certain.
    public var isPrimary: Bool
    /// What is in force; nil before the first.
    public var inForce: StackRevisionView?
    /// Sequence of the head in force: it grows with each version, and with envoys that come, go or change. 0 before
    /// the first.
    public var sequence: UInt64
    /// Envoys that the head covers.
    public var envoys: UInt64
    /// Bodies that they share.
    public var bodies: UInt64
    /// What envoys do once what they hold is too old.
    public var expiry: PolicyExpiryWord
    /// When that is, in seconds after it was made; nil for never.
    public var maxAgeSeconds: UInt64?
    /// Where it comes from.
    public var source: StackSourceView
    /// Who froze it; nil where nobody did.
    public var frozen: StackFreezeView?
    /// The last revision that was not taken, until one is; nil where there is none.
    public var rejected: StackRejectionView?
    /// Why no new version can be made, in words: the partition is sealed, say. What is in force stays. Nil where one
    /// can.
    public var hold: String?
    /// The roll-out of the version in force; nil before the first.
    public var rollout: RolloutView?
    /// Pushes, running ones first, then the latest; at most `APILimits.pushesShown`.
    public var pushes: [PushView]
    /// The next command to type; nil where nothing is to be done.
    public var next: String?
    /// Age and completeness.
    public var freshness: Freshness

    /// How a partition's policy stands.
    public init(
        partition: PartitionName, bolt: String, isPrimary: Bool, inForce: StackRevisionView?, sequence: UInt64,
        envoys: UInt64, bodies: UInt64, expiry: PolicyExpiryWord = .enforceLast, maxAgeSeconds: UInt64? = nil,
        source: StackSourceView, frozen: StackFreezeView? = nil, rejected: StackRejectionView? = nil,
        hold: String? = nil, rollout: RolloutView? = nil, pushes: [PushView] = [], next: String? = nil,
        freshness: Freshness
    ) {
        (self.partition, self.bolt, self.isPrimary) = (partition, bolt, isPrimary)
        (self.inForce, self.sequence, self.envoys, self.bodies) = (inForce, sequence, envoys, bodies)
        (self.expiry, self.maxAgeSeconds, self.source) = (expiry, maxAgeSeconds, source)
        (self.frozen, self.rejected, self.hold) = (frozen, rejected, hold)
        (self.rollout, self.pushes, self.next, self.freshness) = (rollout, pushes, next, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, sequence, envoys, bodies, expiry, source, frozen, rejected, hold, rollout, pushes, next
        case freshness
        case isPrimary = "primary"
        case inForce = "in_force"
        case maxAgeSeconds = "max_age_seconds"
    }
}

/// `GET /v1/stack/history?partition=&after=&limit=`; `after` is a version.
public struct StackHistoryResponse: Hashable, Sendable, Codable {
    /// Which partition.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Whether that bolt is primary.
    public var isPrimary: Bool
    /// Newest first.
    public var revisions: [StackRevisionView]
    /// Version after which, going back, the next page begins; nil on the last.
    public var nextAfter: UInt64?

    /// A page of a history.
    public init(
        partition: PartitionName, bolt: String, isPrimary: Bool, revisions: [StackRevisionView], nextAfter: UInt64?
    ) {
        (self.partition, self.bolt, self.isPrimary) = (partition, bolt, isPrimary)
        (self.revisions, self.nextAfter) = (revisions, nextAfter)
    }

    enum CodingKeys: String, CodingKey {
        case partition, bolt, revisions
        case isPrimary = "primary"
        case nextAfter = "next_after"
    }
}
