import BoltAPI
import CRDT
import ChaosKit
import Foundation
import Spanner
import SpannerStore

/// Reads what stopped bolts hold, from copies of their state: the evidence stays as it was.
struct DiskReader {
    let mesh: ChaosMesh
    /// Whose results are read.
    let envoys: [PrincipalID]

    /// All partitions, with the primaries that were told.
    func read(primaries: [String?]) -> [PartitionEnd] {
        mesh.partitions.indices.map { partition in
            PartitionEnd(
                name: mesh.partitions[partition], primary: primaries[partition],
                members: mesh.members(partition).map { member($0) })
        }
    }

    private func member(_ bolt: ChaosBolt) -> MemberEnd {
        do throws(StoreError) {
            let store = try DiskCopy.open(bolt, of: mesh, in: mesh.directory + "/reading/" + bolt.name)
            try store.integrityCheck()
            return try end(of: store, at: bolt)
        } catch {
            let nowhere = LogPlace(number: 0, minter: "", position: 0, hash: "")
            return MemberEnd(bolt: bolt.name, finding: "\(error)", safe: 0, tip: nowhere, begins: [], queues: [])
        }
    }

    private func end(of store: PartitionStore, at bolt: ChaosBolt) throws(StoreError) -> MemberEnd {
        let durable = try store.durable()
        var queues: [QueueEnd] = []
        for envoy in envoys { queues += try self.queues(of: envoy, in: store) }
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
                    QueueEnd.Row(result.sequence, BodyChecksum.of(result.body), at: Self.time(in: result.body)))
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

extension DiskReader {
    private static let timeKey = Array("\"at_ms\":".utf8)

    /// When a result was made, where it says so: agents' results are JSON, writers' are any bytes.
    private static func time(in body: [UInt8]) -> UInt64? {
        guard body.first == UInt8(ascii: "{"), let key = body.firstRange(of: timeKey) else { return nil }
        let digits = body[key.upperBound...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return UInt64(String(decoding: digits, as: UTF8.self))
    }
}

extension LogPlace {
    fileprivate init(_ point: LogPoint) {
        self.init(
            number: point.epoch.number, minter: point.epoch.minter.apiText, renewal: point.epoch.renewal,
            position: point.position, hash: point.hash.hex)
    }
}
