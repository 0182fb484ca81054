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
        /// At least one resource failed.
        case failed
        /// Nothing failed, but something had to wait: disruptive while no server was heard, or after an expiry.
        case held
        /// Nothing failed, and something was changed.
        case changed
        /// Everything was as it should be.
        case unchanged
    }

    /// When it began, by the machine's clock.
    public var at: WallTime
    /// How long it took.
    public var milliseconds: UInt64
    /// Hash of the head that was obeyed; nil where there was none yet.
    public var head: Bytes32?
    /// That head's sequence.
    public var sequence: UInt64?
    /// Digest of the body.
    public var body: Bytes32?
    /// The push that called for it.
    public var push: PrincipalID?
    /// How it ended.
    public var outcome: Outcome
    /// Whether nothing was to be changed.
    public var dryRun: Bool
    /// Whether no server was heard within the freshness window: disruptive resources waited.
    public var isOffline: Bool
    /// How many resources ended how.
    public var counts: PassCounts
    /// Resources that did not end `unchanged`, in the order in which they were applied; at most
    /// `PolicyAPILimits.passResourcesMax`.
    public var resources: [PassResource]
    /// What kept the whole pass from being made, in words; nil where nothing did.
    public var trouble: String?

    /// What a pass did.
    public init(
        at: WallTime, milliseconds: UInt64, head: Bytes32?, sequence: UInt64?, body: Bytes32?,
        push: PrincipalID? = nil, outcome: Outcome, dryRun: Bool, isOffline: Bool, counts: PassCounts,
        resources: [PassResource], trouble: String? = nil
    ) {
        (self.at, self.milliseconds, self.head, self.sequence) = (at, milliseconds, head, sequence)
        (self.body, self.push, self.outcome, self.dryRun) = (body, push, outcome, dryRun)
        (self.isOffline, self.counts, self.resources, self.trouble) = (isOffline, counts, resources, trouble)
    }

    enum CodingKeys: String, CodingKey {
        case head, sequence, body, push, outcome, counts, resources, trouble
        case at = "at_ms"
        case milliseconds = "duration_ms"
        case dryRun = "dry_run"
        case isOffline = "offline"
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

    /// Whether the policy is in force on the machine as far as it could be: nothing failed.
    public var succeeded: Bool { outcome != .failed && trouble == nil && !dryRun }
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

    /// All of them.
    public var total: Int { unchanged + changed + wouldChange + skipped + failed }

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
    public var milliseconds: UInt64
    /// What was changed, without secrets; at most `PolicyAPILimits.passDiffBytesMax` bytes.
    public var diff: String?
    /// Of a failure: its stable kind.
    public var code: String?
    /// Why it was passed over or failed.
    public var what: String?
    /// Of a failure: what to do.
    public var next: String?

    /// A resource of a pass.
    public init(
        id: String, type: String, outcome: Outcome, milliseconds: UInt64, diff: String? = nil, code: String? = nil,
        what: String? = nil, next: String? = nil
    ) {
        (self.id, self.type, self.outcome, self.milliseconds) = (id, type, outcome, milliseconds)
        (self.diff, self.code, self.what, self.next) = (diff, code, what, next)
    }

    enum CodingKeys: String, CodingKey {
        case id, type, outcome, diff, code, what, next
        case milliseconds = "duration_ms"
    }
}
