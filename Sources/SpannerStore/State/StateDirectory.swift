internal import Glibc

/// The directory that one process keeps its state in: private to its user, locked while the process lives.
///
/// Holds the lock file, the incarnation file, the reserve file and the database with its log.
public final class StateDirectory: Sendable {
    /// Its path.
    public let path: String
    /// Holds the lock until it is closed, by us or by the end of the process.
    private let lock: FileSystem.Descriptor

    /// Makes the directory (0700) where there is none, and locks it.
    ///
    /// Throws `store_locked` with the holder's process id where another process, or another open in this one, has it;
    /// `store_permissions` where it is another user's or others may write to it.
    public init(path: String) throws(StoreError) {
        try FileSystem.createDirectory(at: path)
        self.path = path
        let file = path + "/lock"
        lock = try FileSystem.openFile(at: file)
        guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw FileSystem.failure("locking \(file)") }
            throw StateDirectory.held(file, by: try FileSystem.read(lock, path: file))
        }
        // For the message above only; a full disk must not keep the process from starting.
        try? FileSystem.write(Array("\(getpid())\n".utf8), to: lock, path: file)
    }

    // Not left to closing: a child between fork and exec shares the descriptor and would keep the lock.
    deinit { _ = flock(lock.number, LOCK_UN) }

    private static func held(_ file: String, by content: [UInt8]) -> StoreError {
        let text = String(decoding: content, as: UTF8.self)
        let pid = Int32(text.prefix { $0 != "\n" })
        return StoreError(
            .locked, what: "opening the state directory of \(file)",
            why: "process \(pid.map(String.init) ?? "(unknown)") uses it",
            next: "stop that process, or give this one a directory of its own", detail: pid.map { .holder(pid: $0) })
    }

    /// The path of a file in it.
    func file(_ name: String) -> String { path + "/" + name }

    /// Whether a file of that name is in it.
    public func holds(_ name: String) -> Bool { access(file(name), F_OK) == 0 }

    /// Disk kept back for a full one.
    public var reserve: ReserveFile { ReserveFile(path: file("reserve")) }
}
