internal import Glibc

/// A file descriptor that is closed with its last owner.
final class Descriptor: Sendable {
    /// Its number.
    let number: Int32

    /// Takes over an open descriptor.
    init(owning number: Int32) { self.number = number }

    deinit { close(number) }

    /// What is behind it; nil where the system does not say.
    var status: stat? {
        var found = stat()
        return fstat(number, &found) == 0 ? found : nil
    }

    /// Writes all bytes. Gives the error's number, 0 for none.
    func write(_ bytes: some Sequence<UInt8>) -> Int32 {
        let all = Array(bytes)
        var done = 0
        while done < all.count {
            let count = all.withUnsafeBytes { buffer in
                Glibc.write(number, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0, errno != EINTR { return errno }
            done += max(0, count)
        }
        return 0
    }

    /// Reads at most `max` bytes from where it stands; nil, and `errno`, where that fails.
    func read(max: Int) -> [UInt8]? {
        var bytes = [UInt8]()
        while bytes.count < max {
            let wanted = min(64 * 1_024, max - bytes.count)
            var count = 0
            let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                count = Glibc.read(number, buffer.baseAddress, wanted)
                filled = Swift.max(0, count)
            }
            if count == 0 { break }
            if count < 0 {
                guard errno == EINTR else { return nil }
            } else if bytes.isEmpty {
                bytes = piece
            } else {
                bytes += piece
            }
        }
        return bytes
    }
}

extension stat {
    /// What kind of thing it is, without its permissions.
    var kind: mode_t { st_mode & S_IFMT }
    /// Its permission bits.
    var permissions: UInt16 { UInt16(truncatingIfNeeded: st_mode & 0o7777) }
    /// Whether both are the same thing.
    func isSame(as other: stat) -> Bool { st_dev == other.st_dev && st_ino == other.st_ino }

    /// Its kind in words.
    var kindText: String {
        switch kind {
        case S_IFREG: "a file"
        case S_IFDIR: "a directory"
        case S_IFLNK: "a symbolic link"
        case S_IFIFO: "a named pipe"
        case S_IFSOCK: "a socket"
        case S_IFBLK: "a block device"
        case S_IFCHR: "a character device"
        default: "something unknown"
        }
    }
}
