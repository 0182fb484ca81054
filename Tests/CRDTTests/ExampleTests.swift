import CRDT
import Foundation
import Testing

/// The example of the documentation catalogue, word for word: what is documented runs.
@Suite("Examples of the documentation")
struct ExampleTests {
    @Test("rust-crdts #33: the documented example of two replicas does what it says")
    func twoReplicas() throws {
        // snippet.start
        let north = ReplicaID(key: Bytes32(words: (1, 0, 0, 0)), incarnation: 42)
        let south = ReplicaID(key: Bytes32(words: (2, 0, 0, 0)), incarnation: 43)
        var atNorth = ORSet<ByteString>()
        var atSouth = ORSet<ByteString>()

        // North adds, and sends the delta.
        let added = try atNorth.add("kiosk-17", at: atNorth.context.next(north))
        atSouth.merge(added)

        // The network splits: South removes, North adds again.
        let removed = try atSouth.remove("kiosk-17", at: atSouth.context.next(south))
        let again = try atNorth.add("kiosk-17", at: atNorth.context.next(north))

        // It heals. Deltas may come late, twice, in any order.
        atSouth.merge(again)
        if let removed { atNorth.merge(removed) }

        assert(atNorth == atSouth)
        assert(atNorth.contains("kiosk-17"))  // the second addition was unknown to the remover
        assert(atNorth.context.difference(from: atSouth.context).isEmpty)
        // snippet.end
        #expect(atNorth == atSouth && atNorth.contains("kiosk-17"))
    }

    @Test("the documented example of a replica that was away does what it says")
    func catchingUp() throws {
        let (here, there) = (replica(0), replica(1))
        var (mine, theirs) = (ORSet<ByteString>(), ORSet<ByteString>())
        try mine.add("a", at: mine.context.next(here))
        try theirs.add("b", at: theirs.context.next(there))
        // snippet.start
        // Contexts are small; states are not. Send the context, answer with what it lacks.
        let theyHaveSeen = theirs.context
        let lacking = mine.delta(since: theyHaveSeen)
        theirs.merge(lacking)
        // snippet.end
        #expect(theirs.elements == ["a", "b"])
    }

    @Test("the examples here are those of the documentation, word for word")
    func sameText() throws {
        let here = URL(filePath: #filePath)
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let page = root.appending(path: "Sources/CRDT/CRDT.docc/CRDT.md")
        let documented = try String(contentsOf: page, encoding: .utf8)
        let snippets = try String(contentsOf: here, encoding: .utf8).components(separatedBy: "// snippet.start\n")
            .dropFirst().compactMap { $0.components(separatedBy: "        // snippet.end").first }
        #expect(snippets.count >= 2)
        for snippet in snippets.prefix(2) {
            let text = snippet.components(separatedBy: "\n").map { String($0.trimmingPrefix("        ")) }
            #expect(documented.contains(text.joined(separator: "\n")))
        }
    }
}
