/// One check-in of one writer: what was sent, when, and what the mesh told.
public struct ClientCall: Hashable, Sendable, Codable {
    /// Who was asked last: the bolt that answered, or the last one that was tried.
    public var bolt: String
    /// Nanoseconds of the run's one monotonic clock, before the first byte left.
    public var begin: UInt64
    /// The same clock, once the outcome was known.
    public var end: UInt64
    /// The sequences that were sent; nil for none.
    public var sent: ClosedRange<UInt64>?
    /// What came of it.
    public var outcome: Outcome

    /// What came of a call.
    public enum Outcome: Hashable, Sendable, Codable {
        /// An answer.
        case answered(Answer)
        /// A bolt said no, with this stable code.
        case refused(String)
        /// Nobody knows: it may have been stored.
        case unknown(String)
    }

    /// A call.
    public init(bolt: String, begin: UInt64, end: UInt64, sent: ClosedRange<UInt64>?, outcome: Outcome) {
        (self.bolt, self.begin, self.end) = (bolt, begin, end)
        (self.sent, self.outcome) = (sent, outcome)
    }

    /// The answer, where there was one.
    public var answer: Answer? {
        guard case .answered(let answer) = outcome else { return nil }
        return answer
    }
}

/// What a writer was told.
public struct Answer: Hashable, Sendable, Codable {
    /// All up to here are stored.
    public var storedThrough: UInt64
    /// All up to here may be deleted.
    public var releaseThrough: UInt64
    /// Whether the answer's level was `paired`.
    public var isPaired: Bool
    /// The owner's place in the succession.
    public var mark: Mark
    /// The partition that answered.
    public var partition: String

    /// An answer.
    public init(storedThrough: UInt64, releaseThrough: UInt64, isPaired: Bool, mark: Mark, partition: String) {
        (self.storedThrough, self.releaseThrough, self.isPaired) = (storedThrough, releaseThrough, isPaired)
        (self.mark, self.partition) = (mark, partition)
    }

    /// All up to here were promised never to be lost (P1): what may be deleted, and all of a `paired` answer.
    public var safeThrough: UInt64 { isPaired ? max(storedThrough, releaseThrough) : releaseThrough }
}

/// A place in the succession of owners: hand-overs of the slice, then the partition's epoch.
public struct Mark: Hashable, Sendable, Codable, Comparable {
    /// Hand-overs of the slice.
    public var register: UInt64
    /// The epoch's number.
    public var epoch: UInt64

    /// A place.
    public init(register: UInt64, epoch: UInt64) { (self.register, self.epoch) = (register, epoch) }

    /// By hand-overs, then epoch.
    public static func < (left: Mark, right: Mark) -> Bool {
        (left.register, left.epoch) < (right.register, right.epoch)
    }
}
