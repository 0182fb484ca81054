/// One change of a partition's tables, as it stands in the journal: the same at the primary and at each standby.
///
/// A command says everything that its effect depends on, instants and random bits included: applying it reads no clock
/// and draws nothing. It is judged before it is journaled; one that finds its work done changes nothing.
public enum PartitionCommand: Hashable, Sendable {
    /// Results of one queue, ascending; what is stored already is skipped, what would leave a gap is not stored (P5).
    case results(QueuedResults)
    /// When envoys were last seen, and the traits that they brought.
    case seen([EnvoySighting])
    /// Why results before `through` cannot be had: later ones are not blocked by them.
    case base(EnvoyQueue, through: UInt64, reason: String, at: WallTime)
    /// A one-shot token is spent, and this is the ADMIT that it was spent on: a repeat with the same key re-issues it.
    case tokenSpent(TokenID, key: KeyFingerprint, admission: [UInt8], at: WallTime)
    /// A setting of the partition; nil removes it.
    case setting(name: String, value: [UInt8]?)
    /// A secret, sealed by the vault's present key and bound to its name; nil removes it.
    case secret(name: String, sealed: [UInt8]?)
    /// The vault's keyring: data keys wrapped under the root key.
    case keyring([UInt8])
    /// What somebody did, why, and what came of it.
    case audit(AuditEntry)
    /// The command at this place was passed over: it ended its interpreter.
    case skip(position: UInt64, index: UInt64)
    /// In which slices envoys are.
    case placed([EnvoyPlacement])
    /// A step of a handoff away from here.
    case handoffSource(HandoffSourceRecord)
    /// A step of a handoff to here.
    case handoffTarget(HandoffTargetRecord)
    /// Of the slice of a handoff that is garbage, the rows of so many envoys go, the lowest ids first.
    case sliceCollected(HandoffID, envoys: UInt64)
    /// A part of a record of a task that this partition drives.
    case task(TaskPart)
    /// What is left here of an envoy of a slice that was taken over went to its owner: its rows go.
    case remainsGone(EnvoyPlacement)
    /// A change of the partition's policy: its stacks, bodies and leaves, and who was given them.
    case policy(PolicyChange)

    /// An envoy's queue.
    public struct EnvoyQueue: Hashable, Sendable {
        /// Whose.
        public var envoy: PrincipalID
        /// Which life of it.
        public var queue: QueueID
        /// A queue of an envoy.
        public init(envoy: PrincipalID, queue: QueueID) { (self.envoy, self.queue) = (envoy, queue) }
    }

    /// Results on their way into the tables.
    public struct QueuedResults: Hashable, Sendable {
        /// Whose.
        public var source: EnvoyQueue
        /// When the owner took them: for people.
        public var received: WallTime
        /// Ascending; 1...`PartitionLimits.resultsMax`.
        public var results: [SequencedResult]
        /// Results of a queue.
        public init(source: EnvoyQueue, received: WallTime, results: [SequencedResult]) {
            (self.source, self.received, self.results) = (source, received, results)
        }
    }

    /// An envoy's slice.
    public struct EnvoyPlacement: Hashable, Sendable {
        /// Which envoy.
        public var envoy: PrincipalID
        /// Its slice.
        public var slice: SliceID
        /// An envoy in a slice.
        public init(envoy: PrincipalID, slice: SliceID) { (self.envoy, self.slice) = (envoy, slice) }
    }

    /// A record of a task, or a part of one that is larger than a command may be. A record counts when all its parts
    /// are there.
    public struct TaskPart: Hashable, Sendable {
        /// Which task.
        public var task: PrincipalID
        /// Which of its records, from 0.
        public var number: UInt64
        /// Which part of that, from 0.
        public var part: UInt64
        /// Of how many.
        public var parts: UInt64
        /// 1...`PartitionLimits.taskPartBytesMax` bytes of the record.
        public var bytes: [UInt8]
        /// A part of a record.
        public init(task: PrincipalID, number: UInt64, part: UInt64, parts: UInt64, bytes: [UInt8]) {
            (self.task, self.number, self.part, self.parts) = (task, number, part, parts)
            self.bytes = bytes
        }
    }

    /// One check-in as the tables keep it.
    public struct EnvoySighting: Hashable, Sendable {
        /// Whose.
        public var envoy: PrincipalID
        /// When, by the primary's clock: for people.
        public var at: WallTime
        /// New traits; nil leaves what is stored.
        public var traits: [UInt8]?
        /// A check-in.
        public init(envoy: PrincipalID, at: WallTime, traits: [UInt8]?) {
            (self.envoy, self.at, self.traits) = (envoy, at, traits)
        }
    }
}

/// One line of the audit log. Its place and its hash come with the record that it is part of.
public struct AuditEntry: Hashable, Sendable {
    /// When, by the primary's clock: for people.
    public var at: WallTime
    /// Who asked, as the certificate says: `operator/ada`, `bolt/a.north`, `lease/etcd`.
    public var actor: String
    /// What was done: a stable word such as `secret.put`.
    public var action: String
    /// To what; never a secret's value.
    public var object: String
    /// Why, in the operator's words.
    public var reason: String

    /// A line.
    public init(at: WallTime, actor: String, action: String, object: String, reason: String) {
        (self.at, self.actor, self.action) = (at, actor, action)
        (self.object, self.reason) = (object, reason)
    }
}
