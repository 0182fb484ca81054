import CRDT
import Glibc
import Spanner
import SpannerTestKit
import Testing

@testable import SpannerStore

/// Full disks, failing disks and disks that forget.
@Suite struct DiskFaultTests {
    @Test("D2: after an I/O error the handle takes nothing more, and the file opens as what was acknowledged")
    func handleIsPoisoned() throws {
        let scratch = try Scratch()
        var writer = Writer(1)
        let runs = (1...3).map { writer.run([[UInt8($0)]]) }
        do {
            let store = try BoltStore(path: scratch.path)
            try store.roster.append([runs[0]])
            try breakFile(scratch.file("bolt.db-wal"))
            let error = storeError { try store.roster.append([runs[1]]) }
            #expect(error?.code == .inputOutput && error?.stateChanged == true)
            #expect(storeError { try store.roster.append([runs[1]]) }?.code == .poisoned)
            #expect(storeError { _ = try store.roster.heads() }?.code == .poisoned)
            #expect(storeError { _ = try store.checkpoint() }?.code == .poisoned)
            #expect(error?.endsTheHandle == true)
        }
        let store = try BoltStore(path: scratch.path)
        #expect(try store.roster.head(of: writer.replica)?.counter == 1)
        try store.roster.append(Array(runs[1...]))
    }

    @Test("D2: a database that can't be flushed in a checkpoint poisons the handle too; the log has everything")
    func checkpointFails() throws {
        let scratch = try Scratch()
        var writer = Writer(1)
        do {
            let store = try BoltStore(path: scratch.path)
            try store.roster.append([writer.run([[1]])])
            try breakFile(scratch.file("bolt.db"))
            #expect(storeError { _ = try store.checkpoint() }?.code == .inputOutput)
            #expect(storeError { try store.roster.append([writer.run([[2]])]) }?.code == .poisoned)
        }
        let store = try BoltStore(path: scratch.path)
        #expect(try store.roster.heads().map(\.counter) == [1])
        try store.integrityCheck()
    }

    /// Puts a descriptor that neither writes nor flushes in the place of ours for `path`.
    private func breakFile(_ path: String) throws {
        var pipes: [Int32] = [0, 0]
        try #require(pipe(&pipes) == 0)
        defer { for end in pipes { close(end) } }
        var broken = 0
        for number in 3..<1024 as Range<Int32> {
            var target = [CChar](repeating: 0, count: 4096)
            let length = readlink("/proc/self/fd/\(number)", &target, 4095)
            guard length > 0 else { continue }
            if String(decoding: target[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self) == path {
                try #require(dup2(pipes[0], number) == number)
                broken += 1
            }
        }
        try #require(broken == 1, "descriptors of \(path)")
    }

    @Test("D7: a full disk is a typed error that loses nothing, and the same call works once there is room")
    func diskFull() throws {
        let scratch = try Scratch()
        let mount = scratch.file("small")
        try #require(mkdir(mount, 0o700) == 0)
        guard geteuid() == 0, shell("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", mount) == 0 else {
            print("SKIPPED: diskFull needs the right to mount a tmpfs")
            return
        }
        defer { shell("umount", "-l", mount) }
        var writer = Writer(1)
        var stored: [SignedRun] = []
        do {
            let store = try BoltStore(path: mount)
            try store.directory.reserve.hold(bytes: 200_000)
            var refused: RunToStore?
            for number in 0..<100 where refused == nil {
                let run = writer.run([[UInt8](repeating: UInt8(number), count: 16_000)])
                do {
                    try store.roster.append([run])
                    stored.append(run.run)
                } catch {
                    #expect(error.code == .full && !error.stateChanged)
                    refused = run
                }
            }
            let waiting = try #require(refused)
            #expect(storeError { try store.roster.append([waiting]) }?.code == .full)
            #expect(try store.roster.runs(of: writer.replica, after: 0, bytesMax: 1 << 20) == stored)
            let grown = storeError { try store.directory.reserve.hold(bytes: 10_000_000) }
            #expect(grown?.code == .full)
            try store.directory.reserve.release()
            try store.roster.append([waiting])
            stored.append(waiting.run)
            #expect(try store.roster.runs(of: writer.replica, after: 0, bytesMax: 1 << 20) == stored)
        }
        let store = try BoltStore(path: mount)
        #expect(try store.roster.runs(of: writer.replica, after: 0, bytesMax: 1 << 20) == stored)
        try store.integrityCheck()
    }

    @Test("D7: a full disk inside an outer transaction ends it whole, though the inner error was caught")
    func diskFullInside() throws {
        let scratch = try Scratch()
        let store = try BoltStore(path: scratch.path)
        let pages = try store.database.setting("page_count")
        try store.database.execute("PRAGMA max_page_count = \(pages + 3)")
        var writer = Writer(1)
        let small = writer.run([[1]])
        let big = writer.run([[UInt8](repeating: 1, count: 100_000)])
        var inner: StoreError?
        let outer = storeError {
            try store.transaction { () throws(StoreError) in
                try store.roster.append([small])
                do throws(StoreError) { try store.roster.append([big]) } catch { inner = error }
            }
        }
        #expect(inner?.code == .full)
        let stored = try store.roster.head(of: writer.replica)?.counter
        #expect(outer == nil ? stored == 1 : stored == nil)
        try store.database.execute("PRAGMA max_page_count = 1000000")
        try store.integrityCheck()
        try store.roster.append(stored == nil ? [small, big] : [big])
    }

    @Test("D4: one flipped byte anywhere is a typed error or harmless; never a trap, never a wrong event served")
    func bitRot() throws {
        var generator = Seeded(14)
        let scratch = try Scratch()
        let source = scratch.file("source")
        var writer = Writer(1)
        let runs = (0..<20).map { _ in writer.run([generator.bytes(300), generator.bytes(30)]) }
        let results = (1...20).map { SequencedResult(sequence: $0, body: generator.bytes(200)) }
        do {
            let store = try BoltStore(path: source)
            try store.roster.append(runs)
            try store.results.append(results, queue: queueID(1), envoy: envoyID(1), received: noon)
            try store.close()
        }
        let size = FileSystem.length(of: source + "/bolt.db")
        var found = 0
        for number in 0..<150 {
            let copy = scratch.file("copy")
            copyFiles(from: source, to: copy)
            let (place, bit) = (generator.below(size), UInt8(1 << generator.below(8)))
            try flip(copy + "/bolt.db", at: place, bit: bit)
            do throws(StoreError) {
                let store = try BoltStore(path: copy)
                let served = try store.roster.runs(of: writer.replica, after: 0, bytesMax: 1 << 20)
                let heads = try store.roster.heads()
                if !heads.isEmpty { #expect(served == runs.map(\.run), "flip \(number) at \(place)") }
                for result in try store.results.results(of: envoyID(1), limit: 100) {
                    #expect(results.contains { $0.sequence == result.sequence && $0.body == result.body })
                }
                try store.integrityCheck()
            } catch {
                found += 1
                #expect([.corrupt, .poisoned, .foreign, .newerSchema, .internal].contains(error.code), "\(error)")
            }
            shell("rm", "-rf", copy)
        }
        // The rest hit the unused space of nearly empty pages.
        #expect(found > 15)
    }

    private func flip(_ path: String, at place: Int, bit: UInt8) throws {
        let descriptor = try FileSystem.openFile(at: path)
        var byte: UInt8 = 0
        try #require(pread(descriptor.number, &byte, 1, off_t(place)) == 1)
        byte ^= bit
        try #require(pwrite(descriptor.number, &byte, 1, off_t(place)) == 1)
    }
}
