import Testing

@testable import SpannerStore

/// R7: no dot is ever issued twice, whatever happens to the files.
@Suite struct IncarnationTests {
    private let here = StoreEnvironment(machine: "here")

    /// A directory with one life in it, closed as by a crash.
    private func started(_ path: String, _ incarnation: UInt64 = 5) throws {
        let store = try BoltStore(path: path, environment: here)
        #expect(store.incarnation == .renewalNeeded(.fresh))
        try store.renewIncarnation(to: incarnation)
        #expect(store.incarnation == .current(incarnation))
    }

    private func status(_ path: String, _ environment: StoreEnvironment? = nil) throws -> IncarnationStatus<UInt64> {
        try BoltStore(path: path, environment: environment ?? here).incarnation
    }

    @Test("R7: restarts, clean or not, and a move within the disk go on as the same incarnation")
    func restartsGoOn() throws {
        let scratch = try Scratch()
        try started(scratch.file("a"))
        for _ in 0..<3 { #expect(try status(scratch.file("a")) == .current(5)) }
        do { try BoltStore(path: scratch.file("a"), environment: here).close() }
        #expect(try status(scratch.file("a")) == .current(5))
        shell("mv", scratch.file("a"), scratch.file("b"))
        #expect(try status(scratch.file("b")) == .current(5))
        #expect(try status(scratch.file("b"), StoreEnvironment(machine: nil)) == .current(5))
    }

    @Test("R7, riak_kv #1027: two bolts started from one copied database get distinct incarnations")
    func copiesDiffer() throws {
        let scratch = try Scratch()
        try started(scratch.file("a"))
        copyFiles(from: scratch.file("a"), to: scratch.file("b"))
        copyFiles(from: scratch.file("a"), to: scratch.file("c"))
        var incarnations: Set<UInt64> = [5]
        for (index, name) in ["b", "c"].enumerated() {
            let store = try BoltStore(path: scratch.file(name), environment: here)
            #expect(store.incarnation == .renewalNeeded(.databaseCopied))
            try store.renewIncarnation(to: UInt64(100 + index))
            incarnations.insert(UInt64(100 + index))
        }
        #expect(incarnations.count == 3)
        #expect(try status(scratch.file("a")) == .current(5))
        #expect(try status(scratch.file("b")) == .current(100))
        #expect(try status(scratch.file("c")) == .current(101))
    }

    @Test("R7: a backup copied back over the directory, in place or not, needs a new incarnation")
    func restoredInPlace() throws {
        let scratch = try Scratch()
        let (live, backup) = (scratch.file("a"), scratch.file("backup"))
        try started(live)
        copyFiles(from: live, to: backup)
        #expect(try status(live) == .current(5))
        shell("cp", "-a", backup + "/.", live)
        guard case .renewalNeeded = try status(live) else { Issue.record("an old copy went on"); return }
        shell("rm", "-rf", live)
        copyFiles(from: backup, to: live)
        guard case .renewalNeeded = try status(live) else { Issue.record("an old copy went on"); return }
    }

    @Test("R7: only the database put back, overwritten in place, after later sessions or a clean close")
    func databaseAloneRestored() throws {
        for closing in [false, true] {
            let scratch = try Scratch()
            let live = scratch.file("a")
            try started(live)
            do {
                let store = try BoltStore(path: live, environment: here)
                copyFiles(from: live, to: scratch.file("backup"))
                if closing { try store.close() }
            }
            if !closing { #expect(try status(live) == .current(5)) }
            for name in ["bolt.db", "bolt.db-wal"] {
                shell("sh", "-c", "cat '\(scratch.file("backup"))/\(name)' > '\(live)/\(name)'")
            }
            #expect(try status(live) == .renewalNeeded(.mismatch), "closing \(closing)")
        }
    }

    @Test("R7: the file lost, garbled, of another life, touched; another machine")
    func filesAndMachines() throws {
        let scratch = try Scratch()
        let (path, file) = (scratch.file("a"), scratch.file("a/incarnation"))
        try started(path)
        #expect(try status(path, StoreEnvironment(machine: "there")) == .renewalNeeded(.otherMachine))
        let content = try #require(try FileSystem.read(file))
        try FileSystem.replace(file, with: content)
        #expect(try status(path) == .renewalNeeded(.fileCopied))
        try FileSystem.replace(file, with: Array("bolt-incarnation 1\n00000000000000ff\n1\n".utf8))
        #expect(try status(path) == .renewalNeeded(.mismatch))
        for garbage in ["", "bolt-incarnation 2\n00\n1\n", "bolt-incarnation 1\nxx\n1\n", "a\nb\nc\nd\n"] {
            try FileSystem.replace(file, with: Array(garbage.utf8))
            #expect(try status(path) == .renewalNeeded(.fileUnreadable))
        }
        shell("rm", file)
        #expect(try status(path) == .renewalNeeded(.fileMissing))
        do {
            let store = try BoltStore(path: path, environment: here)
            #expect(storeError { try store.renewIncarnation(to: 0) } != nil)
            try store.renewIncarnation(to: 6)
        }
        #expect(try status(path) == .current(6))
    }

    @Test("A crash between the announcement, the file and the row of a session is no new life")
    func interruptedSession() throws {
        let scratch = try Scratch()
        let path = scratch.file("a")
        try started(path)
        do {
            let store = try BoltStore(path: path, environment: here)
            try store.database.run("UPDATE incarnation SET pending = session + 1")
        }
        #expect(try status(path) == .current(5))
        do {
            let store = try BoltStore(path: path, environment: here)
            let session = try store.database.first("SELECT session FROM incarnation") { row throws(StoreError) in
                row.count(0)
            }
            let next = try #require(session) + 1
            try store.database.run("UPDATE incarnation SET pending = ?1", .count(next))
            try FileSystem.replace(
                path + "/incarnation", with: Array("bolt-incarnation 1\n0000000000000005\n\(next)\n".utf8))
        }
        #expect(try status(path) == .current(5))
        #expect(try status(path) == .current(5))
    }
}
