/// What one partition's disks hold once all bolts are stopped.
public struct PartitionEnd: Hashable, Sendable, Codable {
    /// Its name.
    public var name: String
    /// The bolt that was primary when the writers had finished; nil where there was none.
    public var primary: String?
    /// One for each of its bolts.
    public var members: [MemberEnd]

    /// A partition's end.
    public init(name: String, primary: String?, members: [MemberEnd]) {
        (self.name, self.primary, self.members) = (name, primary, members)
    }
}

/// What one disk holds.
public struct MemberEnd: Hashable, Sendable, Codable {
    /// The bolt.
    public var bolt: String
    /// Why its store can't be read or is not whole; nil where it is.
    public var finding: String?
    /// All up to this position is safe, as it knows.
    public var safe: UInt64
    /// Its last record.
    public var tip: LogPlace
    /// First records of its epochs, ascending.
    public var begins: [LogPlace]
    /// The results that it holds.
    public var queues: [QueueEnd]

    /// A disk's end.
    public init(
        bolt: String, finding: String? = nil, safe: UInt64, tip: LogPlace, begins: [LogPlace], queues: [QueueEnd]
    ) {
        (self.bolt, self.finding, self.safe) = (bolt, finding, safe)
        (self.tip, self.begins, self.queues) = (tip, begins, queues)
    }
}

/// A record's place in a partition's journal.
public struct LogPlace: Hashable, Sendable, Codable {
    /// The epoch's number.
    public var number: UInt64
    /// Who minted it.
    public var minter: String
    /// How often its minter took it up again.
    public var renewal: UInt64
    /// The position; 0 for an empty journal.
    public var position: UInt64
    /// The chain's value.
    public var hash: String

    /// A place.
    public init(number: UInt64, minter: String, renewal: UInt64 = 0, position: UInt64, hash: String) {
        (self.number, self.minter, self.renewal) = (number, minter, renewal)
        (self.position, self.hash) = (position, hash)
    }

    /// Whether both are of one epoch.
    func isSameEpoch(as other: LogPlace) -> Bool {
        number == other.number && minter == other.minter && renewal == other.renewal
    }
}

/// One queue as a disk holds it.
public struct QueueEnd: Hashable, Sendable, Codable {
    /// Whose.
    public var envoy: String
    /// Which life of the queue.
    public var queue: String
    /// How far it counts as stored.
    public var storedThrough: UInt64
    /// The results, in the order in which the store gives them.
    public var rows: [Row]
    /// Stretches that count as stored without being there.
    public var bases: [ClosedRange<UInt64>]

    /// One result.
    public struct Row: Hashable, Sendable, Codable {
        /// Its place.
        public var sequence: UInt64
        /// Checksum of its bytes.
        public var body: UInt64
        /// When it was made, as it says itself: milliseconds since 1970; nil where it does not say.
        public var at: UInt64?

        /// A result.
        public init(_ sequence: UInt64, _ body: UInt64, at: UInt64? = nil) {
            (self.sequence, self.body, self.at) = (sequence, body, at)
        }
    }

    /// A queue.
    public init(
        envoy: String, queue: String, storedThrough: UInt64, rows: [Row], bases: [ClosedRange<UInt64>] = []
    ) {
        (self.envoy, self.queue, self.storedThrough) = (envoy, queue, storedThrough)
        (self.rows, self.bases) = (rows, bases)
    }
}
