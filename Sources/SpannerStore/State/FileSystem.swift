internal import Glibc

/// The few calls to the operating system that the store makes beside SQLite, with errors as `StoreError`.
enum FileSystem {
    /// Facts of a file that a copy of it does not share.
    struct Identity: Equatable {
        var inode: UInt64
        var changedSeconds: Int64
        var changedNanoseconds: Int64
    }

    /// An open file descriptor; closed with its last reference.
    final class Descriptor: Sendable {
        let number: Int32
        init(_ number: Int32) { self.number = number }
        deinit { _ = close(number) }
    }

    /// Makes a directory with mode 0700, its parents too, or accepts one that this user owns and others can't write to.
    static func createDirectory(at path: String) throws(StoreError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            partial += part + "/"
            if mkdir(partial, 0o700) == 0 { try synchronise(parentOf: partial) }
        }
        let entry = try status(of: path)
        guard entry.st_mode & S_IFMT == S_IFDIR else {
            throw refused(path, "it is not a directory", "name a directory, or one that can be made")
        }
        guard entry.st_uid == geteuid() else {
            throw refused(path, "it belongs to user \(entry.st_uid), not \(geteuid())", "change its owner: chown")
        }
        guard entry.st_mode & 0o022 == 0 else {
            throw refused(path, "others may write to it", "take that right away: chmod 0700")
        }
    }

    /// Makes an empty file with mode 0600 where there is none; its name is durable then. SQLite gives its log the same
    /// mode.
    static func createFile(at path: String) throws(StoreError) {
        let number = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if number >= 0 {
            _ = close(number)
            return try synchronise(parentOf: path)
        }
        guard errno == EEXIST else { throw failure("making \(path)") }
        let entry = try status(of: path)
        guard entry.st_mode & S_IFMT == S_IFREG, entry.st_uid == geteuid(), entry.st_mode & 0o022 == 0 else {
            throw refused(path, "it is no file that this user alone may write to", "look at it: it should be 0600")
        }
    }

    /// Opens a file for reading and writing, made with mode 0600 where there is none. Not handed to child processes.
    static func openFile(at path: String) throws(StoreError) -> Descriptor {
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw failure("opening \(path)") }
        return Descriptor(number)
    }

    /// The whole content of a small file; nil where there is none. Throws for one over `smallFileBytesMax`.
    static func read(_ path: String) throws(StoreError) -> [UInt8]? {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        if number < 0, errno == ENOENT { return nil }
        guard number >= 0 else { throw failure("reading \(path)") }
        let descriptor = Descriptor(number)
        return try read(descriptor, path: path)
    }

    /// The content of an open small file.
    static func read(_ descriptor: Descriptor, path: String) throws(StoreError) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: StoreLimits.smallFileBytesMax + 1)
        let length = content.withUnsafeMutableBytes { pread(descriptor.number, $0.baseAddress, $0.count, 0) }
        guard length >= 0 else { throw failure("reading \(path)") }
        guard length <= StoreLimits.smallFileBytesMax else {
            throw refused(
                path, "it is over \(StoreLimits.smallFileBytesMax) bytes", "it is no file of ours: look at it")
        }
        return Array(content[..<length])
    }

    /// Replaces a small file at once or not at all: written beside, flushed, renamed, the directory flushed.
    static func replace(_ path: String, with content: [UInt8]) throws(StoreError) {
        try writeBeside(path, content)
        try replaceByBeside(path)
    }

    /// The first half of `replace`, for which there has to be room: written beside and flushed; the file stays.
    static func writeBeside(_ path: String, _ content: [UInt8]) throws(StoreError) {
        let beside = beside(path)
        _ = unlink(beside)
        let descriptor = try openFile(at: beside)
        try write(content, to: descriptor, path: beside)
        guard fsync(descriptor.number) == 0 else { throw failure("flushing \(beside)") }
    }

    /// The second half: what was written beside takes the file's place.
    static func replaceByBeside(_ path: String) throws(StoreError) {
        guard rename(beside(path), path) == 0 else { throw failure("renaming \(beside(path))") }
        try synchronise(parentOf: path)
    }

    private static func beside(_ path: String) -> String { path + ".new" }

    /// Makes `content` the whole content of an open file.
    static func write(_ content: [UInt8], to descriptor: Descriptor, path: String) throws(StoreError) {
        guard ftruncate(descriptor.number, 0) == 0 else { throw failure("writing \(path)") }
        let written = content.withUnsafeBytes { pwrite(descriptor.number, $0.baseAddress, $0.count, 0) }
        guard written == content.count else { throw failure("writing \(path)", short: written >= 0) }
    }

    /// Takes `length` bytes of disk for the file, or none. Throws `store_full` where there is no room.
    static func allocate(_ length: Int, for descriptor: Descriptor, path: String) throws(StoreError) {
        let code = posix_fallocate(descriptor.number, 0, off_t(length))
        guard code == 0 else {
            errno = code
            throw failure("reserving \(length) bytes in \(path)")
        }
    }

    /// Gives the blocks of a file back to the disk. A file that is not there holds none.
    static func empty(_ path: String) throws(StoreError) {
        guard truncate(path, 0) == 0 || errno == ENOENT else { throw failure("emptying \(path)") }
    }

    /// The file's length in bytes; 0 where there is none.
    static func length(of path: String) -> Int {
        var entry = stat()
        return stat(path, &entry) == 0 ? Int(entry.st_size) : 0
    }

    /// Whether a file is seen to be empty, or not to be there; false where that can't be known.
    static func isEmptyOrGone(_ path: String) -> Bool {
        var entry = stat()
        return stat(path, &entry) == 0 ? entry.st_size == 0 : errno == ENOENT
    }

    /// Bytes that this user may still write on the disk of a path, which need not be there itself.
    static func freeBytes(at path: String) throws(StoreError) -> Int {
        var facts = statvfs()
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard statvfs(parent, &facts) == 0 else { throw failure("asking for the room at \(parent)") }
        return Int(
            clamping: UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue)
    }

    /// What tells this file from a copy of it.
    static func identity(of path: String) throws(StoreError) -> Identity {
        let entry = try status(of: path)
        return Identity(
            inode: UInt64(entry.st_ino), changedSeconds: Int64(entry.st_ctim.tv_sec),
            changedNanoseconds: Int64(entry.st_ctim.tv_nsec))
    }

    /// Waits until the directory's entries are on the disk.
    static func synchronise(parentOf path: String) throws(StoreError) {
        let trimmed = path.hasSuffix("/") ? path.dropLast() : path[...]
        let parent = trimmed.lastIndex(of: "/").map { trimmed[...$0] } ?? "."
        let number = open(String(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else { throw failure("opening \(parent)") }
        let descriptor = Descriptor(number)
        guard fsync(descriptor.number) == 0 else { throw failure("flushing \(parent)") }
    }

    private static func status(of path: String) throws(StoreError) -> stat {
        var entry = stat()
        guard stat(path, &entry) == 0 else { throw failure("looking at \(path)") }
        return entry
    }

    private static func refused(_ path: String, _ why: String, _ next: String) -> StoreError {
        StoreError(.permissions, what: "opening \(path)", why: why, next: next)
    }

    /// The last call's error number, told. `short` means that a write was cut, which only a full disk does.
    static func failure(
        _ what: String, short: Bool = false, fileID: String = #fileID, line: UInt = #line
    ) -> StoreError {
        let number = short ? ENOSPC : errno
        let code: StoreError.Code
        let next: String
        switch number {
        case ENOSPC, EDQUOT: (code, next) = (.full, "make room on the disk; the same call then works")
        case EACCES, EPERM, EROFS, ELOOP, ENOTDIR, ENOENT:
            (code, next) = (.permissions, "check the path, its owner and its mode")
        case _: (code, next) = (.inputOutput, "check the disk, then start again")
        }
        return StoreError(
            code, what: what, why: String(cString: strerror(number)), next: next, detail: .system(number),
            fileID: fileID, line: line)
    }
}
