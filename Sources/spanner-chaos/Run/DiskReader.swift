import BoltAPI
import CRDT
import ChaosKit
import Foundation
import Identity
import Spanner
import SpannerStore

/// Reads what stopped bolts hold, from copies of their state: the evidence stays as it was.
struct DiskReader {
    let mesh: ChaosMesh
    let writers: [Writer]

    /// All partitions, with the primaries that were told.
    func read(primaries: [String?]) throws -> [PartitionEnd] {
        try mesh.partitions.indices.map { partition in
            PartitionEnd(
                name: mesh.partitions[partition], primary: primaries[partition],
                members: try mesh.members(partition).map { try member($0) })
        }
    }

    private func member(_ bolt: ChaosBolt) throws -> MemberEnd {
        let copy = mesh.directory + "/reading/" + bolt.name
        try? FileManager.default.removeItem(atPath: copy)
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in try FileManager.default.contentsOfDirectory(atPath: bolt.state)
        where name.hasPrefix("partition") {
            try FileManager.default.copyItem(atPath: "\(bolt.state)/\(name)", toPath: "\(copy)/\(name)")
        }
        let path = bolt.identity + "/root.crt"
        let pem = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        guard let root = try Certificate.list(pem: pem, what: path).first,
            let name = PartitionName(mesh.partitions[bolt.partition])
        else { throw ChaosFailure("\(path) holds no certificate") }
        do throws(StoreError) {
            let store = try PartitionStore(
                directory: StateDirectory(path: copy), identity: PartitionIdentity(mesh: root.meshID, partition: name),
                witness: try witness(root))
            try store.integrityCheck()
            return try end(of: store, at: bolt)
        } catch {
            let nowhere = LogPlace(number: 0, minter: "", position: 0, hash: "")
            return MemberEnd(bolt: bolt.name, finding: "\(error)", safe: 0, tip: nowhere, begins: [], queues: [])
        }
    }

    private func witness(_ root: Certificate) throws(StoreError) -> RosterWitness {
        do {
            return RosterWitness(verifier: try PeerVerifier(roots: [root]))
        } catch {
            throw StoreError(.internal, what: "reading a root", why: "\(error)", next: "look at the identity")
        }
    }

    private func end(of store: PartitionStore, at bolt: ChaosBolt) throws(StoreError) -> MemberEnd {
        let durable = try store.durable()
        var queues: [QueueEnd] = []
        for writer in writers { queues += try self.queues(of: writer.principal, in: store) }
        return MemberEnd(
            bolt: bolt.name, safe: durable.safe, tip: LogPlace(durable.tip), begins: durable.history.map(LogPlace.init),
            queues: queues)
    }

    private func queues(of envoy: PrincipalID, in store: PartitionStore) throws(StoreError) -> [QueueEnd] {
        let results = store.tables.results
        var rows: [QueueID: [QueueEnd.Row]] = [:]
        var bases: [QueueID: [ClosedRange<UInt64>]] = [:]
        for base in try results.bases(of: envoy) { bases[base.queue, default: []].append(base.range) }
        var last: (queue: QueueID, sequence: UInt64)?
        while true {
            let page = try results.results(of: envoy, after: last, limit: StoreLimits.pageMax)
            guard let end = page.last else { break }
            for result in page {
                rows[result.queue, default: []].append(
                    QueueEnd.Row(result.sequence, BodyChecksum.of(result.body)))
            }
            last = (queue: end.queue, sequence: end.sequence)
        }
        var ends: [QueueEnd] = []
        for queue in Set(rows.keys).union(bases.keys).sorted() {
            ends.append(
                QueueEnd(
                    envoy: envoy.apiText, queue: queue.description, storedThrough: try results.storedThrough(queue),
                    rows: rows[queue] ?? [], bases: bases[queue] ?? []))
        }
        return ends
    }
}

extension LogPlace {
    fileprivate init(_ point: LogPoint) {
        self.init(
            number: point.epoch.number, minter: point.epoch.minter.apiText, renewal: point.epoch.renewal,
            position: point.position, hash: point.hash.hex)
    }
}
