import CRDT
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Copies of a partition's database: whole, verified, exchanged at once or not at all.
@Suite struct JournalSnapshotTests {
    /// A primary with an epoch, some megabytes of secrets, and everything safe.
    private func primary(
        _ identity: PartitionIdentity = north, epoch: UInt64 = 1
    ) throws -> (bed: JournalBed, author: LogAuthor) {
        let bed = try JournalBed(identity: identity)
        let store = try #require(bed.store)
        var author = LogAuthor(identity)
        try store.commit(author.founding(epoch))
        for number in 0..<6 {
            let value = [UInt8](repeating: UInt8(number), count: 40_000)
            try store.commit(author.write([author.commands([.secret(name: "s\(number)", sealed: value)])]))
        }
        try store.commit(author.write([], safe: author.tip.position))
        return (bed, author)
    }

    private func snapshot(of bed: JournalBed) throws -> PartitionSnapshot {
        let builder = try #require(bed.store).beginSnapshot()
        while true { if let draft = try builder.step() { return try draft.seal() } }
    }

    /// Carries a snapshot over to another disk, changed on the way.
    private func carry(
        _ snapshot: PartitionSnapshot, to store: PartitionStore, change: (inout [UInt8]) -> Void = { _ in }
    ) throws -> IncomingSnapshot {
        var content: [UInt8] = []
        while content.count < Int(snapshot.bytes) {
            content += try snapshot.read(at: UInt64(content.count), count: 100_000)
        }
        change(&content)
        let receiver = try store.receiveSnapshot(snapshot.point, bytes: snapshot.bytes, digest: snapshot.digest)
        for start in stride(from: 0, to: content.count, by: 70_000) {
            try receiver.append(Array(content[start..<min(start + 70_000, content.count)]))
        }
        return try receiver.finish()
    }

    @Test("a snapshot made while commits go on holds the last of them, and the standby goes on from there")
    func whileWorking() throws {
        var (bed, author) = try primary()
        let store = try #require(bed.store)
        let builder = try store.beginSnapshot()
        var draft: SnapshotDraft?
        var commits = 0
        while draft == nil {
            draft = try builder.step(pages: 8)
            guard draft == nil else { break }
            try store.commit(author.write([author.setting("during", [UInt8(commits)])]))
            commits += 1
            if commits == 3 {
                var cut = PartitionWrite(fence: author.fence)
                cut.cut = author.tip.position - 1
                try store.commit(cut)
                author.tip = try store.durable().tip
            }
        }
        #expect(commits > 5)
        let truth = try tableDump(store)
        let tip = try store.durable().tip
        try store.commit(author.write([author.setting("after", [1])]))
        let snapshot = try #require(draft).seal()
        #expect(snapshot.point == tip)
        let standby = try JournalBed()
        let other = try #require(standby.store)
        let durable = try other.install(try carry(snapshot, to: other))
        #expect(durable.tip == tip && durable.isForgetful)
        let isSame = try tableDump(other) == truth
        #expect(isSame)
        #expect(try other.salvage(limit: 10).isEmpty)
        try other.integrityCheck()
        var write = PartitionWrite(fence: durable.promised)
        write.records = try store.records(from: tip.position + 1, bytesMax: 10_000)
        try other.commit(write)
        let goesOn = try tableDump(other) == tableDump(store)
        #expect(goesOn)
        #expect(try standby.open().durable().tip == author.tip)
        try snapshot.remove()
        #expect(!FileSystem.exists(bed.path + "/partition.snapshot-0"))
    }

    @Test(
        "P1, P4: an installed snapshot leaves this disk its promise, life, acquaintances and salvage"
    )
    func whatIsOwn() throws {
        var (bed, author) = try primary()
        let standby = try JournalBed()
        let store = try #require(standby.store)
        try store.renewDisk(to: 77)
        let source = try #require(bed.store)
        var write = PartitionWrite(fence: .none)
        write.records = try source.records(from: 1, bytesMax: 10_000_000)
        (write.safe, write.acquaintances, write.remembers) = (4, [disk(5)], true)
        write.promise = PartitionEpoch(number: 9, minter: disk(3))
        try store.commit(write)
        var fork = author
        var own = PartitionWrite(fence: try #require(write.promise))
        own.records = [fork.setting("mine", [1]), fork.setting("mine", [2])]
        try store.commit(own)
        try source.commit(author.write([author.setting("theirs", [1]), author.setting("theirs", [2])]))
        var last = author.write([], safe: author.tip.position)
        last.acquaintances = [disk(4)]
        try source.commit(last)
        let durable = try store.install(try carry(try snapshot(of: bed), to: store))
        #expect(durable.tip == author.tip && durable.safe == author.tip.position)
        #expect(durable.promised.number == 9 && !durable.isForgetful && durable.acquaintances == [disk(4), disk(5)])
        #expect(try store.salvage(limit: 10).map(\.text) == ["setting mine set", "setting mine set"])
        let again = try standby.open()
        #expect(again.disk == .current(77))
        #expect(try again.durable() == durable)
        let isCopy = try tableDump(again) == tableDump(source)
        #expect(isCopy)
        try again.integrityCheck()
    }

    @Test("a tail that the partition took over is not called lost by a snapshot that has compacted it")
    func tailTakenOver() throws {
        var (bed, author) = try primary()
        let standby = try JournalBed()
        let (source, store) = (try #require(bed.store), try #require(standby.store))
        var write = PartitionWrite(fence: .none)
        write.records = try source.records(from: 1, bytesMax: 10_000_000)
        (write.safe, write.remembers, write.promise) = (4, true, author.tip.epoch)
        try store.commit(write)
        while try source.compact(through: author.tip.position) {}
        try source.commit(author.write([author.setting("later", [1])]))
        try source.commit(author.write([], safe: author.tip.position))
        let durable = try store.install(try carry(try snapshot(of: bed), to: store))
        #expect(durable.tip == author.tip)
        #expect(try store.salvage(limit: 10).isEmpty)
    }

    @Test("a snapshot cut short, too long, altered, or of another partition or mesh is refused with its reason")
    func refusals() throws {
        let (bed, author) = try primary()
        let good = try snapshot(of: bed)
        let standby = try JournalBed()
        let store = try #require(standby.store)
        var write = PartitionWrite(fence: .none)
        write.records = try #require(bed.store).records(from: 1, bytesMax: 1)
        (write.safe, write.promise) = (1, author.fence)
        try store.commit(write)
        let before = try Held(store)
        func refusal(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) throws -> String {
            let error = storeError(body, location)
            #expect(error?.code == .snapshotRefused && error?.stateChanged == false, sourceLocation: location)
            let isUnchanged = try Held(store) == before
            #expect(isUnchanged, sourceLocation: location)
            return error?.why ?? ""
        }
        #expect(try refusal { _ = try carry(good, to: store) { $0.removeLast(5) } }.contains("ended after"))
        #expect(try refusal { _ = try carry(good, to: store) { $0.append(1) } }.contains("longer"))
        let altered = try carry(good, to: store) { $0[50_000] ^= 1 }
        #expect(try refusal { _ = try store.install(altered) }.contains("not those that were sent"))
        #expect(!FileSystem.exists(standby.path + "/partition.incoming"))
        let elsewhere = PartitionSnapshot(
            point: LogPoint(epoch: good.point.epoch, position: 3, hash: .zero), bytes: good.bytes, digest: good.digest,
            path: good.path)
        #expect(try refusal { _ = try store.install(try carry(elsewhere, to: store)) }.contains("as was said"))
        for other in [
            PartitionIdentity(mesh: north.mesh, partition: PartitionName(checked: "south")),
            PartitionIdentity(mesh: MeshID(.zero), partition: north.partition),
        ] {
            let (source, _) = try primary(other)
            let foreign = try snapshot(of: source)
            #expect(try refusal { _ = try store.install(try carry(foreign, to: store)) }.contains("it is of partition"))
        }
    }

    @Test("P4: a snapshot without what is safe here, or of another history, is refused: a contradiction, not a repair")
    func contradictions() throws {
        let (bed, _) = try primary()
        let good = try snapshot(of: bed)
        let (longer, author) = try primary(epoch: 2)
        var more = author
        let store = try #require(longer.store)
        #expect(
            storeError { _ = try store.install(try carry(good, to: store)) }?.why.contains("another than") == true)
        try store.commit(more.write([more.setting("a", [1])], safe: more.tip.position))
        #expect(storeError { _ = try store.install(try carry(good, to: store)) }?.why.contains("is safe here") == true)
        #expect(try store.durable().tip == more.tip)
    }

    @Test("P4: a snapshot of another history is refused also where it has compacted what is safe here")
    func compactedContradiction() throws {
        var (bed, author) = try primary()
        let source = try #require(bed.store)
        try source.commit(author.write([author.setting("a", [1]), author.setting("b", [1])]))
        try source.commit(author.write([], safe: author.tip.position))
        while try source.compact(through: author.tip.position) {}
        let (other, held) = try primary(epoch: 2)
        let store = try #require(other.store)
        #expect(
            storeError { _ = try store.install(try carry(try snapshot(of: bed), to: store)) }?.why
                .contains("shares no epoch") == true)
        #expect(try store.durable().tip == held.tip)
    }

    @Test("a trigger that comes with a snapshot never acts: its tables are compared first")
    func smuggledTrigger() throws {
        let (bed, _) = try primary()
        let source = try #require(bed.store)
        try source.database.execute(
            "CREATE TRIGGER evil AFTER UPDATE ON partition BEGIN DELETE FROM secret; END")
        let standby = try JournalBed()
        let store = try #require(standby.store)
        let error = storeError { _ = try store.install(try carry(try snapshot(of: bed), to: store)) }
        #expect(error?.code == .snapshotRefused && error?.why.contains("tables") == true)
        #expect(try store.durable().tip.position == 0)
    }

    @Test("D3: a crash between any two steps of an installation leaves the one database or the other, whole")
    func crashes() throws {
        let (bed, author) = try primary()
        let good = try snapshot(of: bed)
        let standby = try JournalBed()
        let store = try #require(standby.store)
        let old = try Held(store)
        var steps: [String] = []
        // Without the bed, which has the store: neither would ever go, nor the folder.
        store.onStep = { [path = standby.path, scratch = standby.scratch] step in
            steps.append(step)
            copyFiles(from: path, to: scratch.file(step))
        }
        _ = try store.install(try carry(good, to: store))
        let new = try Held(store)
        #expect(new.durable.tip == author.tip && steps == ["prepared", "closed", "renamed"])
        let probe = try JournalBed()
        for step in steps {
            let found = try probe.open(copyOf: standby.scratch.file(step))
            try found.integrityCheck()
            let isWhole = try Held(found) == (step == "renamed" ? new : old)
            #expect(isWhole, "\(step)")
            #expect(!FileSystem.exists(probe.path + "/partition.incoming"))
        }
    }

    @Test("D4: a row that rotted is found before the copy is shipped")
    func rotIsNotShipped() throws {
        let (bed, _) = try primary()
        try bed.drop()
        let content = try #require(try FileSystem.read(whole: bed.databasePath))
        let row = [UInt8](repeating: 2, count: 300)
        let place = try #require(content.indices.first { content[$0] == 2 && content[$0...].starts(with: row) })
        try FileSystem.overwrite(bed.databasePath, at: place + 100, with: 3)
        let store = try bed.open()
        let builder = try store.beginSnapshot()
        var draft: SnapshotDraft?
        while draft == nil { draft = try builder.step() }
        let error = storeError { _ = try draft?.seal() }
        #expect(error?.code == .corrupt)
        #expect(!FileSystem.exists(bed.path + "/partition.snapshot-0"))
    }

    @Test("copies are bounded in number, and what a crash left of one is removed at the next start")
    func leftovers() throws {
        let (bed, _) = try primary()
        let store = try #require(bed.store)
        var builders = try (0..<StoreLimits.snapshotsMax).map { _ in try store.beginSnapshot() }
        #expect(storeError { _ = try store.beginSnapshot() }?.code == .tooLarge)
        _ = try builders[0].step(pages: 1)
        builders.removeLast()
        #expect(!FileSystem.exists(bed.path + "/partition.snapshot-3"))
        copyFiles(from: bed.path, to: bed.scratch.file("crash"))
        builders.removeAll()
        let probe = try JournalBed()
        let found = try probe.open(copyOf: bed.scratch.file("crash"))
        #expect(!FileSystem.exists(probe.path + "/partition.snapshot-0"))
        #expect(try found.durable() == store.durable())
    }
}
