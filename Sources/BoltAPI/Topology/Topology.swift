public import Spanner

/// A mesh as its operator wants it: groups of the fleet, partitions that serve them, bolts of each partition.
///
/// Made by `TopologyDocument` only where every rule holds.
public struct Topology: Hashable, Sendable, Codable {
    /// Version of the document's form; 1.
    public let version: Int
    /// Name of the mesh.
    public let mesh: String
    /// Parts of the fleet; the first whose rules match a machine takes it.
    public let groups: [Group]
    /// Replication groups of bolts.
    public let partitions: [Partition]

    /// A part of the fleet with its own placement.
    public struct Group: Hashable, Sendable, Codable {
        /// Unique in the mesh.
        public let name: GroupName
        /// Hash buckets, the units of ownership: 1...`TopologyLimits.slicesMax`.
        public let slices: Int
        /// Any of them takes a machine; without rules every machine fits.
        public let match: [Rule]
        /// Zones that a partition has to stand in to serve it: 1...`TopologyLimits.boltsMax`; 1 asks for nothing.
        public let minZones: Int

        enum CodingKeys: String, CodingKey {
            case name, slices, match
            case minZones = "min_zones"
        }

        /// Whether every machine belongs here: there are no rules, or one of them fits any machine.
        var takesAll: Bool { match.isEmpty || match.contains(where: \.takesAll) }

        /// Whether a machine of that name with those labels belongs here.
        public func takes(hostname: String, labels: [String: String]) -> Bool {
            match.isEmpty || match.contains { $0.fits(hostname: hostname, labels: labels) }
        }
    }

    /// One way into a group: all that it names has to fit.
    public struct Rule: Hashable, Sendable, Codable {
        /// Pattern of the host name, `*` for any run of characters.
        public let hostname: String?
        /// Labels that the machine must have with just these values.
        public let labels: [String: String]

        /// Whether a machine fits.
        public func fits(hostname name: String, labels own: [String: String]) -> Bool {
            (hostname.map { Glob($0).matches(name) } ?? true) && labels.allSatisfy { own[$0.key] == $0.value }
        }

        /// Whether every machine fits.
        var takesAll: Bool { covers(Rule(hostname: "*", labels: [:])) }

        /// Whether every machine that fits `other` fits this too.
        func covers(_ other: Rule) -> Bool {
            guard labels.allSatisfy({ other.labels[$0.key] == $0.value }) else { return false }
            guard let hostname else { return true }
            return Glob(hostname).covers(Glob(other.hostname ?? "*"))
        }
    }

    /// One primary and its standbys.
    public struct Partition: Hashable, Sendable, Codable {
        /// Unique in the mesh.
        public let name: PartitionName
        /// Its share of the slices: 0...`TopologyLimits.weightMax`; 0 takes none.
        public let weight: Int
        /// The groups that it serves.
        public let groups: [GroupName]
        /// When a promotion may be tried.
        public let lease: Lease
        /// Its bolts.
        public let bolts: [Bolt]

        /// The zones that its bolts name.
        public var zones: Set<String> { Set(bolts.compactMap(\.zone)) }
    }

    /// When a promotion may be tried.
    public enum Lease: String, Hashable, Sendable, Codable, CaseIterable {
        /// When an operator says so.
        case manual
        /// When a lease in etcd ends.
        case etcd
    }

    /// One server.
    public struct Bolt: Hashable, Sendable, Codable {
        /// Unique in its partition.
        public let name: BoltName
        /// `host:port` that everyone reaches it by; unique in the mesh.
        public let address: String
        /// `host:port` of its plain listener for health and metrics.
        public let ops: String
        /// Failure zone.
        public let zone: String?

        /// A server.
        public init(name: BoltName, address: String, ops: String, zone: String?) {
            (self.name, self.address, self.ops, self.zone) = (name, address, ops, zone)
        }
    }

    /// The group of a machine: the first that takes it.
    public func group(hostname: String, labels: [String: String]) -> GroupName? {
        groups.first { $0.takes(hostname: hostname, labels: labels) }?.name
    }

    /// All bolts with their partitions, in document order.
    public var bolts: [(partition: PartitionName, bolt: Bolt)] {
        partitions.flatMap { partition in partition.bolts.map { (partition.name, $0) } }
    }
}

/// Bounds of a topology document.
public enum TopologyLimits {
    /// Bytes of the document.
    public static let documentBytesMax = 1024 * 1024
    /// Groups.
    public static let groupsMax = 256
    /// Rules of a group.
    public static let rulesMax = 256
    /// Partitions.
    public static let partitionsMax = 256
    /// Bolts of a partition.
    public static let boltsMax = 16
    /// Slices of a group.
    public static let slicesMax = 65_536
    /// Slices of a group that names no number.
    public static let slicesDefault = 256
    /// Weight of a partition.
    public static let weightMax = 10_000
    /// Weight of a partition that names none.
    public static let weightDefault = 100
    /// Pairs of host name patterns that are compared for machines that fit both.
    public static let crossingsMax = 100_000
    /// Distance from a bolt's port to that of its plain listener, where none is named.
    public static let opsPortOffset = 1000
}
