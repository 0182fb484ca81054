/// Deliberate faults of replication, to prove that the simulator's checkers would see one. Off in everything shipped:
/// only `package init` of `PartitionMachine` takes one.
package enum PartitionMutation: String, CaseIterable, Sendable {
    /// A standby acknowledges, and a primary counts itself, when a write is handed to the disk (breaks D1).
    case ackBeforePersist = "ack-before-persist"
    /// `paired` is answered although the primary is alone in sync (breaks P1).
    case ackPairedWithoutStandby = "ack-paired-without-standby"
    /// A member that lags counts as holding everything, as asynchronous replicas do under Sentinel (breaks P1).
    case countLaggingAsInSync = "count-lagging-as-in-sync"
    /// A returning log is cut to its high-water mark, not to the fork by epoch (KIP-101; breaks P4).
    case cutByHighWaterMark = "cut-by-high-water-mark"
    /// An epoch begins without asking for promises (breaks P1).
    case promoteWithoutPromises = "promote-without-promises"
    /// A disk that lost its promises with its data acknowledges, promises and stands at once (breaks P1).
    case forgetPromiseWithDisk = "forget-promise-with-disk"
    /// A member takes records of epochs below its promise, as if nobody looked between lease and commit (breaks P2).
    case skipFence = "skip-fence"
    /// A primary that woke up goes on above the newer epoch that it hears of, and asks nobody (Patroni #1684; breaks
    /// P1).
    case resumeOldEpoch = "resume-old-epoch"
    /// A candidate mints the number that it promised last (Vault #23013; breaks P4).
    case reuseEpochNumber = "reuse-epoch-number"
    /// A member counts as dropped from those in sync before the record that says so is durable (breaks P3).
    case dropInSyncBeforeDurable = "drop-in-sync-before-durable"
    /// Positions are announced as safe when the primary alone has them (breaks P4).
    case lazySafe = "lazy-safe"
    /// The disk keeps the applied position apart from the tables (etcd's index; breaks D3). Carried out by the
    /// simulator's disk.
    case appliedApartFromLog = "applied-apart-from-log"
}
