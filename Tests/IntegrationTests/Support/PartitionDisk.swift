import CRDT
import Foundation
import Identity
import Spanner
import SpannerStore
import Testing

/// What a bolt that does not run holds of its partition, read from its disk.
struct PartitionDisk {
    /// Results of one envoy, in order of their queues, with what stands in for results that could not be had.
    struct Holdings {
        let sequences: [UInt64]
        let queues: Int
        let gaps: [String]
    }

    private let store: PartitionStore

    /// Opens a copy of the disk, so that the bolt's own is not touched.
    init(_ bolt: RealMesh.Bolt, of mesh: RealMesh) throws {
        let copy = mesh.file("disk-\(bolt.partition)-\(bolt.letter)-\(UUID().uuidString.prefix(6))")
        try FileManager.default.copyItem(atPath: bolt.state, toPath: copy)
        let identity = try BoltIdentity.load(directory: bolt.identity)
        let verifier = try identity.credential.verifier()
        store = try PartitionStore(
            directory: StateDirectory(path: copy),
            identity: PartitionIdentity(
                mesh: identity.credential.mesh, partition: try #require(PartitionName(bolt.partition))),
            witness: RosterWitness(verifier: verifier))
        try store.integrityCheck()
    }

    func results(of envoy: String) throws -> Holdings {
        let id = try #require(PrincipalID(hex: envoy))
        var held: [StoredResult] = []
        while true {
            let page = try store.tables.results.results(
                of: id, after: held.last.map { ($0.queue, $0.sequence) }, limit: 1000)
            held += page
            if page.count < 1000 { break }
        }
        return Holdings(
            sequences: held.map(\.sequence), queues: Set(held.map(\.queue)).count,
            gaps: try store.tables.results.bases(of: id).map { "\($0.range): \($0.reason)" })
    }

    /// Ids of all envoys that ever reported.
    func envoys() throws -> [String] { try store.tables.envoys.records(limit: 1000).map(\.envoy.description) }

    /// What was cut off here and sent to the partition again.
    func replayed() throws -> Int { try store.salvage(.replayed, limit: 1000).count }
    /// What was cut off here and waits.
    func kept() throws -> [String] { try store.salvage(.kept, limit: 1000).map(\.text) }

    /// Opens the own database of a bolt that does not run and closes it, so that the file alone is all that it holds.
    static func copyLogBack(_ bolt: RealMesh.Bolt) throws {
        let identity = try BoltIdentity.load(directory: bolt.identity)
        let store = try PartitionStore(
            directory: StateDirectory(path: bolt.state),
            identity: PartitionIdentity(
                mesh: identity.credential.mesh, partition: try #require(PartitionName(bolt.partition))),
            witness: RosterWitness(verifier: identity.credential.verifier()))
        try store.close()
    }
}
