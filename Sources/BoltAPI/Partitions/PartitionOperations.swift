internal import CRDT
public import Spanner

/// A planned change of primary: `POST /v1/partitions/{partition}/switchover`.
public struct SwitchoverRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's: asked again with the same it is the same operation.
    public var operation: OperationID
    /// The bolt that takes over, `name.partition`; the standby in sync that is furthest where nil.
    public var to: String?
    /// Why, for the audit log.
    public var reason: String

    /// A planned change of primary.
    public init(operation: OperationID, to: String?, reason: String) {
        (self.operation, self.to, self.reason) = (operation, to, reason)
    }
}

/// A bolt is to become primary: `POST /v1/partitions/{partition}/promote`.
public struct PromoteRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's.
    public var operation: OperationID
    /// The candidate, `name.partition`; the bolt that was asked where nil.
    public var bolt: String?
    /// Refuse unless the log that it would stand on ends there.
    public var expect: LogPoint?
    /// Go on without promises that are missing, or without a tail that cannot be had. Needs the rank `admin`.
    public var allowDataLoss: Bool
    /// Only say what it would stand on and lack; binds nobody and changes nothing.
    public var check: Bool
    /// Why, for the audit log.
    public var reason: String

    /// A promotion.
    public init(
        operation: OperationID, bolt: String?, expect: LogPoint? = nil, allowDataLoss: Bool = false,
        check: Bool = false, reason: String
    ) {
        (self.operation, self.bolt, self.expect) = (operation, bolt, expect)
        (self.allowDataLoss, self.check, self.reason) = (allowDataLoss, check, reason)
    }

    enum CodingKeys: String, CodingKey {
        case operation, bolt, expect, check, reason
        case allowDataLoss = "allow_data_loss"
    }
}

/// A living standby's disk is taken out: `POST /v1/partitions/{partition}/remove`.
public struct RemoveMemberRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's.
    public var operation: OperationID
    /// Whose disk, `name.partition`.
    public var bolt: String
    /// Why, for the audit log.
    public var reason: String

    /// A standby is taken out.
    public init(operation: OperationID, bolt: String, reason: String) {
        (self.operation, self.bolt, self.reason) = (operation, bolt, reason)
    }
}

/// A primary gives up for one of its standbys: `POST /v1/bolts/{bolt}/step-down`.
public struct StepDownRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's.
    public var operation: OperationID
    /// Why, for the audit log.
    public var reason: String

    /// A primary gives up.
    public init(operation: OperationID, reason: String) { (self.operation, self.reason) = (operation, reason) }
}

/// What became of an operation, where it was not refused: a refusal is a problem with a code of its own.
public struct OperationResponse: Hashable, Sendable, Codable {
    /// What became of it.
    public enum Outcome: String, Sendable, Codable, CaseIterable {
        /// Done: `epoch` reigns from `point` on.
        case done
        /// Nothing was done: this is what a promotion would stand on and lack.
        case report
        /// Not known here yet: ask for the operation's fate.
        case running
        /// A dry run: nothing was done, and nothing that is known here would refuse it.
        case planned
    }

    /// The id that it was asked with.
    public var operation: OperationID
    /// Which partition.
    public var partition: PartitionName
    /// Who answers, `name.partition`.
    public var bolt: String
    /// What became of it.
    public var outcome: Outcome
    /// The epoch that reigns.
    public var epoch: PartitionEpoch?
    /// The epoch's first record; where a report says so, the end of the log that it would stand on.
    public var point: LogPoint?
    /// Disks whose promise cannot be had.
    public var missing: [DiskView]
    /// What may be lost without them, in words; nil where nothing `paired` can be.
    public var bound: String?
    /// Who is primary afterwards, `name.partition`, as far as is known.
    public var primary: String?
    /// What it does, one line each.
    public var effects: [String]

    /// What became of an operation.
    public init(
        operation: OperationID, partition: PartitionName, bolt: String, outcome: Outcome,
        epoch: PartitionEpoch? = nil, point: LogPoint? = nil, missing: [DiskView] = [], bound: String? = nil,
        primary: String? = nil, effects: [String] = []
    ) {
        (self.operation, self.partition, self.bolt, self.outcome) = (operation, partition, bolt, outcome)
        (self.epoch, self.point, self.missing, self.bound) = (epoch, point, missing, bound)
        (self.primary, self.effects) = (primary, effects)
    }
}

/// `GET /v1/partitions/{partition}/operations/{operation}`: what a journal says of an operation.
public struct OperationFateResponse: Hashable, Sendable, Codable {
    /// What the journal says.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Nothing: it was never begun there, or long ago.
        case unknown
        /// The primary gave up for another, which has not begun yet.
        case running
        /// It led to `epoch`.
        case done
        /// The hand-over was taken back: nothing changed.
        case cancelled
    }

    /// Which operation.
    public var operation: OperationID
    /// Whose journal says so, `name.partition`.
    public var bolt: String
    /// Whether that bolt reigns: only then is its word final.
    public var isPrimary: Bool
    /// What it says.
    public var state: State
    /// The epoch that it led to.
    public var epoch: PartitionEpoch?
    /// The record that says so.
    public var point: LogPoint?
    /// Whether that record is safe.
    public var isSafe: Bool

    /// What a journal says of an operation.
    public init(
        operation: OperationID, bolt: String, isPrimary: Bool, state: State, epoch: PartitionEpoch? = nil,
        point: LogPoint? = nil, isSafe: Bool = false
    ) {
        (self.operation, self.bolt, self.isPrimary, self.state) = (operation, bolt, isPrimary, state)
        (self.epoch, self.point, self.isSafe) = (epoch, point, isSafe)
    }

    enum CodingKeys: String, CodingKey {
        case operation, bolt, state, epoch, point
        case isPrimary = "primary"
        case isSafe = "safe"
    }
}

/// An operator's request, passed on by a bolt: `POST /v1/peer/operator`. The operator is judged anew by its chain.
public struct PeerOperatorRequest: Hashable, Sendable, Codable {
    /// The operator's certificate chain, leaf first, DER.
    public var operatorChainDER: [Base64Bytes]
    /// The endpoint's name, as the API's description has it.
    public var endpoint: String
    /// Values of the path's segments in braces.
    public var arguments: [String]
    /// Items of the query.
    public var query: [String: String]
    /// The body.
    public var body: Base64Bytes
    /// How often it was passed on: `1...APILimits.forwardHopsMax`.
    public var hops: Int

    /// A request on its way.
    public init(
        operatorChainDER: [Base64Bytes], endpoint: String, arguments: [String], query: [String: String],
        body: Base64Bytes, hops: Int
    ) {
        (self.operatorChainDER, self.endpoint, self.arguments) = (operatorChainDER, endpoint, arguments)
        (self.query, self.body, self.hops) = (query, body, hops)
    }

    enum CodingKeys: String, CodingKey {
        case endpoint, arguments, query, body, hops
        case operatorChainDER = "operator_chain_der"
    }
}
