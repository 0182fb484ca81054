public import BoltAPI
public import Spanner

/// What came of an agent's reports, as `status` shows it: `reports.json` in its directory.
///
/// For people alone: nothing is decided by it, so one that is lost or cannot be read is as good as none.
public struct ReportHistory: Codable, Hashable, Sendable {
    /// A report that its owner took.
    public struct Stored: Codable, Hashable, Sendable {
        /// When.
        public var at: WallTime
        /// The bolt that answered, `host:port`.
        public var address: String
        /// Who owns the envoy's slice.
        public var partition: PartitionName
        /// Stored up to here, of the queue that was reported.
        public var storedThrough: UInt64
        /// Safe up to here.
        public var releaseThrough: UInt64
        /// How safe the results are.
        public var level: BoltAPI.AckLevel
        /// The bolt that keeps them while the owner is away; nil where the owner has them.
        public var keptBy: String?

        enum CodingKeys: String, CodingKey {
            case address, partition, level
            case at = "at_ms"
            case keptBy = "kept_by"
            case storedThrough = "stored_through"
            case releaseThrough = "release_through"
        }
    }

    /// A report that brought nothing.
    public struct Failure: Codable, Hashable, Sendable {
        /// When.
        public var at: WallTime
        /// The bolt that was asked, `host:port`.
        public var address: String
        /// What it means.
        public var kind: EnvoyPortFailure.Kind
        /// The stable code.
        public var code: String
        /// What failed and why.
        public var reason: String
        /// What the reader can do.
        public var next: String
        /// How many there were in a row.
        public var inARow: Int

        enum CodingKeys: String, CodingKey {
            case address, kind, code, reason, next
            case at = "at_ms"
            case inARow = "in_a_row"
        }
    }

    /// What the queues hold.
    public struct Queue: Codable, Hashable, Sendable {
        /// Records held.
        public var records: Int
        /// Bytes of their bodies.
        public var bytes: Int
        /// Records that were dropped because the queue was full, and not told yet.
        public var dropped: UInt64
        /// When the oldest was queued.
        public var oldest: WallTime?

        /// What a queue holds.
        public init(records: Int, bytes: Int, dropped: UInt64, oldest: WallTime?) {
            (self.records, self.bytes, self.dropped, self.oldest) = (records, bytes, dropped, oldest)
        }

        enum CodingKeys: String, CodingKey {
            case records, bytes, dropped
            case oldest = "oldest_queued_at_ms"
        }
    }

    /// The list of bolts that the agent keeps.
    public struct Bolts: Codable, Hashable, Sendable {
        /// How many there are.
        public var count: Int
        /// The owner that signed for them; nil where no topology was in force when they were told.
        public var signedBy: PartitionName?
        /// The epoch in which it did.
        public var epoch: UInt64?
        /// The number of the list in that.
        public var number: UInt64?
        /// How many are asked: those of the list and what others named beside, or those named by hand alone. Nil where
        /// an earlier build noted it.
        public var asked: Int?
        /// `host:port` of those, in the order in which they are asked, as far as there is room: all, but where their
        /// names are many and long.
        public var addresses: [String]?

        enum CodingKeys: String, CodingKey {
            case count, epoch, number, asked, addresses
            case signedBy = "signed_by"
        }
    }

    /// The last report that was taken.
    public var stored: Stored?
    /// The last one that was not.
    public var failure: Failure?
    /// Whether the last report was not taken.
    public var isFailing = false
    /// When the running agent asks again; nil where none runs.
    public var nextAttempt: WallTime?
    /// The bolts that it knows from an answer; nil before the first.
    public var bolts: Bolts?
    /// What the queues held then.
    public var queue: Queue?
    /// What came of its policy; nil where the agent does nothing with one.
    public var policy: PolicyHistory?
    /// What came of renewing its certificate; nil where no agent ever ran for long.
    public var renewal: RenewalHistory?

    /// Nothing has come of anything yet.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case stored, failure, bolts, queue, policy, renewal
        case isFailing = "failing"
        case nextAttempt = "next_attempt_at_ms"
    }
}
