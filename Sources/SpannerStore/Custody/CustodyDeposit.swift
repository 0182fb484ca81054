public import Spanner

/// What of a check-in is to be kept for its owner.
public struct CustodyDeposit: Sendable {
    /// Whose check-in.
    public let envoy: PrincipalID
    /// The queue whose results it brings.
    public let queue: QueueID
    /// The first result of that queue which the envoy still holds; at least 1.
    public let firstHeld: UInt64
    /// The results, ascending without a gap; none where it is only asked what is kept.
    public let results: [SequencedResult]
    /// What shows the owner who the envoy is, as the shells write it.
    public let proof: [UInt8]
    /// When, by this bolt's clock.
    public let at: WallTime

    /// What is to be kept of a check-in.
    public init(
        envoy: PrincipalID, queue: QueueID, firstHeld: UInt64, results: [SequencedResult], proof: [UInt8], at: WallTime
    ) {
        (self.envoy, self.queue, self.firstHeld) = (envoy, queue, firstHeld)
        (self.results, self.proof, self.at) = (results, proof, at)
    }
}

/// Results of one queue that are kept, as they are brought to their owner: a run without a gap.
public struct CustodyBatch: Hashable, Sendable {
    /// Whose results.
    public let envoy: PrincipalID
    /// Their queue.
    public let queue: QueueID
    /// The first result that the envoy still held when it last brought some; at least 1.
    public let firstHeld: UInt64
    /// The results, ascending without a gap; none where all that is kept was brought before.
    public let results: [SequencedResult]
    /// The last result of the queue that is kept.
    public let last: UInt64
    /// What shows the owner who the envoy is, as the shells write it.
    public let proof: [UInt8]
    /// When that was shown here, by this bolt's clock.
    public let at: WallTime

    /// A run of results.
    public init(
        envoy: PrincipalID, queue: QueueID, firstHeld: UInt64, results: [SequencedResult], last: UInt64,
        proof: [UInt8], at: WallTime
    ) {
        (self.envoy, self.queue, self.firstHeld, self.results) = (envoy, queue, firstHeld, results)
        (self.last, self.proof, self.at) = (last, proof, at)
    }
}
