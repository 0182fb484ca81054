import CRDT
import Glibc
import Spanner
import Testing

@testable import SpannerStore

/// A directory that goes with the test.
final class Scratch {
    let path: String

    /// In memory where that can be: for a test of hundreds of flushes, each of which a disk takes its time for, and
    /// which asks what the files say and never whether they outlast a power cut.
    init(inMemory: Bool = false) throws {
        let place = inMemory && Scratch.hasMemory ? "/dev/shm" : "/tmp"
        var template = Array("\(place)/bolt-store-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) }
        path = String(cString: try #require(made))
    }
    deinit { shell("rm", "-rf", path) }

    /// Whether there is room in memory for all such tests at once: containers often have less, and a mapped file that
    /// finds none ends the process.
    private static let hasMemory: Bool = {
        var facts = statvfs()
        guard access("/dev/shm", W_OK | X_OK) == 0, statvfs("/dev/shm", &facts) == 0 else { return false }
        return UInt64(facts.f_bavail) * UInt64(facts.f_frsize) >= 512 * 1024 * 1024
    }()

    func file(_ name: String) -> String { path + "/" + name }
}

/// Runs a program to its end; its exit code.
@discardableResult
func shell(_ arguments: String...) -> Int32 {
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    guard posix_spawnp(&pid, arguments[0], nil, nil, &words, environ) == 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
}

/// What a crash leaves: the files as they are at this instant, without the handle that has them open.
func copyFiles(from source: String, to target: String) {
    shell("mkdir", "-p", "-m", "700", target)
    shell("cp", "-a", source + "/.", target)
}

/// The error that a body throws; a test fails where there is none or it is of another type.
func storeError(_ body: () throws -> Void, _ location: SourceLocation = #_sourceLocation) -> StoreError? {
    do {
        try body()
    } catch {
        if let error = error as? StoreError { return error }
        Issue.record("not a StoreError: \(error)", sourceLocation: location)
        return nil
    }
    Issue.record("nothing was thrown", sourceLocation: location)
    return nil
}

/// A cheap chain of hashes that stands for the roster's: each value depends on all bodies before it.
func chain(_ base: Bytes32, _ bodies: [[UInt8]]) -> Bytes32 {
    bodies.reduce(base) { base, body in
        let content = base.bytes + body
        let word = Checksum.of(content)
        return Bytes32(words: (word, word ^ 1, Checksum.of(content.reversed()), UInt64(body.count)))
    }
}

/// A replica that writes runs.
struct Writer {
    let replica: ReplicaID
    var counter: UInt64 = 0
    var head: Bytes32

    init(_ number: UInt64, incarnation: UInt64 = 7) {
        replica = ReplicaID(key: Bytes32(words: (number, 0, 0, 0)), incarnation: incarnation)
        head = Bytes32(words: (number, 1, 1, 1))
    }

    /// The next run of this replica.
    mutating func run(_ bodies: [[UInt8]]) -> RunToStore {
        let run = SignedRun(
            replica: replica, first: counter + 1, bodies: bodies, signature: [UInt8](repeating: 9, count: 64))
        let entry = RunToStore(run: run, base: head, head: chain(head, bodies))
        (counter, head) = (run.last, entry.head)
        return entry
    }
}

func envoyID(_ number: UInt64) -> PrincipalID { PrincipalID(high: 1, low: number) }
func queueID(_ number: UInt64) -> QueueID { QueueID(high: 2, low: number) }
let noon = WallTime(milliseconds: 1_000)
