internal import CRDT
internal import Spanner

extension PolicyTables {
    /// Changes the tables as a command says. `store_conflict` and `store_unknown` are about the command itself, the
    /// same on every member: nothing of it was done.
    func apply(_ change: PolicyChange, at point: LogPoint) throws(StoreError) {
        switch change {
        case .stack(let part): try store(part, .stack)
        case .body(let part): try store(part, .body)
        case .publish(let version): try publish(version)
        case .leaves(let sequence, let changes): try apply(changes, since: sequence)
        case .head(let sequence, let bytes):
            guard sequence >= (try head()?.sequence ?? 0) else { return }
            try set("head", sequence, bytes)
        case .given(let envoys, let sequence): try give(envoys, sequence)
        case .outcome(let outcome): try note(outcome)
        case .rollout(let sequence, let number, let bytes):
            try save(
                Record(
                    kind: .rollout, id: PolicyTables.id(ofRollout: sequence), number: number, position: point.position,
                    bytes: bytes))
        case .push(let id, let number, let bytes):
            try save(Record(kind: .push, id: id, number: number, position: point.position, bytes: bytes))
            try forgetOldPushes(but: id)
        case .ordered(let number):
            guard number > (try orderedThrough()) else { return }
            try set("ordered", number, [])
        case .freeze(let freeze): try set("freeze", 0, freeze.canonicalBytes)
        case .retire(let sequence): try retire(below: sequence)
        }
    }

    private func set(_ name: String, _ number: UInt64, _ bytes: [UInt8]) throws(StoreError) {
        try database.run(
            """
            INSERT INTO policy_state(name, number, body, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name)
            DO UPDATE SET number = excluded.number, body = excluded.body, checksum = excluded.checksum
            """, .text(name), .count(number), .blob(bytes),
            .integer(PolicyTables.checksum(ofState: name, number, bytes)))
    }

    // MARK: - Stacks, bodies, versions

    /// Stores a part. One of a whole stays as it is; one that is cut otherwise than what is there of it begins anew.
    private func store(_ part: PolicyPart, _ owner: Owner) throws(StoreError) {
        guard try !isWhole(owner, part.digest) else { return }
        let (digest, table) = (SQLValue.blob(part.digest.bytes), "policy_\(owner)")
        try database.run("DELETE FROM \(table) WHERE digest = ?1 AND parts <> ?2", digest, .count(part.parts))
        try database.run(
            """
            INSERT INTO \(table)(digest, number, parts, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (digest, number) DO UPDATE SET body = excluded.body, checksum = excluded.checksum
            """, digest, .count(part.number), .count(part.parts), .blob(part.bytes),
            .integer(PolicyTables.checksum(part, owner)))
        guard owner == .body, try isWhole(.body, part.digest) else { return }
        let bytes = try database.rows("SELECT body FROM policy_body WHERE digest = ?1 ORDER BY number", digest) {
            row throws(StoreError) in row.blob(0)
        }
        guard witness.hash(bytes.flatMap { $0 }) == part.digest else {
            throw StoreError(
                .conflict, what: "storing body \(part.digest)", why: "its bytes have another digest",
                next: "compile the policy again; should it happen again, look at the disk of the primary")
        }
    }

    private func publish(_ version: PolicyVersion) throws(StoreError) {
        if let last = try versionInForce(), version.sequence <= last.sequence {
            guard version != last else { return }
            throw StoreError(
                .conflict, what: "putting version \(version.sequence) of the policy in force",
                why: "version \(last.sequence) is in force, by \(last.who)",
                next: "look at what is in force, and publish again", detail: .expected(last.sequence + 1))
        }
        guard try isWhole(.stack, version.stack) else {
            throw unknown("putting version \(version.sequence) of the policy in force", "its stack is not all here")
        }
        let bytes = version.canonicalBytes
        try database.run(
            "INSERT INTO policy_version(sequence, stack, body, checksum) VALUES (?1, ?2, ?3, ?4)",
            .count(version.sequence), .blob(version.stack.bytes), .blob(bytes),
            .integer(Owner.version.checksum(version.sequence, bytes)))
    }

    private func unknown(_ what: String, _ why: String) -> StoreError {
        StoreError(.unknown, what: what, why: why, next: "store it first; the same call then works")
    }

    // MARK: - Leaves and deliveries

    private func apply(_ changes: [PolicyLeafChange], since sequence: UInt64) throws(StoreError) {
        var known: Set<Bytes32> = []
        for change in changes {
            guard let content = change.content else {
                try remove(change.envoy)
                continue
            }
            if known.insert(content.body).inserted, try !isWhole(.body, content.body) {
                throw unknown("giving envoy \(change.envoy) its leaf", "body \(content.body) is not all here")
            }
            let box = content.box.isEmpty ? Bytes32.zero : witness.hash(content.box)
            let leaf = PolicyLeafRow(
                envoy: change.envoy, body: content.body, box: box, terms: content.terms, sequence: sequence)
            let terms = content.terms.canonicalBytes
            try database.run(
                """
                INSERT INTO policy_leaf(envoy, body, box, sequence, checksum, terms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (envoy) DO UPDATE SET
                    body = excluded.body, box = excluded.box, sequence = excluded.sequence,
                    checksum = excluded.checksum, terms = excluded.terms
                """, .blob(leaf.envoy.bytes), .blob(leaf.body.bytes), .blob(box.bytes), .count(sequence),
                .integer(PolicyTables.checksum(leaf, terms: terms)), .blob(terms))
            try save(content.box, of: change.envoy)
        }
    }

    private func save(_ box: [UInt8], of envoy: PrincipalID) throws(StoreError) {
        guard !box.isEmpty else {
            try database.run("DELETE FROM policy_box WHERE envoy = ?1", .blob(envoy.bytes))
            return
        }
        try database.run(
            """
            INSERT INTO policy_box(envoy, body, checksum) VALUES (?1, ?2, ?3)
            ON CONFLICT (envoy) DO UPDATE SET body = excluded.body, checksum = excluded.checksum
            """, .blob(envoy.bytes), .blob(box), .integer(Owner.box.checksum(0, envoy.bytes + box)))
    }

    /// Removes all rows of an envoy: it is gone, or its slice is another partition's, which compiles its own.
    func remove(_ envoy: PrincipalID) throws(StoreError) {
        for table in ["policy_leaf", "policy_box", "policy_given"] {
            try database.run("DELETE FROM \(table) WHERE envoy = ?1", .blob(envoy.bytes))
        }
    }

    private func give(_ envoys: [PrincipalID], _ sequence: UInt64) throws(StoreError) {
        for envoy in envoys {
            if let known = try delivery(to: envoy), known.sequence >= sequence { continue }
            try save(
                PolicyDelivery(envoy: envoy, sequence: sequence, outcome: .open, at: WallTime(milliseconds: 0)))
        }
    }

    private func note(_ outcome: PolicyOutcome) throws(StoreError) {
        guard var delivery = try delivery(to: outcome.envoy), delivery.sequence == outcome.sequence else { return }
        delivery.outcome = outcome.hasSucceeded ? .succeeded : .failed
        delivery.at = WallTime(milliseconds: min(outcome.at.milliseconds, UInt64(Int64.max)))
        try save(delivery)
    }

    private func save(_ delivery: PolicyDelivery) throws(StoreError) {
        try database.run(
            """
            INSERT INTO policy_given(envoy, sequence, outcome, at_ms, checksum) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (envoy) DO UPDATE SET
                sequence = excluded.sequence, outcome = excluded.outcome, at_ms = excluded.at_ms,
                checksum = excluded.checksum
            """, .blob(delivery.envoy.bytes), .count(delivery.sequence), .integer(delivery.outcome.rawValue),
            .count(delivery.at.milliseconds), .integer(PolicyTables.checksum(delivery)))
    }

    // MARK: - Records

    private func save(_ record: Record) throws(StoreError) {
        try database.run(
            """
            INSERT INTO policy_record(kind, id, number, position, body, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (kind, id, number) DO UPDATE SET
                position = excluded.position, body = excluded.body, checksum = excluded.checksum
            """, .integer(record.kind.rawValue), .blob(record.id.bytes), .count(record.number),
            .count(record.position), .blob(record.bytes), .integer(record.checksum))
    }

    /// Of more than `StoreLimits.policyPushesMax` pushes the one goes that was written to least lately.
    private func forgetOldPushes(but id: PrincipalID) throws(StoreError) {
        let pushes = try database.rows(
            "SELECT id FROM policy_record WHERE kind = 2 GROUP BY id ORDER BY max(position), id"
        ) { row throws(StoreError) in row.blob(0) }
        guard pushes.count > StoreLimits.policyPushesMax else { return }
        for old in pushes.filter({ $0 != id.bytes }).prefix(pushes.count - StoreLimits.policyPushesMax) {
            try database.run("DELETE FROM policy_record WHERE kind = 2 AND id = ?1", .blob(old))
        }
    }

    // MARK: - Retiring

    /// Removes old versions, then what nothing names, a bounded number of rows of each.
    private func retire(below sequence: UInt64) throws(StoreError) {
        guard let last = try versionInForce()?.sequence else { return }
        let (first, limit) = (min(sequence, last), SQLValue.integer(Int64(PolicyChange.retiredPartsMax)))
        try database.run(
            """
            DELETE FROM policy_version WHERE sequence IN
            (SELECT sequence FROM policy_version WHERE sequence < ?1 ORDER BY sequence LIMIT ?2)
            """, .count(first), .integer(Int64(StoreLimits.pageMax)))
        try database.run(
            """
            DELETE FROM policy_record WHERE kind = 1 AND (id, number) IN
            (SELECT id, number FROM policy_record WHERE kind = 1 AND id < ?1 ORDER BY id, number LIMIT ?2)
            """, .blob(PolicyTables.id(ofRollout: first).bytes), limit)
        try database.run(
            """
            DELETE FROM policy_stack WHERE (digest, number) IN
            (SELECT digest, number FROM policy_stack
            WHERE NOT EXISTS (SELECT 1 FROM policy_version WHERE policy_version.stack = policy_stack.digest)
            ORDER BY digest, number LIMIT ?1)
            """, limit)
        try database.run(
            """
            DELETE FROM policy_body WHERE (digest, number) IN
            (SELECT digest, number FROM policy_body
            WHERE NOT EXISTS (SELECT 1 FROM policy_leaf WHERE policy_leaf.body = policy_body.digest)
            ORDER BY digest, number LIMIT ?1)
            """, limit)
    }

    /// Whether `retire` has something left to do, so that it is to be asked for again.
    public func hasRetirable(below sequence: UInt64) throws(StoreError) -> Bool {
        guard let last = try versionInForce()?.sequence else { return false }
        let first = min(sequence, last)
        let found = try database.first(
            """
            SELECT EXISTS (SELECT 1 FROM policy_version WHERE sequence < ?1)
            OR EXISTS (SELECT 1 FROM policy_record WHERE kind = 1 AND id < ?2)
            OR EXISTS (SELECT 1 FROM policy_stack WHERE digest NOT IN (SELECT stack FROM policy_version))
            OR EXISTS (SELECT 1 FROM policy_body
                WHERE NOT EXISTS (SELECT 1 FROM policy_leaf WHERE policy_leaf.body = policy_body.digest))
            """, .count(first), .blob(PolicyTables.id(ofRollout: first).bytes)
        ) { row throws(StoreError) in row.integer(0) }
        return found == 1
    }
}
