internal import Glibc

/// Calls for files that are too big to be read at once.
extension FileSystem {
    /// Adds bytes behind what was written through this descriptor so far.
    static func append(_ content: [UInt8], to descriptor: Descriptor, path: String) throws(StoreError) {
        var written = 0
        while written < content.count {
            let count = content.withUnsafeBytes { bytes in
                Glibc.write(descriptor.number, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("writing \(path)", short: count == 0) }
            written += count
        }
    }

    /// Up to `count` bytes at `offset`; fewer at the end of the file only.
    static func read(
        _ descriptor: Descriptor, at offset: UInt64, count: Int, path: String
    ) throws(StoreError) -> [UInt8] {
        var content = [UInt8](repeating: 0, count: max(0, count))
        var filled = 0
        while filled < content.count {
            let length = content.withUnsafeMutableBytes { bytes in
                pread(
                    descriptor.number, bytes.baseAddress?.advanced(by: filled), bytes.count - filled,
                    off_t(clamping: offset) + off_t(filled))
            }
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw failure("reading \(path)") }
            if length == 0 { break }
            filled += length
        }
        content.removeLast(content.count - filled)
        return content
    }

    /// Opens a file that is there, for reading.
    static func openForReading(_ path: String) throws(StoreError) -> Descriptor {
        let number = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard number >= 0 else { throw failure("opening \(path)") }
        return Descriptor(number)
    }

    /// Waits until the file's content is on the disk.
    static func synchronise(file path: String) throws(StoreError) {
        let descriptor = try openForReading(path)
        guard fsync(descriptor.number) == 0 else { throw failure("flushing \(path)") }
    }

    /// Gives a file the place of another, at once or not at all; durable when this returns.
    static func exchange(_ path: String, for other: String) throws(StoreError) {
        guard rename(path, other) == 0 else { throw failure("renaming \(path)") }
        try synchronise(parentOf: other)
    }

    /// Whether anything stands under this name.
    static func exists(_ path: String) -> Bool {
        var entry = stat()
        return lstat(path, &entry) == 0
    }

    /// Removes a file; nothing happens where there is none. Its going is durable with the next flush of the directory.
    static func remove(_ path: String) throws(StoreError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("removing \(path)") }
    }
}
