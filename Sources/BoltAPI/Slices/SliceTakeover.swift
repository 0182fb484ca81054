public import CRDT
public import Spanner

/// What taking a partition's slices over would mean: `GET /v1/partitions/{partition}/takeover?after=&limit=`. It
/// changes nothing.
public struct TakeoverPreviewResponse: Hashable, Sendable, Codable {
    /// One slice that would be taken over.
    public struct Slice: Hashable, Sendable, Codable {
        /// Its group.
        public var group: GroupName
        /// Which group of that name.
        public var id: GroupID
        /// Which slice of the group.
        public var slice: UInt32
        /// The register in force, which the takeover ends.
        public var register: Bytes32
        /// Its position.
        public var position: UInt64
        /// Envoys in it, as its owner last said.
        public var envoys: UInt64?
        /// Who should own it: by the weights of the survivors.
        public var to: PartitionName

        /// A slice.
        public init(
            group: GroupName, id: GroupID, slice: UInt32, register: Bytes32, position: UInt64, envoys: UInt64?,
            to: PartitionName
        ) {
            (self.group, self.id, self.slice, self.register) = (group, id, slice, register)
            (self.position, self.envoys, self.to) = (position, envoys, to)
        }

        /// The register that the takeover ends, for its owner.
        public func base(owner: PartitionName) -> SliceRegister {
            SliceRegister(
                slice: SliceID(group: id, index: slice), owner: owner, position: position, hash: register)
        }
    }

    /// Who answers, `name.partition`.
    public var bolt: String
    /// The mesh: what is signed names it.
    public var mesh: MeshSummary
    /// The partition that would lose its slices.
    public var partition: PartitionName
    /// What it last said of itself, as far as it reached the answering bolt.
    public var lastView: PartitionView?
    /// Seconds since the answering bolt last heard any bolt of it; nil where it never did.
    public var silentSeconds: Double?
    /// Bolts of it that the answering bolt hears, `name.partition`: while there are any, a takeover is refused.
    public var heard: [String]
    /// What cannot be known while it is away, one line each.
    public var unknowable: [String]
    /// What it owns, by group's name and index.
    public var slices: [Slice]
    /// Slice after which the next page begins, `group/index`; nil on the last.
    public var nextAfter: String?
    /// Age and completeness.
    public var freshness: Freshness

    /// What a takeover would mean.
    public init(
        bolt: String, mesh: MeshSummary, partition: PartitionName, lastView: PartitionView?, silentSeconds: Double?,
        heard: [String], unknowable: [String], slices: [Slice], nextAfter: String?, freshness: Freshness
    ) {
        (self.bolt, self.mesh, self.partition, self.lastView) = (bolt, mesh, partition, lastView)
        (self.silentSeconds, self.heard, self.unknowable) = (silentSeconds, heard, unknowable)
        (self.slices, self.nextAfter, self.freshness) = (slices, nextAfter, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case bolt, mesh, partition, heard, unknowable, slices, freshness
        case lastView = "last_view"
        case silentSeconds = "silent_seconds"
        case nextAfter = "next_after"
    }
}

/// Slices of a lost partition get other owners: `POST /v1/slices/takeover`.
public struct TakeOverRequest: Hashable, Sendable, Codable {
    /// 128 random bits of the operator's: all transitions name it, and asked again with the same it is the same act.
    public var act: PrincipalID
    /// The lost partition.
    public var partition: PartitionName
    /// Canonical encoding of a `SliceDelta`: takeovers signed by the operator, at most `APILimits.takeoversMax`.
    public var transitions: Base64Bytes
    /// Why, for the audit log; each transition says the same.
    public var reason: String

    /// A takeover.
    public init(act: PrincipalID, partition: PartitionName, transitions: Base64Bytes, reason: String) {
        (self.act, self.partition) = (act, partition)
        (self.transitions, self.reason) = (transitions, reason)
    }
}

/// What became of a takeover that was not refused as a whole.
public struct TakeOverResponse: Hashable, Sendable, Codable {
    /// One slice that was not taken over.
    public struct Refusal: Hashable, Sendable, Codable {
        /// Its group.
        public var group: GroupName
        /// Which slice of the group.
        public var slice: UInt32
        /// Why.
        public var why: String

        /// A slice that stays.
        public init(group: GroupName, slice: UInt32, why: String) {
            (self.group, self.slice, self.why) = (group, slice, why)
        }
    }

    /// The operator's act.
    public var act: PrincipalID
    /// Slices that have a new owner by it; on a dry run those that would.
    public var taken: Int
    /// Slices that were not taken over, and why.
    public var refused: [Refusal]
    /// How safe it is.
    public var level: AckLevel
    /// Whether it was a dry run: nothing was changed.
    public var dryRun: Bool
    /// What it does, one line each.
    public var effects: [String]

    /// What became of a takeover.
    public init(
        act: PrincipalID, taken: Int, refused: [Refusal], level: AckLevel, dryRun: Bool, effects: [String]
    ) {
        (self.act, self.taken, self.refused) = (act, taken, refused)
        (self.level, self.dryRun, self.effects) = (level, dryRun, effects)
    }

    enum CodingKeys: String, CodingKey {
        case act, taken, refused, level, effects
        case dryRun = "dry_run"
    }
}
