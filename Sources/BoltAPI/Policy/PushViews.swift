public import Spanner

/// Which envoys are meant, of those that the partition owns. Names, group and labels together: an envoy has to fit all
/// that are given.
public struct EnvoySelection: Hashable, Sendable, Codable {
    /// Ids or names; at most `APILimits.pushNamesMax`. Nil: whatever the name.
    public var envoys: [String]?
    /// Nil: whatever the group.
    public var group: GroupName?
    /// Labels that it has to have.
    public var labels: [String: String]
    /// Whether all are meant; refused unless it is true, or something else is given.
    public var all: Bool

    /// A selection.
    public init(envoys: [String]? = nil, group: GroupName? = nil, labels: [String: String] = [:], all: Bool = false) {
        (self.envoys, self.group, self.labels, self.all) = (envoys, group, labels, all)
    }

    /// Whether anything is given.
    public var isGiven: Bool { all || group != nil || !labels.isEmpty || envoys?.isEmpty == false }
}

/// Envoys are to apply what is in force at once: `POST /v1/envoys/push`, at the partition's primary.
public struct PushRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the caller's. Asked again with the same it is the same push.
    public var push: PrincipalID
    /// Whose envoys.
    public var partition: PartitionName
    /// Which of them.
    public var selection: EnvoySelection
    /// Envoys at once, at least 1; nil: all of them.
    public var batch: UInt64?
    /// Percent of a batch that have to succeed before the next begins: `0...100`.
    public var thresholdPercent: UInt64
    /// Seconds from a batch that succeeded to the next.
    public var pauseSeconds: UInt64
    /// Seconds after which an envoy of a batch that has told nothing counts as failed; nil: the bolt's own.
    public var patienceSeconds: UInt64?
    /// Whether disruptive resources may be applied that would wait otherwise.
    public var isDisruptive: Bool
    /// Why, for the audit log.
    public var reason: String

    /// A push.
    public init(
        push: PrincipalID, partition: PartitionName, selection: EnvoySelection, batch: UInt64? = nil,
        thresholdPercent: UInt64 = 100, pauseSeconds: UInt64 = 0, patienceSeconds: UInt64? = nil,
        isDisruptive: Bool = false, reason: String
    ) {
        (self.push, self.partition, self.selection) = (push, partition, selection)
        (self.batch, self.thresholdPercent, self.pauseSeconds) = (batch, thresholdPercent, pauseSeconds)
        (self.patienceSeconds, self.isDisruptive, self.reason) = (patienceSeconds, isDisruptive, reason)
    }

    enum CodingKeys: String, CodingKey {
        case push, partition, selection, batch, reason
        case thresholdPercent = "threshold_percent"
        case pauseSeconds = "pause_seconds"
        case patienceSeconds = "patience_seconds"
        case isDisruptive = "disruptive"
    }
}

/// One push, as the partition that drives it journals it.
public struct PushView: Hashable, Sendable, Codable {
    /// How it stands.
    public enum State: String, Sendable, Codable, CaseIterable {
        /// A batch is under way.
        case running
        /// A batch succeeded: the next begins after the pause.
        case pausing
        /// All batches are done, each with enough successes.
        case finished
        /// It stopped itself: too few of a batch succeeded. The rest was not asked.
        case halted
        /// An operator ended it. The rest was not asked.
        case aborted
    }

    /// Its id.
    public var id: PrincipalID
    /// The partition that drives it.
    public var partition: PartitionName
    /// How it stands.
    public var state: State
    /// The revision that was in force when it began.
    public var revision: String
    /// Which batch, from 1; 0 before the first.
    public var batch: UInt64
    /// Batches in all.
    public var batches: UInt64
    /// Envoys in all.
    public var envoys: UInt64
    /// Envoys that were asked.
    public var asked: UInt64
    /// Envoys that told that the policy is in force.
    public var succeeded: UInt64
    /// Envoys that told that it failed, or told nothing in time.
    public var failed: UInt64
    /// The first of those; at most `APILimits.policyFailuresShown`.
    public var failures: [PolicyFailureView]
    /// Percent of a batch that have to succeed.
    public var thresholdPercent: UInt64
    /// Seconds from a batch to the next.
    public var pauseSeconds: UInt64
    /// Why it ended before its end, in words; nil where it did not.
    public var stopped: String?
    /// When it was taken, by the clock of the bolt that took it.
    public var beganAt: WallTime
    /// When it was over.
    public var endedAt: WallTime?
    /// Who asked: `operator/ada`.
    public var actor: String
    /// Why, in the operator's words; empty where none were given.
    public var reason: String

    /// A push.
    public init(
        id: PrincipalID, partition: PartitionName, state: State, revision: String, batch: UInt64, batches: UInt64,
        envoys: UInt64, asked: UInt64, succeeded: UInt64, failed: UInt64, failures: [PolicyFailureView] = [],
        thresholdPercent: UInt64, pauseSeconds: UInt64, stopped: String? = nil, beganAt: WallTime,
        endedAt: WallTime? = nil, actor: String, reason: String
    ) {
        (self.id, self.partition, self.state, self.revision) = (id, partition, state, revision)
        (self.batch, self.batches, self.envoys, self.asked) = (batch, batches, envoys, asked)
        (self.succeeded, self.failed, self.failures) = (succeeded, failed, failures)
        (self.thresholdPercent, self.pauseSeconds, self.stopped) = (thresholdPercent, pauseSeconds, stopped)
        (self.beganAt, self.endedAt, self.actor, self.reason) = (beganAt, endedAt, actor, reason)
    }

    enum CodingKeys: String, CodingKey {
        case id, partition, state, revision, batch, batches, envoys, asked, succeeded, failed, failures, stopped
        case actor, reason
        case thresholdPercent = "threshold_percent"
        case pauseSeconds = "pause_seconds"
        case beganAt = "began_at_ms"
        case endedAt = "ended_at_ms"
    }

    /// Whether nothing more happens.
    public var isOver: Bool {
        switch state {
        case .running, .pausing: false
        case .finished, .halted, .aborted: true
        }
    }
}

/// `GET /v1/pushes/{push}?partition=`: without `partition` the answering bolt's own.
public struct PushResponse: Hashable, Sendable, Codable {
    /// The push.
    public var push: PushView
    /// Who answers, `name.partition`.
    public var bolt: String
    /// Whether that bolt is primary: only then is its word the latest for certain.
    public var isPrimary: Bool

    /// A push.
    public init(push: PushView, bolt: String, isPrimary: Bool) {
        (self.push, self.bolt, self.isPrimary) = (push, bolt, isPrimary)
    }

    enum CodingKeys: String, CodingKey {
        case push, bolt
        case isPrimary = "primary"
    }
}

/// A push is ended: `POST /v1/pushes/{push}/abort`, at the partition's primary. Who was asked already is not called
/// back.
public struct AbortPushRequest: Hashable, Sendable, Codable {
    /// Whose.
    public var partition: PartitionName
    /// Why, for the audit log.
    public var reason: String

    /// An end.
    public init(partition: PartitionName, reason: String) { (self.partition, self.reason) = (partition, reason) }
}

/// A push was begun or ended, or on a dry run would be.
public struct PushChangeResponse: Hashable, Sendable, Codable {
    /// The push as it is afterwards; on a dry run as it would begin.
    public var push: PushView
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// A change of a push.
    public init(push: PushView, level: AckLevel, dryRun: Bool, effects: [String]) {
        (self.push, self.level, self.dryRun, self.effects) = (push, level, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case push, level, effects
        case dryRun = "dry_run"
    }
}
