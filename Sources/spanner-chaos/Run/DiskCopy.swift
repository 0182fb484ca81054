import BoltAPI
import Foundation
import Identity
import Spanner
import SpannerStore

/// What a bolt that does not run holds of its partition, as a copy that may be opened.
enum DiskCopy {
    /// How a disk looks to a reader of all of it.
    enum Look {
        /// Everything is what was written, up to this record.
        case whole(LogPoint)
        /// It is not, for this reason.
        case broken(String)
    }

    /// Copies the partition's files to a folder, which is made anew, and opens them.
    static func open(
        _ bolt: ChaosBolt, of mesh: ChaosMesh, in folder: String
    ) throws(StoreError) -> PartitionStore {
        let partition = mesh.partitions[bolt.partition]
        let root: Certificate
        let verifier: PeerVerifier
        do {
            try? FileManager.default.removeItem(atPath: folder)
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for name in try FileManager.default.contentsOfDirectory(atPath: bolt.state)
            where name.hasPrefix("partition") {
                try FileManager.default.copyItem(atPath: "\(bolt.state)/\(name)", toPath: "\(folder)/\(name)")
            }
            let path = bolt.identity + "/root.crt"
            let pem = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            guard let first = try Certificate.list(pem: pem, what: path).first else {
                throw ChaosFailure("\(path) holds no certificate")
            }
            (root, verifier) = (first, try PeerVerifier(roots: [first]))
        } catch {
            throw StoreError(
                .internal, what: "copying the disk of \(bolt.name)", why: "\(error)", next: "look at its directory")
        }
        guard let name = PartitionName(partition) else {
            throw StoreError(.internal, what: "naming \(partition)", why: "it is no name", next: "name another")
        }
        return try PartitionStore(
            directory: StateDirectory(path: folder), identity: PartitionIdentity(mesh: root.meshID, partition: name),
            witness: RosterWitness(verifier: verifier))
    }

    /// Reads all of a copy.
    static func look(at bolt: ChaosBolt, of mesh: ChaosMesh) -> Look {
        let folder = mesh.directory + "/looking/" + bolt.name
        defer { try? FileManager.default.removeItem(atPath: folder) }
        do throws(StoreError) {
            let store = try open(bolt, of: mesh, in: folder)
            try store.integrityCheck()
            return .whole(try store.durable().tip)
        } catch {
            return .broken("\(error.what): \(error.why)")
        }
    }
}
