public import Spanner

/// How a new version reaches the machines, as the stack's `stack.yaml` has it.
public struct RolloutLimitsView: Hashable, Sendable, Codable {
    /// Machines that are given a new version and have not told how it went; nil for all at once.
    public var maxConcurrent: UInt64?
    /// Machines that have to stand at each instant: neither at it, nor failed, nor silent.
    public var minStanding: UInt64
    /// With more failures than this the roll-out halts; nil where none halts it.
    public var maxFail: UInt64?

    /// Limits of a roll-out. Failures that no partition reaches stand for none that halt it.
    public init(maxConcurrent: UInt64?, minStanding: UInt64, maxFail: UInt64?) {
        (self.maxConcurrent, self.minStanding) = (maxConcurrent, minStanding)
        self.maxFail = maxFail.flatMap { $0 >= UInt64(Int64.max) ? nil : $0 }
    }

    /// A policy as the cores have it.
    public init(_ policy: RolloutPolicy) {
        self.init(
            maxConcurrent: policy.maxConcurrent, minStanding: policy.minStanding, maxFail: policy.maxFail)
    }

    enum CodingKeys: String, CodingKey {
        case maxConcurrent = "max_concurrent"
        case minStanding = "min_standing"
        case maxFail = "max_fail"
    }
}

/// An envoy on which it failed.
public struct PolicyFailureView: Hashable, Sendable, Codable {
    /// Which.
    public var envoy: PrincipalID
    /// Its name; nil where the roster has it no longer.
    public var name: PrincipalName?
    /// What failed, in words.
    public var reason: String

    /// An envoy on which it failed.
    public init(envoy: PrincipalID, name: PrincipalName?, reason: String) {
        (self.envoy, self.name, self.reason) = (envoy, name, reason)
    }
}

/// How far a version has come.
public struct RolloutView: Hashable, Sendable, Codable {
    /// How it stands.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// Machines are given it, as its limits allow.
        case running
        /// An operator holds it.
        case paused
        /// It stopped itself: too many failures, or too few machines that are well.
        case halted
        /// Every machine that can have it was given it, and told how it went or was not heard of for too long.
        case finished
        /// An operator ended it: machines without it keep what they have.
        case aborted
    }

    /// The revision.
    public var revision: String
    /// Its version's number.
    public var version: UInt64
    /// How it stands.
    public var state: State
    /// Its limits.
    public var limits: RolloutLimitsView
    /// Machines that are to have it.
    public var envoys: UInt64
    /// Machines that were given it.
    public var given: UInt64
    /// Machines that told that it is in force.
    public var succeeded: UInt64
    /// Machines that told that it failed.
    public var failed: UInt64
    /// Machines that were given it and were not heard of for too long: they hold up nobody.
    public var silent: UInt64
    /// Machines that are to have it and for which it cannot be made, so that they keep what they have: a secret is
    /// missing, say.
    public var heldUp: UInt64
    /// The first of those that failed; at most `APILimits.policyFailuresShown`.
    public var failures: [PolicyFailureView]
    /// Why it does not go on, in words; nil where it does.
    public var reason: String?
    /// When it began, by the primary's clock.
    public var beganAt: WallTime

    /// How far a version has come.
    public init(
        revision: String, version: UInt64, state: State, limits: RolloutLimitsView, envoys: UInt64, given: UInt64,
        succeeded: UInt64, failed: UInt64, silent: UInt64 = 0, heldUp: UInt64 = 0,
        failures: [PolicyFailureView] = [], reason: String? = nil, beganAt: WallTime
    ) {
        (self.revision, self.version, self.state, self.limits) = (revision, version, state, limits)
        (self.envoys, self.given, self.succeeded, self.failed) = (envoys, given, succeeded, failed)
        (self.silent, self.heldUp, self.failures) = (silent, heldUp, failures)
        (self.reason, self.beganAt) = (reason, beganAt)
    }

    enum CodingKeys: String, CodingKey {
        case revision, version, state, limits, envoys, given, succeeded, failed, silent, failures
        case reason
        case heldUp = "held_up"
        case beganAt = "began_at_ms"
    }

    /// Machines that were given it, have not told how it went, and are waited for.
    public var underway: UInt64 {
        [succeeded, failed, silent].reduce(given) { rest, told in rest > told ? rest - told : 0 }
    }
}

/// An operator holds a roll-out, lets it go on, or ends it: `POST /v1/rollouts/pause`, `/v1/rollouts/resume` and
/// `/v1/rollouts/abort`, at the partition's primary; answered as other changes of a stack are.
public struct ChangeRolloutRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Refuse with `stack_moved` unless it is this revision's.
    public var expectRevision: String?
    /// Why, for the audit log.
    public var reason: String

    /// A change of a roll-out.
    public init(partition: PartitionName, expectRevision: String? = nil, reason: String) {
        (self.partition, self.expectRevision, self.reason) = (partition, expectRevision, reason)
    }

    enum CodingKeys: String, CodingKey {
        case partition, reason
        case expectRevision = "expect_revision"
    }
}
