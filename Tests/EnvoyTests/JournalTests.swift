import BoltAPI
import Foundation
import Spanner
import Testing

@testable import Envoy

/// What a simulated fleet writes down as evidence.
@Suite struct JournalTests {
    @Test("a journal is appended to, a JSON object a line")
    func journal() throws {
        let scratch = try Scratch()
        let path = scratch.file("journal")
        let id = PrincipalID(high: 1, low: 2)
        for number in 1...2 {
            let journal = try Journal(path: path)
            journal.write(
                Journal.Entry(event: "enrolled", name: "sim-\(number)", id: id, level: .spread(2), storedThrough: nil))
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        for (index, line) in lines.enumerated() {
            let entry = try APIJSON.decode(Journal.Entry.self, from: Data(line.utf8))
            #expect(entry.name == "sim-\(index + 1)" && entry.level == .spread(2) && entry.id == id)
        }
    }

    @Test("a journal that cannot be written is told before anything is simulated")
    func badPath() throws {
        #expect(throws: (any Error).self) { _ = try Journal(path: "/nonexistent/journal") }
    }
}
