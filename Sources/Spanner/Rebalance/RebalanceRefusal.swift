/// Why a partition cannot take a slice, or cannot hand one on. What it says is true now and may pass.
public enum RebalanceRefusal: Hashable, Sendable {
    /// The topology does not let it serve the group.
    case notServing
    /// Its weight is 0.
    case weightless
    /// It is being drained.
    case draining
    /// It leaves the topology.
    case leaving
    /// The topology names no such partition.
    case unknown
    /// Its primary does not answer.
    case unreachable
    /// Its vault is sealed.
    case sealed
    /// No standby is in sync: what it acknowledges is not safe.
    case notInSync
    /// It cannot read what the owner writes: its version, and the one that it would need.
    case older(version: UInt32, needed: UInt32)
    /// It lacks secrets of the group.
    case lacksSecrets
    /// It stands in fewer zones than the group asks for.
    case tooFewZones(count: Int, needed: Int)
    /// It can hold no more than such a load: envoys, an empty slice counted as one.
    case full(capacity: UInt64)
    /// Nobody at all may own slices of the group.
    case nobody
}

extension RebalanceRefusal: CustomStringConvertible {
    /// What is the matter, to follow the partition's name.
    public var description: String {
        switch self {
        case .notServing: "does not serve the group"
        case .weightless: "has weight 0"
        case .draining: "is being drained"
        case .leaving: "leaves the topology"
        case .unknown: "is not in the topology"
        case .unreachable: "has no primary that answers"
        case .sealed: "is sealed"
        case .notInSync: "has no standby in sync"
        case .older(let version, let needed): "reads version \(version), and \(needed) is needed"
        case .lacksSecrets: "lacks secrets of the group"
        case .tooFewZones(let count, let needed): "stands in \(count) of the \(needed) zones that the group asks for"
        case .full(let capacity): "has room for a load of \(capacity)"
        case .nobody: "is served by no partition that may own slices"
        }
    }

    /// What would make it possible.
    public var remedy: String {
        switch self {
        case .notServing: "name the group among the partition's groups in the topology"
        case .weightless: "give the partition a weight in the topology"
        case .draining: "end the drain, or wait for it"
        case .leaving: "keep the partition in the topology"
        case .unknown: "name the partition in the topology; if it is gone for good, take its slices over"
        case .unreachable: "start its bolts, or promote a standby"
        case .sealed: "unseal it"
        case .notInSync: "start its standbys and wait until one is in sync"
        case .older: "update its bolts first"
        case .lacksSecrets: "put the secrets of the group there"
        case .tooFewZones: "add a bolt in another zone, or ask for fewer zones in the topology"
        case .full: "give it more room, or a lower weight"
        case .nobody: "let a partition with a weight serve the group"
        }
    }
}
