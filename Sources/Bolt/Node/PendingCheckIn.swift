internal import BoltAPI
internal import Spanner
internal import SpannerStore

/// One check-in on its way to disk.
struct PendingCheckIn: Sendable {
    /// The envoy's TLS key, as its certificate says.
    let tlsKey: KeyFingerprint
    /// The envoy, as its certificate says.
    let envoy: PrincipalID
    /// Its queue.
    let queue: QueueID
    /// First result that the queue still holds.
    let firstHeld: UInt64
    /// Results in order.
    let results: [SequencedResult]
    /// What it reports of its machine.
    let traits: EnvoyRecord.Traits?
    /// Who waits for the answer.
    let reply: CheckedContinuation<Result<CheckInReceipt, Problem>, Never>
}

/// What became of a check-in that is durable.
struct CheckInReceipt: Sendable {
    /// All results up to here are stored.
    let storedThrough: UInt64
    /// Whether another key claims the envoy's name or id.
    let isContested: Bool
}
