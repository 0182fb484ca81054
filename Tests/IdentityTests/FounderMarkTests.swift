import Foundation
import Identity
import Testing

/// Who may found a partition.
struct FounderMarkTests {
    private func withDirectory(_ body: (String) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "founder-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try body(directory)
    }

    @Test func `P9: one disk takes the mark, and no other ever`() throws {
        try withDirectory { directory in
            let mark = FounderMark(directory: directory)
            #expect(!mark.isOpen(partition: "north", incarnation: 7))
            #expect(try !mark.take(partition: "north", incarnation: 7), "nobody said so")
            try mark.make(partition: "north")
            #expect(mark.isOpen(partition: "north", incarnation: 7))
            #expect(try mark.take(partition: "north", incarnation: 7))
            // Its process may have ended before it founded.
            #expect(try mark.take(partition: "north", incarnation: 7))
            // Emptied: another disk.
            #expect(!mark.isOpen(partition: "north", incarnation: 8))
            #expect(try !mark.take(partition: "north", incarnation: 8))
            try mark.make(partition: "north")
            #expect(try !mark.take(partition: "north", incarnation: 8), "made once")
        }
    }

    @Test func `A mark for another partition is refused, and stays`() throws {
        try withDirectory { directory in
            let mark = FounderMark(directory: directory)
            try mark.make(partition: "south")
            #expect(throws: IdentityError.self) { try mark.take(partition: "north", incarnation: 7) }
            #expect(try mark.take(partition: "south", incarnation: 7))
        }
    }
}
