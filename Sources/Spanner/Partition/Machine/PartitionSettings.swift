public import CRDT

/// The paces of one partition's replication. Defaults suit a local network. None of them decides about safety.
public struct PartitionSettings: Hashable, Sendable {
    /// Time between signs of life of a primary, and between looks at who is late.
    public var heartbeatInterval: Duration = .milliseconds(100)
    /// Silence after which a member in sync is no longer waited for, and a primary no longer counts as heard.
    public var inSyncTimeout: Duration = .seconds(1)
    /// How long a candidate waits for those that it has a link with.
    public var promiseTimeout: Duration = .milliseconds(400)
    /// How long a hand-over may take before the primary goes on by itself.
    public var handoverTimeout: Duration = .seconds(2)
    /// How long a primary that restarted listens for a newer epoch before it takes its own up again.
    public var resumeTimeout: Duration = .seconds(1)
    /// Whether a primary that restarted takes its epoch up again by itself. False where a lease decides.
    public var resumesByItself = true

    /// The defaults.
    public init() {}

    /// Which relations between settings do not hold: text for people, empty where all do.
    public var violations: [String] {
        var found: [String] = []
        if heartbeatInterval < .milliseconds(5) { found.append("the heartbeat interval must be at least 5 ms") }
        if inSyncTimeout < heartbeatInterval * 3 {
            found.append("the in-sync timeout must be at least three heartbeat intervals")
        }
        if promiseTimeout <= .zero { found.append("the promise timeout must be positive") }
        if handoverTimeout <= promiseTimeout {
            found.append("the hand-over timeout must be longer than the promise timeout")
        }
        if resumeTimeout < .zero { found.append("the resume timeout must not be negative") }
        return found
    }
}

/// Which disk of which partition a machine is.
public struct PartitionSelf: Hashable, Sendable {
    /// The partition: the genesis of its chain, `JournalChain.genesis(mesh:partition:)`.
    public var partition: Bytes32
    /// This disk: the bolt's key and this database's incarnation.
    public var disk: ReplicaID

    /// This disk of this partition.
    public init(partition: Bytes32, disk: ReplicaID) { (self.partition, self.disk) = (partition, disk) }
}
