/// Bounds of a partition's journal and of the conversation in it.
public enum PartitionLimits {
    /// Members of one partition, the primary included.
    public static let membersMax = 8
    /// Disks that a promotion may have to count: members and acquaintances.
    public static let universeMax = 16
    /// Disks that a hello names as counted beside the members: acquaintances, and those that configurations that are
    /// not safe leave out.
    public static let countedMax = 2 * universeMax
    /// Commands in one record.
    public static let recordCommandsMax = 1024
    /// Bytes of one command. With the two limits below, an `append` always fits into one frame of a link.
    public static let commandBytesMax = 320 * 1024
    /// Bytes of one record's commands, but for the last.
    public static let recordBytesMax = 256 * 1024
    /// Records in one `append` message.
    public static let appendRecordsMax = 256
    /// Bytes of one `append` message's records, but for the last.
    public static let appendBytesMax = 256 * 1024
    /// Records in one transaction.
    public static let writeRecordsMax = 4096
    /// Bytes on their way to one standby before an acknowledgement.
    public static let unacknowledgedBytesMax = 8 * 1024 * 1024
    /// Commands that may wait for the disk.
    public static let commandsMax = 8192
    /// Bytes of commands that may wait for the disk.
    public static let commandsBytesMax = 32 * 1024 * 1024
    /// Records that a standby may lack when it is taken in sync.
    public static let joinLagRecordsMax: UInt64 = 8
    /// How far above what is held an epoch's number may be; further up nobody could have minted it.
    public static let epochLeapMax: UInt64 = 1 << 32
    /// Links that may stand at one machine.
    public static let linksMax = 64
    /// Epochs that a standby names when it looks for the fork; older ones need a snapshot.
    public static let historyMax = 256
    /// Bytes of one piece of a snapshot.
    public static let snapshotChunkBytes = 256 * 1024
    /// Results in one command.
    public static let resultsMax = 1024
    /// Placements in one command.
    public static let placementsMax = 1024
    /// Bytes of a task's record in one command.
    public static let taskPartBytesMax = 128 * 1024
    /// Parts of one record of a task.
    public static let taskPartsMax: UInt64 = 128
    /// Check-ins in one command.
    public static let sightingsMax = 1024
    /// Bytes of a reason.
    public static let reasonBytesMax = 1024
    /// Bytes of one result.
    public static let resultBytesMax = 256 * 1024
    /// Bytes of an envoy's traits.
    public static let traitsBytesMax = 256 * 1024
    /// Bytes of a name of a setting or a secret.
    public static let nameBytesMax = 255
    /// Bytes of a setting or of a sealed secret.
    public static let valueBytesMax = 256 * 1024
    /// Bytes of a stack, or of a compiled body, in one command.
    public static let policyPartBytesMax = 256 * 1024
    /// Parts of one stack: 32 MiB.
    public static let policyStackPartsMax: UInt64 = 128
    /// Parts of one body: 1 MiB.
    public static let policyBodyPartsMax: UInt64 = 4
    /// Changed leaves in one command, and envoys in one that says who is given a version.
    public static let policyEnvoysMax = 1024
    /// Bytes of a record of a roll-out or a push.
    public static let policyRecordBytesMax = 256 * 1024
    /// Records of one roll-out or push.
    public static let policyRecordsMax: UInt64 = 1024
    /// Characters of the text that says what an accepted loss was.
    public static let lossTextMax = 1024
}
