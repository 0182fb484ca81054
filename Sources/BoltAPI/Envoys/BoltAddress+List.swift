public import Spanner

extension BoltList {
    /// What an answer's list of bolts says, in the order in which it is signed. Nil where it is beyond the limits.
    public init?(_ bolts: [BoltAddress]) {
        guard bolts.count <= BoltList.boltsMax else { return nil }
        self.init(bolts.map { Entry(partition: $0.partition, name: $0.name, address: $0.address) })
    }

    /// The bolts as answers name them.
    public var addresses: [BoltAddress] {
        entries.map { BoltAddress(name: $0.name, partition: $0.partition, address: $0.address) }
    }
}
