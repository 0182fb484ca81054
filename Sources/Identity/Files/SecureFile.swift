import CRDT
import Glibc

/// Reads and writes small files so that private ones stay private and none is ever seen half written.
public enum SecureFile {
    /// Who may read a file.
    public enum Access: Sendable {
        /// The owner only: mode 0600.
        case ownerOnly
        /// Everybody: mode 0644.
        case everybody

        var mode: mode_t { self == .ownerOnly ? 0o600 : 0o644 }
    }

    /// Writes all bytes to a temporary neighbour, syncs it, puts it in place at once and syncs the directory.
    ///
    /// When this returns, the content is durable. When it fails, the old file (or its absence) is as it was, except
    /// that after a failed sync of the directory the new one may be there. With `replacing` false, an existing file
    /// is an error (`exists`).
    public static func write(
        _ bytes: [UInt8], to path: String, access: Access, replacing: Bool = true
    ) throws(IdentityError) {
        let temporary = "\(path).\(Sodium.randomBytes(6).hexDigits).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, access.mode)
        guard file >= 0 else { throw failure("create \(temporary)", errno) }
        do throws(IdentityError) {
            defer { close(file) }
            // The mode given to open is cut by the umask, never widened: set it for files that all may read.
            guard fchmod(file, access.mode) == 0 else { throw failure("set the mode of \(temporary)", errno) }
            try writeAll(bytes, to: file, what: temporary)
            guard fsync(file) == 0 else { throw failure("sync \(temporary)", errno) }
        } catch {
            unlink(temporary)
            throw error
        }
        // link refuses an existing target where rename would replace it.
        let isPlaced = replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0
        let reason = errno
        if !replacing || !isPlaced { unlink(temporary) }
        guard isPlaced else {
            throw reason == EEXIST ? occupied(path) : failure("put \(path) in place", reason)
        }
        try syncDirectory(parent(of: path), stateChanged: true)
    }

    /// The content of a file of at most `IdentityLimits.fileBytesMax` bytes.
    ///
    /// With `ownerOnly`, a file that its group or others may read or write, or that another user owns, is refused
    /// (`insecureFile`) before a byte of it is read. Fails with `missingFile`, `tooLarge` or `fileFailure` as well.
    public static func read(_ path: String, access: Access) throws(IdentityError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            let reason = errno
            throw reason == ENOENT || reason == ENOTDIR ? missing(path) : failure("open \(path)", reason)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("look at \(path)", errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw IdentityError(
                .fileFailure, what: "read \(path)", why: "it is not a regular file", next: "check the path")
        }
        if access == .ownerOnly { try checkPrivate(status, path) }
        guard status.st_size <= IdentityLimits.fileBytesMax else {
            throw IdentityError(
                .tooLarge, what: "read \(path)",
                why: "\(status.st_size) bytes; at most \(IdentityLimits.fileBytesMax) are read",
                next: "check that this is the right file")
        }
        return try readAll(file, what: path)
    }

    /// Whether something is at the path.
    public static func exists(_ path: String) -> Bool { Glibc.access(path, F_OK) == 0 }

    /// Removes a file and syncs its directory; one that is not there is no error.
    public static func remove(_ path: String) throws(IdentityError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove \(path)", errno) }
        try syncDirectory(parent(of: path), stateChanged: true)
    }

    /// Makes a directory that only its owner may enter; one that exists is kept as it is.
    public static func makeDirectory(_ path: String) throws(IdentityError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make the directory \(path)", errno) }
    }

    static func syncDirectory(_ path: String, stateChanged: Bool) throws(IdentityError) {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("open the directory \(path)", errno, stateChanged: stateChanged) }
        defer { close(directory) }
        guard fsync(directory) == 0 else {
            throw failure("sync the directory \(path)", errno, stateChanged: stateChanged)
        }
    }

    static func parent(of path: String) -> String {
        let trimmed = path.reversed().drop { $0 == "/" }
        guard let slash = trimmed.firstIndex(of: "/") else { return "." }
        let head = String(String(trimmed[trimmed.index(after: slash)...]).reversed())
        return head.isEmpty ? "/" : head
    }

    private static func checkPrivate(_ status: stat, _ path: String) throws(IdentityError) {
        let mode = status.st_mode & 0o7777
        guard mode & 0o077 == 0 else {
            throw IdentityError(
                .insecureFile, what: "read the private file \(path)",
                why: "its mode is 0\(String(mode, radix: 8)): its group or others may use it; 0600 is taken",
                next: "run chmod 600 on it, and make new keys if others may have read it")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw IdentityError(
                .insecureFile, what: "read the private file \(path)",
                why: "it belongs to user \(status.st_uid), this program runs as \(geteuid())",
                next: "run as the owner, or give the file to this user with chown")
        }
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32, what: String) throws(IdentityError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(file, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0 {
                guard errno == EINTR else { throw failure("write \(what)", errno) }
            } else {
                done += count
            }
        }
    }

    private static func readAll(_ file: Int32, what: String) throws(IdentityError) -> [UInt8] {
        // One byte more than allowed shows a file that grew since it was looked at.
        var bytes = [UInt8](repeating: 0, count: IdentityLimits.fileBytesMax + 1)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count == 0 { break }
            if count < 0 {
                guard errno == EINTR else { throw failure("read \(what)", errno) }
            } else {
                done += count
            }
        }
        defer { SecretBytes.wipe(&bytes) }
        return Array(bytes.prefix(done))
    }

    static func failure(_ what: String, _ reason: Int32, stateChanged: Bool = false) -> IdentityError {
        IdentityError(
            .fileFailure, what: what, why: String(cString: strerror(reason)), stateChanged: stateChanged,
            next: "remove the cause (rights, full or read-only disk) and try again")
    }

    static func occupied(_ path: String) -> IdentityError {
        IdentityError(
            .exists, what: "write \(path)", why: "it is there already and is not overwritten",
            next: "choose another place, or move the old one away first")
    }

    static func missing(_ path: String) -> IdentityError {
        IdentityError(
            .missingFile, what: "read \(path)", why: "it does not exist",
            next: "check the directory, or make the identity first")
    }
}
