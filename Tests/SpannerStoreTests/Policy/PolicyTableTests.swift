import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// A partition's policy is what its journal says, on each member alike.
@Suite struct PolicyTableTests {
    private func scrub(_ store: PartitionStore) throws {
        var place: ScrubPlace? = .start
        while let next = place { place = try store.scrub(from: next, rowsMax: 3) }
    }

    /// What became of changes in one record of their own.
    private func apply(
        _ changes: [PolicyChange], _ store: PartitionStore, _ author: inout LogAuthor
    ) throws -> [StoreError?] {
        try store.commit(author.write([author.policy(changes)])).flatMap { $0 }.map { outcome in
            if case .refused(let error) = outcome { error } else { nil }
        }
    }

    @Test("P4: after any changes the tables say what a naive reader says", arguments: 1...12)
    func model(seed: UInt64) throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: seed))
        let store = try #require(bed.store)
        var (author, generator, model) = (LogAuthor(), Seeded(seed), PolicyModel())
        try store.commit(author.founding())
        for step in 0..<80 {
            let changes = author.anyPolicy(&generator)
            guard !changes.isEmpty else { continue }
            _ = try apply(changes, store, &author)
            for change in changes { model.take(change) }
            let faults = try model.check(store.tables.policy)
            #expect(faults.isEmpty, "seed \(seed), step \(step), \(changes.map(PolicyTables.describe)): \(faults)")
        }
        try scrub(store)
        try store.integrityCheck()
    }

    @Test("P4: records about the policy are undone to the very rows that were there", arguments: 1...10)
    func undone(seed: UInt64) throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: seed))
        let store = try #require(bed.store)
        var (author, generator) = (LogAuthor(), Seeded(seed &+ 50))
        try store.commit(author.founding())
        var (dumps, points) = ([try tableDump(store)], [author.tip])
        for _ in 0..<40 {
            var changes = author.anyPolicy(&generator)
            if generator.below(2) == 0 { changes += author.anyPolicy(&generator) }
            guard !changes.isEmpty else { continue }
            _ = try apply(changes, store, &author)
            dumps.append(try tableDump(store))
            points.append(author.tip)
        }
        #expect(Set(dumps.last ?? []) != Set(dumps[0]))
        while points.count > 1 {
            let kept = generator.below(points.count)
            var write = PartitionWrite(fence: author.fence)
            write.cut = points[kept].position
            try store.commit(write)
            #expect(try tableDump(store) == dumps[kept], "seed \(seed), cut to \(points[kept].position)")
            (dumps, points) = (Array(dumps[...kept]), Array(points[...kept]))
            if kept == 0 { break }
        }
    }

    @Test("P4: a standby, and whoever installs a snapshot, has the same rows as the primary", arguments: 1...6)
    func standby(seed: UInt64) throws {
        let (bed, other) = (try JournalBed(), try JournalBed())
        let (store, standby) = (try #require(bed.store), try #require(other.store))
        var (author, generator) = (LogAuthor(), Seeded(seed &+ 90))
        var log = author.founding()
        try store.commit(log)
        for _ in 0..<50 {
            let changes = author.anyPolicy(&generator)
            guard !changes.isEmpty else { continue }
            let record = author.policy(changes)
            log.records.append(record)
            try store.commit(author.write([record], safe: author.tip.position))
        }
        log.safe = UInt64(log.records.count)
        try standby.commit(log)
        let truth = try tableDump(store)
        #expect(try tableDump(standby) == truth)
        let builder = try store.beginSnapshot()
        var draft: SnapshotDraft?
        while draft == nil { draft = try builder.step(pages: 16) }
        let snapshot = try #require(draft).seal()
        let third = try JournalBed()
        let fresh = try #require(third.store)
        let receiver = try fresh.receiveSnapshot(
            snapshot.point, bytes: snapshot.bytes, digest: snapshot.digest)
        let content = try #require(try FileSystem.read(whole: snapshot.path))
        try receiver.append(content)
        _ = try fresh.install(try receiver.finish())
        #expect(try tableDump(fresh) == truth)
    }

    @Test("P4: a version without its stack, a leaf without its body, a body of another digest are refused, unchanged")
    func dangling() throws {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let (stack, body) = (try policyStack(1, bytes: 600_000), policyBody(1, count: 700_000))
        let parts = PolicyPart.parts(of: body.bytes, digest: body.digest)
        #expect(parts.count == 3)
        let leaf = PolicyChange.leaves(
            sequence: 1,
            [
                PolicyLeafChange(
                    envoy: envoyID(1),
                    content: PolicyLeafChange.Content(body: body.digest, box: [1], terms: PolicyTerms()))
            ])
        // All but the last part of each.
        let stackParts = storing(stack.files, stack.digest)
        for change in stackParts.dropLast() + storing(body: body.bytes, body.digest).dropLast() {
            #expect(try apply([change], store, &author) == [nil])
        }
        let before = try tableDump(store)
        #expect(try apply([.publish(version(1, stack.digest))], store, &author).first??.code == .unknown)
        #expect(try apply([leaf], store, &author).first??.code == .unknown)
        var wrong = parts[2]
        wrong.bytes[5] ^= 1
        #expect(try apply([.body(wrong)], store, &author).first??.code == .conflict)
        #expect(try tableDump(store) == before)
        #expect(try store.tables.policy.body(body.digest) == nil)
        #expect(try store.tables.policy.stack(stack.digest) == nil)
        for change in storing(stack.files, stack.digest).suffix(1) + [.body(parts[2])] {
            #expect(try apply([change], store, &author) == [nil])
        }
        #expect(try apply([.publish(version(1, stack.digest)), leaf], store, &author) == [nil, nil])
        #expect(try store.tables.policy.body(body.digest) == body.bytes)
        #expect(try store.tables.policy.stack(stack.digest) == stack.files)
        // What is whole stays, whoever brings other parts of that name.
        #expect(try apply([.body(wrong)], store, &author) == [nil])
        #expect(try store.tables.policy.body(body.digest) == body.bytes)
        let again = try apply([.publish(version(1, stack.digest, at: 6))], store, &author)
        #expect(again.first??.code == .conflict && again.first??.detail == .expected(2))
        #expect(try apply([.publish(version(1, stack.digest))], store, &author) == [nil])
    }

    @Test("what nothing names any more goes a bounded number of parts at a time, and nothing else")
    func retiring() throws {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let used = policyBody(0)
        for number in 0..<40 as Range<UInt64> {
            let body = policyBody(number)
            _ = try apply(storing(body: body.bytes, body.digest), store, &author)
        }
        for number in 1...4 as ClosedRange<UInt64> {
            let stack = try policyStack(number)
            _ = try apply(
                storing(stack.files, stack.digest) + [.publish(version(number, stack.digest))], store, &author)
            _ = try apply([.rollout(sequence: number, number: 0, [UInt8(number)])], store, &author)
        }
        let content = PolicyLeafChange.Content(body: used.digest, box: [], terms: PolicyTerms())
        _ = try apply([.leaves(sequence: 4, [PolicyLeafChange(envoy: envoyID(1), content: content)])], store, &author)
        let tables = store.tables.policy
        var rounds = 0
        while try tables.hasRetirable(below: 3), rounds < 10 {
            _ = try apply([.retire(below: 3)], store, &author)
            rounds += 1
        }
        #expect(rounds == 2)
        #expect(try tables.history(before: nil, limit: 10).map(\.sequence) == [4, 3])
        #expect(try tables.hasBody(used.digest) && !tables.hasBody(policyBody(1).digest))
        #expect(try tables.stack(try policyStack(2).digest) == nil)
        #expect(try tables.stack(try policyStack(3).digest) != nil)
        #expect(try tables.rolloutRecords(of: 2).isEmpty && !tables.rolloutRecords(of: 3).isEmpty)
        // The version in force is never one of those.
        _ = try apply([.retire(below: 99)], store, &author)
        #expect(try tables.versionInForce()?.sequence == 4)
        #expect(try tables.stack(try policyStack(4).digest) != nil)
    }

    @Test("a partition keeps records of so many pushes; the one written to least lately goes first")
    func pushes() throws {
        let bed = try JournalBed(on: SimulatedDisk(seed: 1))
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        for number in 0..<StoreLimits.policyPushesMax {
            _ = try apply([.push(PrincipalID(high: 8, low: UInt64(number)), number: 0, [1])], store, &author)
        }
        let first = PrincipalID(high: 8, low: 0)
        _ = try apply([.push(first, number: 1, [2])], store, &author)
        _ = try apply([.push(PrincipalID(high: 9, low: 0), number: 0, [3])], store, &author)
        let tables = store.tables.policy
        #expect(try tables.pushes().count == StoreLimits.policyPushesMax)
        #expect(try tables.pushRecords(of: first) == [[1], [2]])
        #expect(try tables.pushRecords(of: PrincipalID(high: 8, low: 1)).isEmpty)
    }

    @Test("rows of an envoy whose slice was handed on go with the rest of it")
    func collected() throws {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let body = policyBody(1)
        let slice = SliceID(group: GroupID(Bytes32(words: (1, 2, 3, 4))), index: 3)
        let placement = PartitionCommand.EnvoyPlacement(envoy: envoyID(1), slice: slice)
        let content = PolicyLeafChange.Content(body: body.digest, box: [7, 7], terms: PolicyTerms(maxAgeSeconds: 60))
        _ = try apply(
            storing(body: body.bytes, body.digest) + [
                .leaves(
                    sequence: 2,
                    [1, 2].map { PolicyLeafChange(envoy: envoyID($0), content: content) }),
                .given([envoyID(1), envoyID(2)], sequence: 2),
            ], store, &author)
        try store.commit(author.write([author.commands([.placed([placement])])]))
        let before = try tableDump(store)
        let place = author.tip.position
        try store.commit(author.write([author.commands([.remainsGone(placement)])]))
        let tables = store.tables.policy
        #expect(try tables.leaf(of: envoyID(1)) == nil && tables.delivery(to: envoyID(1)) == nil)
        #expect(try tables.box(of: envoyID(1)) == nil && tables.box(of: envoyID(2)) == [7, 7])
        #expect(try tables.counts(of: 2).given == 1)
        var write = PartitionWrite(fence: author.fence)
        write.cut = place
        try store.commit(write)
        #expect(try tableDump(store) == before)
    }

    /// A store with a row in each of the tables.
    private func full() throws -> JournalBed {
        let bed = try JournalBed()
        let store = try #require(bed.store)
        var author = LogAuthor()
        try store.commit(author.founding())
        let (body, stack) = (policyBody(1), try policyStack(1))
        let content = PolicyLeafChange.Content(body: body.digest, box: [7, 7], terms: PolicyTerms(maxAgeSeconds: 60))
        _ = try apply(
            storing(body: body.bytes, body.digest) + storing(stack.files, stack.digest) + [
                .publish(version(1, stack.digest)),
                .leaves(sequence: 1, [PolicyLeafChange(envoy: envoyID(1), content: content)]),
                .given([envoyID(1)], sequence: 1), .head(sequence: 1, [1, 2, 3]),
                .rollout(sequence: 1, number: 0, [5]), .push(PrincipalID(high: 8, low: 1), number: 0, [6]),
            ], store, &author)
        return bed
    }

    @Test(
        "D4: a row of the policy that is not what was written is found by a scrub and never served",
        arguments: [
            "UPDATE policy_stack SET body = zeroblob(9)", "UPDATE policy_body SET body = zeroblob(9)",
            "UPDATE policy_version SET body = zeroblob(9)", "UPDATE policy_version SET sequence = 2",
            "UPDATE policy_leaf SET sequence = 9", "UPDATE policy_leaf SET box = zeroblob(32)",
            "UPDATE policy_leaf SET envoy = zeroblob(16)", "UPDATE policy_leaf SET terms = NULL",
            "UPDATE policy_leaf SET terms = x'0001'", "UPDATE policy_leaf SET terms = x'FF'",
            "UPDATE policy_box SET body = x'0708'",
            "UPDATE policy_given SET outcome = 1", "UPDATE policy_given SET at_ms = 5",
            "UPDATE policy_record SET number = 4 WHERE kind = 1",
            "UPDATE policy_record SET body = x'09' WHERE kind = 2",
            "UPDATE policy_state SET number = 9 WHERE name = 'head'",
        ])
    func rot(change: String) throws {
        let bed = try full()
        let store = try #require(bed.store)
        try scrub(store)
        try store.integrityCheck()
        try store.database.execute(change)
        #expect(storeError { try scrub(store) }?.code == .corrupt)
        #expect(storeError { _ = try store.tables.policy.versionInForce() }?.code == .poisoned)
    }

    @Test(
        "each older schema of a partition is brought to the present one, with what it holds",
        arguments: 3..<PartitionStore.kind.migrations.count)
    func migration(count: Int) throws {
        let scratch = try Scratch()
        let kind = PartitionStore.kind
        let directory = try StateDirectory(path: scratch.path)
        do {
            let older = Database.Kind(
                name: kind.name, applicationID: kind.applicationID, migrations: Array(kind.migrations.prefix(count)))
            let database = try Database.open(older, in: directory, file: PartitionStore.fileName)
            try database.run("INSERT INTO setting VALUES ('kept', x'2A', 1, 0)")
            try database.close()
        }
        let store = try PartitionStore(directory: directory, identity: north, witness: TestWitness())
        #expect(try store.tables.settings.names(limit: 5) == ["kept"])
        #expect(try store.tables.policy.versionInForce() == nil)
    }

    @Test("leaves from before they had terms are read as such that are never too old, and get theirs with the next")
    func leavesWithoutTerms() throws {
        let scratch = try Scratch()
        let (kind, body) = (PartitionStore.kind, policyBody(1))
        let place = try #require(kind.migrations.firstIndex { $0.name == "terms of leaves" })
        let directory = try StateDirectory(path: scratch.path)
        var row = PolicyLeafRow(envoy: envoyID(1), body: body.digest, box: .zero, terms: PolicyTerms(), sequence: 7)
        do {
            let older = Database.Kind(
                name: kind.name, applicationID: kind.applicationID, migrations: Array(kind.migrations.prefix(place)))
            let database = try Database.open(older, in: directory, file: PartitionStore.fileName)
            try database.run(
                "INSERT INTO policy_leaf(envoy, body, box, sequence, checksum) VALUES (?1, ?2, ?3, 7, ?4)",
                .blob(row.envoy.bytes), .blob(row.body.bytes), .blob(row.box.bytes),
                .integer(PolicyTables.checksum(row, terms: [])))
            try database.close()
        }
        let store = try PartitionStore(directory: directory, identity: north, witness: TestWitness())
        #expect(try store.tables.policy.leaf(of: envoyID(1)) == row)
        var author = LogAuthor()
        try store.commit(author.founding())
        (row.terms, row.sequence) = (PolicyTerms(maxAgeSeconds: 3600, expiry: .stop), 8)
        let content = PolicyLeafChange.Content(body: body.digest, box: [], terms: row.terms)
        let refusals = try apply(
            storing(body: body.bytes, body.digest)
                + [.leaves(sequence: 8, [PolicyLeafChange(envoy: envoyID(1), content: content)])], store, &author)
        #expect(refusals.allSatisfy { $0 == nil })
        #expect(try store.tables.policy.leaves(after: nil, limit: 9) == [row])
        try scrub(store)
    }
}
