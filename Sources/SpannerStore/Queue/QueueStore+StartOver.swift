public import Spanner

extension QueueStore {
    /// Goes on as a new queue that takes along all that is held, of every queue, oldest first, numbered anew from 1.
    ///
    /// For a queue whose owner has other records under the numbers that are held here: an older copy of itself, which
    /// nothing on this machine could tell, or one whose machine was admitted anew as another envoy. What its owner had
    /// stored and not yet released is then stored once more, under the new name: a record told twice is found by its
    /// content, a lost one never.
    ///
    /// All or nothing: after a crash either the old queues hold everything, or the new one does, whatever it is called
    /// by then. On a full disk it throws `store_full` before anything is moved, and may be called again under another
    /// name.
    public func startOver(as value: QueueID) throws(StoreError) {
        // A log that was emptied takes much more on a full disk, where a new file finds no room: each try would then
        // move everything and end in the middle, under one more name at the owner.
        try keeper.prepare(value.bytes)
        try database.transaction { () throws(StoreError) in
            let old = try places()
            try database.run("INSERT INTO queue(incarnation) VALUES (?1)", .blob(value.bytes))
            guard var new = try places().first(where: { $0.incarnation == value }) else {
                throw database.damage("queue \(value) is gone")
            }
            for place in old {
                try move(place, to: &new)
                new.dropped += place.dropped
            }
            try settle(&new)
            try save(new)
            try forget(old)
        }
        try keeper.renew(toPrepared: value.bytes)
        goOn(under: value)
    }

    private func move(_ place: Place, to new: inout Place) throws(StoreError) {
        var next = place.firstHeld
        while next < place.next {
            let page = try database.rows(
                """
                SELECT sequence, body, hash, queued_at_ms FROM item
                WHERE queue_ix = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT \(Self.movedAtOnce)
                """, .integer(place.index), .count(next)
            ) { row throws(StoreError) in
                let body = try verified(row, place, expecting: next)
                next += 1
                return (body: body, queuedAt: row.integer(3))
            }
            guard !page.isEmpty else {
                throw database.damage("record \(next) of queue \(place.incarnation) is missing")
            }
            for record in page {
                try insert(record.body, queuedAt: record.queuedAt, in: new)
                new.next += 1
            }
        }
        try database.run("DELETE FROM item WHERE queue_ix = ?1", .integer(place.index))
    }

    /// Records in memory at a time; each may have `StoreLimits.resultBytesMax` bytes.
    private static let movedAtOnce = 64

    /// Of the emptied queues the present one stays until the next time: until the new one is in force, a crash goes on
    /// under it.
    private func forget(_ old: [Place]) throws(StoreError) {
        for var place in old {
            (place.firstHeld, place.dropped) = (place.next, 0)
            try save(place)
            if incarnation != .current(place.incarnation) {
                try database.run("DELETE FROM queue WHERE ix = ?1", .integer(place.index))
            }
        }
    }
}
