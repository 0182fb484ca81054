internal import CRDT
internal import Spanner

extension SliceTables {
    /// Brings what was staged into the tables, though not all of the slice may have come: its source may be lost.
    ///
    /// A union, as with what is left of a slice elsewhere: what is here stays, and later traits with it. An envoy that
    /// is in another slice here, and a queue that is another envoy's, are left out; so is what follows a hole, for
    /// nobody may be told that what is missing before it is stored.
    func join(_ model: SliceModel, to slice: SliceID, _ results: ResultStore) throws(StoreError) {
        for id in model.envoys.keys.sorted() {
            guard let envoy = model.envoys[id] else { continue }
            if let known = try self.slice(of: id), known != slice { continue }
            try place([PartitionCommand.EnvoyPlacement(envoy: id, slice: slice)])
            try database.run(
                """
                INSERT INTO envoy(id, last_seen_ms, traits_digest, traits) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (id) DO UPDATE SET
                    last_seen_ms = max(last_seen_ms, excluded.last_seen_ms),
                    traits_digest = coalesce(traits_digest, excluded.traits_digest),
                    traits = coalesce(traits, excluded.traits)
                """, .blob(id.bytes), .count(min(envoy.seen, UInt64(Int64.max))),
                envoy.traits.map { .blob(witness.hash($0).bytes) } ?? .null, envoy.traits.map { .blob($0) } ?? .null)
        }
        for (id, queue) in model.queues.sorted(by: { $0.value.place < $1.value.place }) {
            guard try self.slice(of: queue.envoy) == slice else { continue }
            let known = try results.lookUp(id)
            if let known, known.owner != queue.envoy { continue }
            let through = max(known?.queue.storedThrough ?? 0, queue.denseThrough)
            if through > 0 { _ = try results.adopt(id, queue.cut(after: through)) }
        }
    }
}
