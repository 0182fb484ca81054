public import CRDT
public import Spanner

/// What one bolt has to say of all registers, short enough to compare bolts by: `GET /v1/slices/digest`.
public struct SliceDigestResponse: Hashable, Sendable, Codable {
    /// One group.
    public struct Group: Hashable, Sendable, Codable {
        /// Its name.
        public var name: GroupName
        /// Which group of that name.
        public var id: GroupID
        /// How many slices it has.
        public var slices: UInt32
        /// Hash of its genesis: bolts that differ in it have two definitions of the group.
        public var root: Bytes32
        /// `SliceDigestResponse.digest(of:hashedBy:)` over the registers in force of all its slices: bolts that agree
        /// in it agree in who owns what.
        public var registers: Bytes32
        /// How many each partition owns, by name: together all slices, each once.
        public var owners: [Share]
        /// Registers that were handed on twice by one key.
        public var equivocations: Int
        /// Transitions that lost.
        public var losers: Int
        /// Transitions that nothing reaches.
        public var inert: Int

        /// One group.
        public init(
            name: GroupName, id: GroupID, slices: UInt32, root: Bytes32, registers: Bytes32, owners: [Share],
            equivocations: Int, losers: Int, inert: Int
        ) {
            (self.name, self.id, self.slices, self.root) = (name, id, slices, root)
            (self.registers, self.owners) = (registers, owners)
            (self.equivocations, self.losers, self.inert) = (equivocations, losers, inert)
        }
    }

    /// How many slices of a group a partition owns.
    public struct Share: Hashable, Sendable, Codable {
        /// Who.
        public var partition: PartitionName
        /// How many.
        public var slices: UInt32
        /// Which: `SliceDigestResponse.digest(ofSlices:hashedBy:)`; nil where the bolt does not say.
        public var digest: Bytes32?

        /// A share.
        public init(partition: PartitionName, slices: UInt32, digest: Bytes32? = nil) {
            (self.partition, self.slices, self.digest) = (partition, slices, digest)
        }
    }

    /// The slices of a group that the answering bolt serves, by its own gate: those that its partition owns, or
    /// something is wrong.
    public struct Served: Hashable, Sendable, Codable {
        /// Their group.
        public var group: GroupName
        /// How many.
        public var slices: UInt32
        /// Which: as in `Share`.
        public var digest: Bytes32

        /// Slices that are served.
        public init(group: GroupName, slices: UInt32, digest: Bytes32) {
            (self.group, self.slices, self.digest) = (group, slices, digest)
        }
    }

    /// How many slices of a group are in some state at the answering bolt's partition.
    public struct Holding: Hashable, Sendable, Codable {
        /// Its group.
        public var group: GroupName
        /// The state.
        public var state: HandoffSliceState
        /// How many.
        public var slices: UInt32

        /// A holding.
        public init(group: GroupName, state: HandoffSliceState, slices: UInt32) {
            (self.group, self.state, self.slices) = (group, state, slices)
        }
    }

    /// Who answers, `name.partition`.
    public var bolt: String
    /// Its partition.
    public var partition: PartitionName
    /// Whether it is that partition's primary: only then do its holdings say what is served.
    public var isPrimary: Bool
    /// Digest of the topology in force.
    public var version: Bytes32
    /// By name.
    public var groups: [Group]
    /// By group and state; none where there are no slices of that state.
    public var holdings: [Holding]
    /// By group, what is served of it; a group of which nothing is, is left out. Only a primary serves anything.
    public var served: [Served]
    /// Age and completeness.
    public var freshness: Freshness

    /// What one bolt says of all registers.
    public init(
        bolt: String, partition: PartitionName, isPrimary: Bool, version: Bytes32, groups: [Group],
        holdings: [Holding], served: [Served] = [], freshness: Freshness
    ) {
        (self.bolt, self.partition, self.isPrimary, self.version) = (bolt, partition, isPrimary, version)
        (self.groups, self.holdings, self.served, self.freshness) = (groups, holdings, served, freshness)
    }

    enum CodingKeys: String, CodingKey {
        case bolt, partition, version, groups, holdings, served, freshness
        case isPrimary = "primary"
    }

    /// What names the owners of a group: a hash over the registers in force of all its slices, ascending by index.
    public static func digest(
        of registers: some Sequence<SliceRegister>, hashedBy hash: ([UInt8]) -> Bytes32
    ) -> Bytes32 {
        var encoder = CanonicalEncoder()
        encoder.raw(Array("bolt slice owners v1".utf8))
        for register in registers.sorted(by: { $0.slice < $1.slice }) { register.encode(to: &encoder) }
        return hash(encoder.bytes)
    }

    /// What names a set of slices of one group: a hash over their numbers, ascending. Two sets of as many slices are
    /// not the same for that.
    public static func digest(
        ofSlices slices: some Sequence<UInt32>, hashedBy hash: ([UInt8]) -> Bytes32
    ) -> Bytes32 {
        var encoder = CanonicalEncoder()
        encoder.raw(Array("bolt slice set v1".utf8))
        for slice in slices.sorted() { encoder.integer(UInt64(slice)) }
        return hash(encoder.bytes)
    }
}
