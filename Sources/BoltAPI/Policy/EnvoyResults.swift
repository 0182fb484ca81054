public import Spanner

/// One place, or one run of places, in what an envoy has told.
public struct EnvoyResultView: Hashable, Sendable, Codable {
    /// What is there.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A result, once.
        case result
        /// A record that stands for results which found the machine's queue full: they were never sent.
        case dropped
        /// Nothing: the owner lost or never got them, and says why. What arrives later fills it.
        case hole
        /// Nothing, by the mesh's own rule for how long results are kept.
        case expired
        /// Nothing, and nothing says why: a fault of the mesh, for `boltctl audit verify` and its log.
        case missing
    }

    /// What is there.
    public var kind: Kind
    /// The queue.
    public var queue: QueueIncarnation
    /// Its place there, or the first of several.
    public var sequence: UInt64
    /// The last of several places; the same as `sequence` for one.
    public var through: UInt64
    /// When the owner took it, or said why there is nothing, by its clock.
    public var at: WallTime?
    /// What the envoy sent, where that is JSON that a document may hold, and raw bytes were not asked for.
    public var record: JSONValue?
    /// What the envoy sent, as it came, where `record` is not there.
    public var body: Base64Bytes?
    /// Of dropped ones: how many.
    public var count: UInt64?
    /// Why there is nothing.
    public var reason: String?

    /// What is in one place, or in a run of them.
    public init(
        kind: Kind, queue: QueueIncarnation, sequence: UInt64, through: UInt64, at: WallTime?,
        record: JSONValue? = nil, body: Base64Bytes? = nil, count: UInt64? = nil, reason: String? = nil
    ) {
        (self.kind, self.queue, self.sequence, self.through) = (kind, queue, sequence, through)
        (self.at, self.record, self.body) = (at, record, body)
        (self.count, self.reason) = (count, reason)
    }

    enum CodingKeys: String, CodingKey {
        case kind, queue, sequence, through, record, body, count, reason
        case at = "at_ms"
    }

    /// Where the next page begins after it.
    public var cursor: ResultCursor { ResultCursor(queue: queue, sequence: through) }
}

/// A place in all that an envoy has told: `QUEUE:SEQUENCE`.
public struct ResultCursor: Hashable, Sendable, TextCodable {
    /// The queue.
    public var queue: QueueIncarnation
    /// The place in it; 0 for before its first.
    public var sequence: UInt64

    /// A place.
    public init(queue: QueueIncarnation, sequence: UInt64) { (self.queue, self.sequence) = (queue, sequence) }

    /// From `QUEUE:SEQUENCE`.
    public init?(apiText: String) {
        let parts = apiText.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let queue = QueueIncarnation(apiText: String(parts[0])),
            let sequence = UInt64(parts[1]), "\(sequence)" == parts[1]
        else { return nil }
        self.init(queue: queue, sequence: sequence)
    }

    /// `QUEUE:SEQUENCE`.
    public var apiText: String { "\(queue.apiText):\(sequence)" }
    /// For errors.
    public static var apiKind: String { "a place in results, QUEUE:SEQUENCE" }
}

/// One life of an envoy's queue, as its owner knows it.
public struct ResultQueueView: Hashable, Sendable, Codable {
    /// Which.
    public var queue: QueueIncarnation
    /// Every place up to here holds a result or has a reason.
    public var storedThrough: UInt64
    /// Results that are kept of it.
    public var results: UInt64
    /// Places that hold nothing and have a reason.
    public var holes: UInt64
    /// Whether it is the one that the envoy names now.
    public var isCurrent: Bool

    /// A queue.
    public init(queue: QueueIncarnation, storedThrough: UInt64, results: UInt64, holes: UInt64, isCurrent: Bool) {
        (self.queue, self.storedThrough, self.results) = (queue, storedThrough, results)
        (self.holes, self.isCurrent) = (holes, isCurrent)
    }

    enum CodingKeys: String, CodingKey {
        case queue, results, holes
        case storedThrough = "stored_through"
        case isCurrent = "current"
    }
}

/// What an envoy has told: `GET /v1/envoys/{envoy}/results?queue=&after=&limit=&raw=`; `after` is a place,
/// `QUEUE:SEQUENCE`, and `raw=true` gives all bodies as they came.
///
/// Queues stand in the order in which the owner first heard of them; within one, places ascend without a gap: where
/// there is no result, a line says so.
public struct EnvoyResultsResponse: Hashable, Sendable, Codable {
    /// Whose copy it is.
    public enum Source: String, Sendable, Codable, CaseIterable {
        /// The primary of the owner: all that is acknowledged.
        case owner
        /// A standby of the owner: up to where its copy is.
        case standby
        /// Another bolt that kept them while the owner was away: what it took itself, no more.
        case custody
    }

    /// Who answers, `name.partition`.
    public var bolt: String
    /// Whose copy it is.
    public var source: Source
    /// Which envoy.
    public var envoy: PrincipalID
    /// Its name.
    public var name: PrincipalName
    /// How it stands: what a banned or removed one told is kept.
    public var standing: StandingWord
    /// All of its queues, in order.
    public var queues: [ResultQueueView]
    /// In order.
    public var results: [EnvoyResultView]
    /// Place after which the next page begins; nil on the last.
    public var nextAfter: ResultCursor?
    /// Age and completeness.
    public var freshness: Freshness

    /// A page of results.
    public init(
        bolt: String, source: Source, envoy: PrincipalID, name: PrincipalName, standing: StandingWord = .active,
        queues: [ResultQueueView], results: [EnvoyResultView], nextAfter: ResultCursor?, freshness: Freshness
    ) {
        (self.bolt, self.source, self.envoy, self.name) = (bolt, source, envoy, name)
        self.standing = standing
        (self.queues, self.results, self.nextAfter) = (queues, results, nextAfter)
        self.freshness = freshness
    }

    enum CodingKeys: String, CodingKey {
        case bolt, source, envoy, name, standing, queues, results, freshness
        case nextAfter = "next_after"
    }
}
