/// Looks at a write-ahead log before SQLite recovers it, for rot that recovery would take for the end of the log.
///
/// Recovery stops at the first frame whose checksum is wrong and forgets what stands behind it. After a power cut that
/// is right: only the transaction that was being written can be torn, as each was flushed before the next began. So a
/// wrong frame with the commits of two transactions at or behind it was right once, and acknowledged. What this cannot
/// tell from a torn end is rot in the last transaction or the one before it; each opening writes the log back and
/// empties it, and so does each checkpoint.
enum WriteAheadLog {
    private static let headerBytes = 32
    private static let frameHeaderBytes = 24
    private static let pageBytesMax = 65_536

    /// What a log's header says; nil where it is none, or not what was written.
    private struct Header {
        var isBigEndian: Bool
        var salts: [UInt8]
        var sum: (UInt32, UInt32)
    }

    /// Throws `store_corrupt` where the log at `path` was altered after it was flushed. No log is no finding.
    static func inspect(_ path: String) throws(StoreError) {
        guard FileSystem.length(of: path) > headerBytes else { return }
        let descriptor = try FileSystem.openForReading(path)
        let start = try FileSystem.read(descriptor, at: 0, count: headerBytes + frameHeaderBytes, path: path)
        guard start.count == headerBytes + frameHeaderBytes, let pageBytes = pageBytes(in: start) else { return }
        let header = header(in: start)
        // Without a header the first frame says which frames belong together.
        let salts = header?.salts ?? Array(start[headerBytes + 8..<headerBytes + 16])
        var sum = header?.sum
        var offset = UInt64(headerBytes)
        var commitsBehind = 0
        while true {
            let frame = try FileSystem.read(
                descriptor, at: offset, count: frameHeaderBytes + pageBytes, path: path)
            guard frame.count == frameHeaderBytes + pageBytes else { break }
            let belongs = Array(frame[8..<16]) == salts
            if let before = sum, let header {
                let own = checksum(frame, after: before, isBigEndian: header.isBigEndian)
                let isRight = belongs && own == (word(frame, 16), word(frame, 20))
                sum = isRight ? own : nil
            }
            if sum == nil, belongs, word(frame, 4) != 0 { commitsBehind += 1 }
            offset += UInt64(frame.count)
        }
        guard commitsBehind < 2 else {
            throw StoreError(
                .corrupt, what: "reading \(path)",
                why: "\(commitsBehind) transactions that were flushed stand at or behind a part that was altered",
                next: "stop serving from this disk; restore it, or remove the state directory and join anew")
        }
    }

    /// The page size, from a header that may be damaged elsewhere; nil where it is no possible one.
    private static func pageBytes(in start: [UInt8]) -> Int? {
        let size = Int(word(start, 8))
        guard size >= 512, size <= pageBytesMax, size.nonzeroBitCount == 1 else { return nil }
        return size
    }

    private static func header(in start: [UInt8]) -> Header? {
        let magic = word(start, 0)
        guard magic & ~1 == 0x377F_0682 else { return nil }
        let isBigEndian = magic & 1 == 1
        let sum = sum(start[0..<24], after: (0, 0), isBigEndian: isBigEndian)
        guard sum == (word(start, 24), word(start, 28)) else { return nil }
        return Header(isBigEndian: isBigEndian, salts: Array(start[16..<24]), sum: sum)
    }

    /// The running checksum with one frame: over the first 8 bytes of its header, then its page.
    private static func checksum(
        _ frame: [UInt8], after sum: (UInt32, UInt32), isBigEndian: Bool
    ) -> (UInt32, UInt32) {
        let head = self.sum(frame[0..<8], after: sum, isBigEndian: isBigEndian)
        return self.sum(frame[frameHeaderBytes...], after: head, isBigEndian: isBigEndian)
    }

    private static func sum(
        _ bytes: ArraySlice<UInt8>, after start: (UInt32, UInt32), isBigEndian: Bool
    ) -> (UInt32, UInt32) {
        var (first, second) = start
        bytes.withUnsafeBytes { bytes in
            var place = 0
            while place + 8 <= bytes.count {
                let one = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                let two = bytes.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self)
                first &+= (isBigEndian ? UInt32(bigEndian: one) : UInt32(littleEndian: one)) &+ second
                second &+= (isBigEndian ? UInt32(bigEndian: two) : UInt32(littleEndian: two)) &+ first
                place += 8
            }
        }
        return (first, second)
    }

    private static func word(_ bytes: [UInt8], _ place: Int) -> UInt32 {
        bytes[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }
}
