import Foundation
import Testing

@testable import BoltAPI

/// A stream that takes no more is told as such: a bolt whose log went to a full disk once ended by a trap.
struct StandardStreamTests {
    @Test("D7: what a full disk does not take is lost, and said to be lost")
    func fullDisk() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        #expect(!StandardStream.write(Array("a line\n".utf8), to: descriptor))
        #expect(StandardStream.write([], to: descriptor))
    }

    @Test("a pipe takes all of a long text, also where it is read slowly")
    func longText() throws {
        let pipe = Pipe()
        let bytes = [UInt8](repeating: 0x61, count: 300_000)
        let reader = Thread.detachedReader(of: pipe.fileHandleForReading)
        #expect(StandardStream.write(bytes, to: pipe.fileHandleForWriting.fileDescriptor))
        try pipe.fileHandleForWriting.close()
        #expect(reader() == bytes.count)
    }
}

extension Thread {
    /// Reads a stream to its end on a thread of its own; the result waits for it.
    fileprivate static func detachedReader(of handle: FileHandle) -> () -> Int {
        let done = DispatchSemaphore(value: 0)
        let count = Counted()
        detachNewThread {
            count.value = (try? handle.readToEnd())?.count ?? 0
            done.signal()
        }
        return {
            done.wait()
            return count.value
        }
    }
}

/// Written by one thread before the other reads.
private final class Counted: @unchecked Sendable { var value = 0 }
