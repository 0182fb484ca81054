import Glibc
import Testing

@testable import SpannerStore

@Suite struct StateDirectoryTests {
    @Test("Two processes on one directory: the second is refused and told who has it")
    func secondHolderIsRefused() throws {
        let scratch = try Scratch()
        let path = scratch.file("state")
        do {
            let first = try BoltStore(path: path)
            let error = storeError { _ = try BoltStore(path: path) }
            #expect(error?.code == .locked)
            #expect(error?.detail == .holder(pid: getpid()))
            _ = first.directory
        }
        _ = try BoltStore(path: path)
    }

    @Test("A lock held by another process is seen, and ends with that process")
    func lockOfAnotherProcess() throws {
        let scratch = try Scratch()
        let path = scratch.file("state")
        _ = try StateDirectory(path: path)
        // `flock` holds the lock while its command runs, here a `cat` that waits for its input to end.
        var pipes: [Int32] = [0, 0]
        try #require(pipe(&pipes) == 0)
        for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, pipes[0], 0)
        let command: [String] = ["flock", path + "/lock", "cat"]
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var pid: pid_t = 0
        try #require(posix_spawnp(&pid, "flock", &actions, nil, &words, environ) == 0)
        posix_spawn_file_actions_destroy(&actions)
        for word in words { free(word) }
        close(pipes[0])
        var code: StoreError.Code?
        let deadline = ContinuousClock.now + .seconds(10)
        while code == nil, ContinuousClock.now < deadline {
            do { _ = try StateDirectory(path: path) } catch { code = error.code }
        }
        #expect(code == .locked)
        close(pipes[1])
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        _ = try StateDirectory(path: path)
    }

    @Test("Made private; one that others may write to, or that is a file, is refused and left alone")
    func modes() throws {
        let scratch = try Scratch()
        let path = scratch.file("a/b/state")
        do { _ = try BoltStore(path: path) }
        for (file, mode) in [("", S_IFDIR | 0o700), ("/bolt.db", S_IFREG | 0o600), ("/lock", S_IFREG | 0o600)] {
            var entry = stat()
            #expect(stat(path + file, &entry) == 0)
            #expect(entry.st_mode == mode, "\(file)")
        }
        chmod(path, 0o770)
        #expect(storeError { _ = try BoltStore(path: path) }?.code == .permissions)
        chmod(path, 0o700)
        #expect(storeError { _ = try BoltStore(path: path + "/bolt.db") }?.code == .permissions)
        #expect(storeError { _ = try BoltStore(path: "/proc/bolt") }?.code == .permissions)
    }

    @Test("Another program's database, and our own of another kind, are refused untouched")
    func foreignFiles() throws {
        let scratch = try Scratch()
        do { _ = try QueueStore(path: scratch.path) }
        shell("mv", scratch.file("queue.db"), scratch.file("bolt.db"))
        #expect(storeError { _ = try BoltStore(path: scratch.path) }?.code == .foreign)

        let other = try Scratch()
        do {
            let kind = Database.Kind(
                name: "another", applicationID: 0, migrations: [Migration(name: "x", sql: "CREATE TABLE x(y);")])
            _ = try Database.open(kind, in: try StateDirectory(path: other.path), file: "bolt.db")
        }
        #expect(storeError { _ = try BoltStore(path: other.path) }?.code == .foreign)

        let text = try Scratch()
        try FileSystem.replace(text.file("bolt.db"), with: Array("this is no database, but a text of some length".utf8))
        #expect(storeError { _ = try BoltStore(path: text.path) }?.code == .corrupt)
        #expect(try FileSystem.read(text.file("bolt.db"))?.first == 0x74)
    }

    @Test("D7: a reserve is taken once and given back")
    func reserve() throws {
        let scratch = try Scratch()
        let directory = try StateDirectory(path: scratch.path)
        try directory.reserve.hold(bytes: 100_000)
        try directory.reserve.hold(bytes: 50_000)
        #expect(directory.reserve.bytes == 100_000)
        try directory.reserve.release()
        try directory.reserve.release()
        #expect(directory.reserve.bytes == 0)
    }
}
