import BoltAPI
import CRDT
import Foundation
import Spanner
import Testing

/// A topology that is exported is the one that was applied.
@Suite struct TopologyTextTests {
    private func hash(_ bytes: [UInt8]) -> Bytes32 {
        let words = (UInt8(0)..<4).map { PlacementHash.value([$0] + bytes) }
        return Bytes32(words: (words[0], words[1], words[2], words[3]))
    }

    private func expectSame(_ topology: Topology) throws {
        let document = TopologyDocument(parsing: topology.document, file: "t.yaml")
        let read = try #require(document.topology, "\(document.findings) in\n\(topology.document)")
        #expect(read == topology, "\(topology.document)")
        #expect(try read.digest(hashedBy: hash) == topology.digest(hashedBy: hash))
    }

    @Test func aDocumentThatIsWrittenReadsAsTheSameTopology() throws {
        try expectSame(TopologyDiffTests.topology())
        try expectSame(
            TopologyDiffTests.topology([
                ("slices: 16", "slices: 16, min_zones: 2"), ("name: north\n", "name: north\n    lease: etcd\n"),
                ("[{hostname: \"web-*\"}]", "[{hostname: \"web-*\", labels: {b: \"2\", a: x}}, {labels: {role: web}}]"),
            ]))
    }

    /// Labels and names are people's: whatever they hold has to survive.
    @Test(arguments: [
        "no", "true", "null", "12", "1e3", "0x1f", "~", " x ", "a: b", "#c", "\"q\"", "back\\slash", "{x}", "*",
        "&a",
        "line\nline", "tab\t", "ümlaut", "%x", "- x", "日本", "a\u{7F}b", "a\u{85}b", "it's",
    ])
    func labelsOfAnyTextSurvive(text: String) throws {
        let topology = try TopologyDiffTests.topology([("{hostname: \"web-*\"}", "{labels: {role: PLACE}}")])
        let json = String(decoding: try APIJSON.encode(topology), as: UTF8.self)
        let quoted = String(decoding: try APIJSON.encode([text]), as: UTF8.self).dropFirst().dropLast()
        let edited = json.replacing("\"PLACE\"", with: quoted)
        let changed = try APIJSON.decode(Topology.self, from: Data(edited.utf8))
        #expect(changed.groups[0].match[0].labels == ["role": text])
        try expectSame(changed)
    }

    @Test func namesThatYAMLReadsAsSomethingElseAreQuoted() throws {
        try expectSame(
            TopologyDiffTests.topology([("name: north", "name: \"null\""), ("name: south", "name: \"12\"")]))
    }

    @Test func beforeTheFirstApplyThereIsAnEmptyOne() throws {
        let empty = Topology.empty(mesh: "example")
        let first = try TopologyDiffTests.topology()
        #expect(empty.isEmpty && !first.isEmpty)
        let diff = TopologyDiff(from: empty, to: first)
        #expect(diff.refused.isEmpty && diff.count(.add) == 8 && diff.count(.remove) == 0, "\(diff.changes)")
    }
}
