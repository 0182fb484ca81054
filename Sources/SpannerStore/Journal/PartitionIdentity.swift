internal import CRDT
public import Spanner

/// Which journal: no record, snapshot or database of another partition, or of another mesh, is ever taken for its own.
public struct PartitionIdentity: Hashable, Sendable {
    /// The mesh.
    public let mesh: MeshID
    /// The partition's name in it.
    public let partition: PartitionName

    /// The identity of a partition.
    public init(mesh: MeshID, partition: PartitionName) { (self.mesh, self.partition) = (mesh, partition) }
}

extension PartitionIdentity: CustomStringConvertible {
    /// For people: the name, and the beginning of the mesh's.
    public var description: String { "partition \(partition) of mesh \(mesh.bytes.shortHex)" }
}
