public import CRDT

/// What a bolt says of its part in its partition: to itself, to operators, to all peers. Unsigned: for pages, for
/// routing, and for hearsay of the epoch; never for safety.
public struct PartitionStanding: Hashable, Sendable {
    /// What it does, in a word.
    public enum Role: UInt8, Sendable, CaseIterable {
        /// Nothing yet: before the first epoch is known.
        case waiting = 1
        /// Holds a copy.
        case standby = 2
        /// Asks for promises.
        case candidate = 3
        /// Reigns.
        case primary = 4
        /// Reigns and takes no more commands: a hand-over runs.
        case handingOver = 5
        /// Serves nothing.
        case fenced = 6
    }

    /// One disk of the partition, as the speaker's log and links have it.
    public struct Member: Hashable, Sendable {
        /// Which disk.
        public var disk: ReplicaID
        /// Whether `paired` waits for it.
        public var isInSync: Bool
        /// Whether a link with it stands at the speaker; true of the speaker itself.
        public var isLinked: Bool
        /// Up to where it acknowledged to the speaker; nil where the speaker does not reign or heard nothing of it.
        public var acknowledged: UInt64?

        /// A member.
        public init(disk: ReplicaID, isInSync: Bool, isLinked: Bool, acknowledged: UInt64?) {
            (self.disk, self.isInSync, self.isLinked) = (disk, isInSync, isLinked)
            self.acknowledged = acknowledged
        }
    }

    /// What it does.
    public var role: Role
    /// Whether `paired` waits for it, or it reigns itself.
    public var isInSync: Bool
    /// Whether its disk is new: until all others count it, it acknowledges nothing.
    public var isForgetful: Bool
    /// Whether it holds its partition's keyring and no key: it keeps its copy and takes nothing over.
    public var isSealed: Bool
    /// Whether an operator has it serve nobody: it follows, and is not chosen to reign.
    public var isDrained: Bool
    /// Whether its disk has no room, but for what is kept back for bans: it writes no results and takes nothing over.
    public var isFull: Bool
    /// Where it is fenced because the partition went on without what its disk holds: the last record that both hold.
    public var partedAt: UInt64?
    /// Epoch of its last record; `none` where it holds none.
    public var epoch: PartitionEpoch
    /// The highest epoch that it promised.
    public var promised: PartitionEpoch
    /// Where its log ends, durably.
    public var tip: LogPoint
    /// All up to here is safe, as it knows.
    public var safe: UInt64
    /// Which disk it is.
    public var disk: ReplicaID
    /// Who reigns, as it hears; nil where it hears nobody.
    public var primary: ReplicaID?
    /// Who replicates as its log says, and whoever is linked with it; at most `PartitionLimits.universeMax`.
    public var members: [Member]
    /// Why it does not serve, and what to do; empty where it does. At most `PartitionLimits.reasonBytesMax` bytes.
    public var reason: String

    /// A standing; members and reason are cut to their limits.
    public init(
        role: Role, isInSync: Bool, isForgetful: Bool, epoch: PartitionEpoch, promised: PartitionEpoch, tip: LogPoint,
        safe: UInt64, disk: ReplicaID, primary: ReplicaID?, members: [Member], reason: String, isSealed: Bool = false,
        partedAt: UInt64? = nil, isFull: Bool = false, isDrained: Bool = false
    ) {
        (self.role, self.isInSync, self.isForgetful) = (role, isInSync, isForgetful)
        (self.isSealed, self.partedAt, self.isFull) = (isSealed, partedAt, isFull)
        self.isDrained = isDrained
        (self.epoch, self.promised, self.tip, self.safe) = (epoch, promised, tip, safe)
        (self.disk, self.primary) = (disk, primary)
        self.members = Array(members.prefix(PartitionLimits.universeMax))
        self.reason = PartitionStanding.cut(reason)
    }

    /// Whether it reigns.
    public var reigns: Bool { role == .primary || role == .handingOver }

    /// Members in sync as it knows, itself included where it is one.
    public var inSyncCount: Int { members.count { $0.isInSync } }

    /// A text within the limit of bytes, cut between characters.
    private static func cut(_ text: String) -> String {
        var text = text
        while text.utf8.count > PartitionLimits.reasonBytesMax { text.removeLast() }
        return text
    }
}

extension PartitionStanding: CanonicalValue {
    /// The fields in the order of their declaration.
    public func encode(to encoder: inout CanonicalEncoder) {
        encoder.byte(role.rawValue)
        encoder.flag(isInSync)
        encoder.flag(isForgetful)
        encoder.flag(isSealed)
        encoder.flag(isFull)
        encoder.flag(isDrained)
        encoder.optional(partedAt) { encoder, position in encoder.integer(position) }
        epoch.encode(to: &encoder)
        promised.encode(to: &encoder)
        tip.encode(to: &encoder)
        encoder.integer(safe)
        disk.encode(to: &encoder)
        encoder.optional(primary) { encoder, primary in primary.encode(to: &encoder) }
        encoder.list(members) { encoder, member in member.encode(to: &encoder) }
        encoder.text(reason)
    }

    /// Reads what `encode(to:)` wrote; counts and lengths over their limits are refused.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        guard let role = Role(rawValue: try decoder.byte()) else { throw .invalid(what: "role") }
        self.role = role
        isInSync = try decoder.flag()
        isForgetful = try decoder.flag()
        isSealed = try decoder.flag()
        isFull = try decoder.flag()
        isDrained = try decoder.flag()
        partedAt = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
        epoch = try PartitionEpoch(from: &decoder)
        promised = try PartitionEpoch(from: &decoder)
        tip = try LogPoint(from: &decoder)
        safe = try decoder.integer()
        disk = try ReplicaID(from: &decoder)
        primary = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try ReplicaID(from: &decoder)
        }
        members = try decoder.list("members", limit: PartitionLimits.universeMax) {
            (decoder: inout CanonicalDecoder) throws(DecodingFailure) in try Member(from: &decoder)
        }
        reason = try decoder.text("reason", limit: PartitionLimits.reasonBytesMax)
    }
}

extension PartitionStanding.Member: CanonicalValue {
    /// Disk, flags, position.
    public func encode(to encoder: inout CanonicalEncoder) {
        disk.encode(to: &encoder)
        encoder.flag(isInSync)
        encoder.flag(isLinked)
        encoder.optional(acknowledged) { encoder, position in encoder.integer(position) }
    }

    /// Reads what `encode(to:)` wrote.
    public init(from decoder: inout CanonicalDecoder) throws(DecodingFailure) {
        disk = try ReplicaID(from: &decoder)
        isInSync = try decoder.flag()
        isLinked = try decoder.flag()
        acknowledged = try decoder.optional { (decoder: inout CanonicalDecoder) throws(DecodingFailure) in
            try decoder.integer()
        }
    }
}
