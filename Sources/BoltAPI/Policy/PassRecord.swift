public import CRDT
internal import Foundation
public import Spanner

/// What one pass of an agent did: the body of a result, in JSON under the key `pass`.
///
/// The mesh stores results whatever they hold; it reads of these the head, the call and the outcome, to know how a
/// roll-out or a push goes. What it does not understand it stores all the same.
public struct PassRecord: Hashable, Sendable, Codable {
    /// How a pass ended, worst first.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// At least one resource failed, or the pass could not be made.
        case failed
        /// Nothing failed, but something is not as it should be: it has to wait, or it was a dry run.
        case held
        /// All is as it should be, and something was changed for it.
        case changed
        /// All was as it should be.
        case unchanged
    }

    /// When it began, by the machine's clock.
    public var at: WallTime
    /// Hash of the head that was obeyed; nil where there was none yet.
    public var head: Bytes32?
    /// That head's sequence.
    public var sequence: UInt64?
    /// Digest of the body.
    public var body: Bytes32?
    /// The push that called for it; nil for a pass that was due by itself.
    public var push: PrincipalID?
    /// Number of the last order of its owner's that was taken before it began, whatever called for it, 0 for none; nil
    /// where that is not said. A pass with a smaller one began before an order was taken, wherever it is told.
    public var order: UInt64?
    /// Whether the agent's end cut it short: what it came to says nothing of the policy. Absent where it did not.
    public var isCut: Bool?
    /// Whether no server was heard within the freshness window: disruptive resources waited.
    public var isOffline: Bool
    /// What kept the pass from being made, in words; nil where nothing did.
    public var trouble: String?
    /// What the pass came to; nil where it was not made.
    public var report: PassReport?

    /// What a pass did.
    public init(
        at: WallTime, head: Bytes32?, sequence: UInt64?, body: Bytes32?, push: PrincipalID? = nil, isOffline: Bool,
        trouble: String? = nil, report: PassReport?
    ) {
        (self.at, self.head, self.sequence, self.body) = (at, head, sequence, body)
        (self.push, self.isOffline, self.trouble, self.report) = (push, isOffline, trouble, report)
    }

    enum CodingKeys: String, CodingKey {
        case head, sequence, body, push, order, trouble, report
        case at = "at_ms"
        case isCut = "cut"
        case isOffline = "offline"
    }

    /// How it ended.
    public var outcome: Outcome {
        guard trouble == nil, let report, report.counts.failed == 0 else { return .failed }
        guard report.isConverged else { return .held }
        return report.counts.changed > 0 ? .changed : .unchanged
    }

    /// Whether the policy is in force on the machine as far as it could be: nothing failed, it was no dry run, and it
    /// was not cut short.
    public var succeeded: Bool { outcome != .failed && report?.isDryRun == false && isCut != true }

    /// Whether it says how the policy goes on the machine: it was no dry run, and it was not cut short.
    public var isTelling: Bool { report?.isDryRun != true && isCut != true }

    /// The first thing that failed, in words; nil where nothing did.
    public var failure: String? {
        if let trouble { return trouble }
        guard let failed = report?.resources.first(where: { $0.outcome == .failed }) else { return nil }
        return "\(failed.id): \(failed.words ?? "failed")"
    }

    private struct Wrapped: Codable {
        var pass: PassRecord
    }

    private static let prefix = Array("{\"pass\":".utf8)

    /// The body of a result.
    public func resultBody() throws -> [UInt8] { Array(try APIJSON.encode(Wrapped(pass: self))) }

    /// The record of a result's body; nil where the body holds anything else, or is over
    /// `APILimits.resultBytesMax`.
    public init?(resultBody body: some Collection<UInt8>) {
        guard body.count <= APILimits.resultBytesMax, body.starts(with: Self.prefix),
            let wrapped = try? APIJSON.decode(Wrapped.self, from: Data(body))
        else { return nil }
        self = wrapped.pass
    }
}

/// What a pass came to, as the agent's engine tells it.
public struct PassReport: Hashable, Sendable, Codable {
    /// Whether nothing was to be changed.
    public var isDryRun: Bool
    /// Whether the machine is as the policy wants it: nothing failed, is held back, or still differs.
    public var isConverged: Bool
    /// The whole pass.
    public var microseconds: UInt64
    /// How many resources ended how: all of them.
    public var counts: PassCounts
    /// Resources in the order in which they were applied; where there is no room for all, what failed comes first.
    public var resources: [PassResource]
    /// Resources without an entry.
    public var omitted: Int
    /// Why what the next pass needs could not be kept; nil where it was.
    public var memoryFailure: String?

    /// What a pass came to.
    public init(
        isDryRun: Bool, isConverged: Bool, microseconds: UInt64, counts: PassCounts, resources: [PassResource],
        omitted: Int = 0, memoryFailure: String? = nil
    ) {
        (self.isDryRun, self.isConverged, self.microseconds) = (isDryRun, isConverged, microseconds)
        (self.counts, self.resources, self.omitted) = (counts, resources, omitted)
        self.memoryFailure = memoryFailure
    }

    enum CodingKeys: String, CodingKey {
        case counts, resources, omitted
        case isDryRun = "dry_run"
        case isConverged = "converged"
        case microseconds = "duration_us"
        case memoryFailure = "memory_failure"
    }
}

/// How many resources of a pass ended how.
public struct PassCounts: Hashable, Sendable, Codable {
    /// They were as they should be.
    public var unchanged: Int
    /// They were changed.
    public var changed: Int
    /// They would have been changed, had it been no dry run.
    public var wouldChange: Int
    /// They were passed over: a condition, or something that they require failed, or they have to wait.
    public var skipped: Int
    /// They failed.
    public var failed: Int

    /// Counts.
    public init(unchanged: Int = 0, changed: Int = 0, wouldChange: Int = 0, skipped: Int = 0, failed: Int = 0) {
        (self.unchanged, self.changed, self.wouldChange) = (unchanged, changed, wouldChange)
        (self.skipped, self.failed) = (skipped, failed)
    }

    enum CodingKeys: String, CodingKey {
        case unchanged, changed, skipped, failed
        case wouldChange = "would_change"
    }
}

/// What became of one resource in a pass.
public struct PassResource: Hashable, Sendable, Codable {
    /// How it ended.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// As it should be.
        case unchanged
        /// Changed.
        case changed
        /// It would have been changed.
        case wouldChange = "would_change"
        /// Passed over.
        case skipped
        /// Failed.
        case failed
    }

    /// Its id in the stack.
    public var id: String
    /// Its type: `file`, `exec`, or that of a handler.
    public var type: String
    /// How it ended.
    public var outcome: Outcome
    /// How long it took.
    public var microseconds: UInt64
    /// Of one that was passed over: why, in a stable word.
    public var reason: String?
    /// Of such a one: the condition, or the resource that it waits for.
    public var by: String?
    /// Of a failure: its stable kind.
    public var code: String?
    /// Of a failure: what was attempted, on what.
    public var what: String?
    /// Of a failure: why.
    public var why: String?
    /// Of a failure: what to do.
    public var next: String?
    /// What differed, a few words each; never content.
    public var summary: [String]?
    /// How the content differed, without secrets.
    public var diff: String?
    /// The end of what its command printed, without secrets.
    public var output: String?
    /// Whether it was told of a change of another; absent where it was not.
    public var wasNotified: Bool?
    /// Of a failure: whether the machine may differ from before; absent where it does not.
    public var hasChangedState: Bool?

    /// A resource of a pass.
    public init(
        id: String, type: String, outcome: Outcome, microseconds: UInt64, reason: String? = nil, by: String? = nil,
        code: String? = nil, what: String? = nil, why: String? = nil, next: String? = nil, summary: [String]? = nil,
        diff: String? = nil, output: String? = nil, wasNotified: Bool? = nil, hasChangedState: Bool? = nil
    ) {
        (self.id, self.type, self.outcome, self.microseconds) = (id, type, outcome, microseconds)
        (self.reason, self.by, self.code, self.what, self.why) = (reason, by, code, what, why)
        (self.next, self.summary, self.diff, self.output) = (next, summary, diff, output)
        (self.wasNotified, self.hasChangedState) = (wasNotified, hasChangedState)
    }

    enum CodingKeys: String, CodingKey {
        case id, type, outcome, reason, by, code, what, why, next, summary, diff, output
        case microseconds = "duration_us"
        case wasNotified = "notified"
        case hasChangedState = "state_changed"
    }

    /// Why it is not as it should be, in words; nil where nothing is told.
    public var words: String? {
        if what != nil || why != nil { return [what, why].compactMap { $0 }.joined(separator: ": ") }
        if let reason { return reason + (by.map { ": \($0)" } ?? "") }
        return code
    }
}
