import CRDT
import Spanner
import Testing

@testable import SpannerStore

@Suite struct MigrationTests {
    /// A file as the version with only the first `count` steps left it, with one value in it.
    private func older(_ kind: Database.Kind, _ count: Int, in path: String, file: String) throws {
        let database = try Database.open(
            Database.Kind(
                name: kind.name, applicationID: kind.applicationID, migrations: Array(kind.migrations.prefix(count))),
            in: try StateDirectory(path: path), file: file)
        if count > 0 { try database.run("INSERT INTO meta VALUES ('kept', x'2A')") }
    }

    @Test(
        "Each older schema is brought to the present one, with what it holds",
        arguments: 0..<BoltStore.kind.migrations.count)
    func fromEachOlderSchema(count: Int) throws {
        let scratch = try Scratch()
        try older(BoltStore.kind, count, in: scratch.path, file: "bolt.db")
        let store = try BoltStore(path: scratch.path)
        #expect(try store.database.setting("user_version") == Int64(BoltStore.kind.migrations.count))
        #expect(try store.meta.value("kept") == (count > 0 ? [42] : nil))
        var writer = Writer(1)
        try store.roster.append([writer.run([[1]])])
        try store.results.append(
            [SequencedResult(sequence: 1, body: [])], queue: queueID(1), envoy: envoyID(1), received: noon)
        try store.integrityCheck()
    }

    @Test("The queue's older schemas too", arguments: 0..<QueueStore.kind.migrations.count)
    func queueFromEachOlderSchema(count: Int) throws {
        let scratch = try Scratch()
        try older(QueueStore.kind, count, in: scratch.path, file: "queue.db")
        let store = try QueueStore(path: scratch.path)
        try store.renewIncarnation(to: queueID(1))
        #expect(try store.append([[1]]) == [.stored(1)])
        #expect(try store.meta.value("kept") == (count > 0 ? [42] : nil))
    }

    @Test("A newer schema is refused by number, and the file stays as it was")
    func newerSchema() throws {
        let scratch = try Scratch()
        let number = BoltStore.kind.migrations.count
        do {
            let store = try BoltStore(path: scratch.path)
            try store.database.execute("PRAGMA user_version = \(number + 1)")
        }
        let error = storeError { _ = try BoltStore(path: scratch.path) }
        #expect(error?.code == .newerSchema && error?.detail == .expected(UInt64(number)))
        #expect(error?.description.contains("number \(number + 1)") == true)
        #expect(storeError { _ = try BoltStore(path: scratch.path) }?.code == .newerSchema)
    }

    @Test("A step that fails leaves the schema before it, whole")
    func failedStep() throws {
        let scratch = try Scratch()
        let good = Migration(name: "a", sql: "CREATE TABLE a(x);")
        let bad = Migration(name: "b", sql: "CREATE TABLE b(x); INSERT INTO nowhere VALUES (1);")
        func open(_ steps: [Migration]) throws -> Database {
            try Database.open(
                Database.Kind(name: "test", applicationID: 7, migrations: steps),
                in: try StateDirectory(path: scratch.path), file: "test.db")
        }
        #expect(storeError { _ = try open([good, bad]) }?.code == .internal)
        let database = try open([good])
        #expect(try database.setting("user_version") == 1)
        let tables = try database.rows("SELECT name FROM sqlite_schema") { row throws(StoreError) in row.text(0) }
        #expect(tables == ["a"])
    }

    @Test("D1: the settings on which durability rests took; the log is bounded and cut on request")
    func settingsAndCheckpoints() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        for (name, value) in [("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("cell_size_check", 1)] {
            #expect(try store.database.setting(name) == Int64(value), "\(name)")
        }
        let log = scratch.file("bolt.db-wal")
        #expect(try store.checkpointIfNeeded() == false)
        var writer = Writer(1)
        let body = [UInt8](repeating: 1, count: RosterLimits.eventBytesMax)
        while store.database.walPageCount < StoreLimits.checkpointPages {
            try store.roster.append([writer.run([[UInt8]](repeating: body, count: 16))])
        }
        #expect(try store.checkpointIfNeeded())
        #expect(try store.checkpointIfNeeded() == false)
        try store.checkpoint()
        #expect(FileSystem.length(of: log) == 0)
        try store.integrityCheck()
    }
}
