public import BoltAPI
public import CRDT
public import Spanner

/// What an agent's policy is and what came of it, as `status` shows it.
public struct PolicyHistory: Codable, Hashable, Sendable {
    /// The version in force.
    public struct Version: Codable, Hashable, Sendable {
        /// What its source calls it.
        public var revision: String
        /// Whose it is.
        public var partition: PartitionName
        /// Epoch of that partition in which it was made.
        public var epoch: UInt64
        /// Its number there.
        public var sequence: UInt64
        /// When it was made, by the owner's clock.
        public var made: WallTime
        /// When this machine took it.
        public var accepted: WallTime?
        /// Hash of this machine's leaf.
        public var leaf: Bytes32
        /// `fresh`, `aging`, `expired (POLICY)` or `age unknown`.
        public var standing: String
        /// How many seconds after the owner was last heard of it is too old; nil: never, or an earlier build noted it.
        public var maxAgeSeconds: UInt64?
        /// What is done then; nil where an earlier build noted it.
        public var expiry: PolicyExpiryWord?
        /// From when on its age counts: since the owner was last heard of, or made it.
        public var since: WallTime?

        /// Its standing at an instant of this machine's clock, whenever it was noted; as it was noted where what that
        /// hangs on is not known.
        public func standing(now: WallTime) -> String {
            guard let expiry, let since else { return standing }
            return PolicyTerms(maxAgeSeconds: maxAgeSeconds, expiry: expiry.expiry)
                .standing(now: now, since: since).words
        }

        enum CodingKeys: String, CodingKey {
            case revision, partition, epoch, sequence, leaf, standing, expiry
            case made = "made_at_ms"
            case accepted = "accepted_at_ms"
            case maxAgeSeconds = "max_age_seconds"
            case since = "age_since_ms"
        }
    }

    /// The last pass.
    public struct Pass: Codable, Hashable, Sendable {
        /// When it began.
        public var at: WallTime
        /// How it ended.
        public var outcome: PassRecord.Outcome
        /// How many resources ended how; nil where it was not made.
        public var counts: PassCounts?
        /// Whether the owner was away.
        public var isOffline: Bool
        /// The first thing that failed.
        public var failure: String?

        enum CodingKeys: String, CodingKey {
            case at, outcome, counts, failure
            case isOffline = "offline"
        }
    }

    /// What is in force; nil before the first.
    public var version: Version?
    /// The last pass; nil before the first.
    public var lastPass: Pass?
    /// Since when one is under way; nil where none is. What a killed agent noted may stay: it tells of a running one.
    public var passingSince: WallTime?
    /// When the next is made by itself, where an agent runs.
    public var nextPass: WallTime?
    /// When the owner was heard last; nil where that is not known.
    public var heard: WallTime?
    /// What the owner says of a version that it does not give now, or of having none.
    public var note: String?
    /// What is the matter; nil where nothing is.
    public var trouble: PolicyTrouble?

    /// Nothing is known yet.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case version, note, trouble
        case lastPass = "last_pass"
        case passingSince = "passing_since_ms"
        case nextPass = "next_pass_at_ms"
        case heard = "owner_heard_at_ms"
    }
}

/// What comes of renewing an agent's certificate, as `status` shows it.
public struct RenewalHistory: Codable, Hashable, Sendable {
    /// From when on it is renewed, by the machine's clock.
    public var due: WallTime
    /// Until when the present one holds.
    public var end: WallTime
    /// Why the last try brought nothing; nil where it did, or there was none.
    public var failure: String?
    /// Tries in a row that brought nothing.
    public var failures: Int

    enum CodingKeys: String, CodingKey {
        case failure
        case due = "due_at_ms"
        case end = "ends_at_ms"
        case failures = "failures_in_a_row"
    }
}

extension PolicyStanding {
    /// In words.
    var words: String {
        switch self {
        case .none: "none"
        case .fresh: "fresh"
        case .aging: "aging"
        case .ageUnknown: "age unknown"
        case .expired(.enforceLast): "expired (enforce-last)"
        case .expired(.enforceSafe): "expired (enforce-safe)"
        case .expired(.stop): "expired (stop)"
        }
    }
}
