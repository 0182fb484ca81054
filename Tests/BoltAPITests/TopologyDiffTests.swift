import BoltAPI
import Foundation
import Spanner
import Testing

/// What a change of the topology is, in full.
@Suite struct TopologyDiffTests {
    static let text = """
        version: 1
        mesh: {name: example}
        groups:
          - {name: web, slices: 16, match: [{hostname: "web-*"}]}
          - {name: rest, slices: 8}
        partitions:
          - name: north
            groups: [web, rest]
            bolts:
              - {name: a, address: "10.0.0.1:7440", zone: z1}
              - {name: b, address: "10.0.0.2:7440", zone: z2}
          - name: south
            groups: [web, rest]
            bolts:
              - {name: a, address: "10.0.1.1:7440", zone: z1}
              - {name: b, address: "10.0.1.2:7440", zone: z2}
        """

    static func topology(_ edits: [(String, String)] = []) throws -> Topology {
        let edited = edits.reduce(text) { $0.replacing($1.0, with: $1.1, maxReplacements: 1) }
        let document = TopologyDocument(parsing: edited, file: "t.yaml")
        return try #require(document.topology, "\(document.findings)")
    }

    private func lines(_ edits: [(String, String)]) throws -> [String] {
        TopologyDiff(from: try Self.topology(), to: try Self.topology(edits)).changes.map(\.description)
    }

    @Test func equalDocumentsHaveNoDifference() throws {
        let diff = TopologyDiff(from: try Self.topology(), to: try Self.topology([("version: 1", "# new\nversion: 1")]))
        #expect(diff.isEmpty && diff.summary == "0 to add, 0 to change, 0 to remove, 0 refused")
    }

    @Test func everythingThatComesChangesOrGoesIsNamed() throws {
        #expect(
            try lines([("- name: south", "- name: west\n    weight: 50")]) == [
                "- partition south: weight 100, groups web rest (its slices have to move away first)",
                "- bolt a.south: 10.0.1.1:7440, zone z1", "- bolt b.south: 10.0.1.2:7440, zone z2",
                "+ partition west: weight 50, groups web rest, lease manual", "+ bolt a.west: 10.0.1.1:7440, zone z1",
                "+ bolt b.west: 10.0.1.2:7440, zone z2",
            ])
        #expect(
            try lines([
                ("name: north\n", "name: north\n    weight: 0\n    lease: etcd\n"),
                ("groups: [web, rest]", "groups: [web]"),
                ("10.0.0.1:7440", "10.0.0.9:7440"),
            ]) == [
                "~ partition north weight: 100 → 0 (it hands on all that it has)",
                "- partition north group: rest (its slices of that group have to move away first)",
                "~ partition north lease: manual → etcd (each bolt's configuration has to say the same)",
                "~ bolt a.north address: 10.0.0.1:7440 → 10.0.0.9:7440",
            ])
        #expect(
            try lines([("web-*", "www-*"), ("slices: 16", "slices: 16, min_zones: 2")]) == [
                "~ group web match: web-* → www-* (for machines to come; those that are admitted stay where they are)",
                "~ group web min_zones: 1 → 2",
            ])
    }

    @Test func aRemovedBoltIsSaidToStopCounting() throws {
        let gone = try lines([("\n      - {name: b, address: \"10.0.0.2:7440\", zone: z2}", "")])
        #expect(gone == ["- bolt b.north: 10.0.0.2:7440, zone z2 (its disk no longer counts: boltctl bolt remove)"])
    }

    @Test func whatCanNeverBeIsRefusedByName() throws {
        let diff = TopologyDiff(
            from: try Self.topology(), to: try Self.topology([("slices: 16", "slices: 32"), ("example", "other")]))
        #expect(diff.refused.map(\.subject) == ["mesh", "group web"])
        #expect(diff.refused[1].note == "fixed when the group was made; make another group and move the envoys there")
    }

    @Test func theOrderOfGroupsMattersAndThatOfPartitionsDoesNot() throws {
        let (web, rest) = (
            "  - {name: web, slices: 16, match: [{hostname: \"web-*\"}]}\n", "  - {name: rest, slices: 8}\n"
        )
        let swapped = try lines([(web + rest, rest + web)])
        #expect(swapped.count == 1 && swapped[0].hasPrefix("~ groups order: web rest → rest web"))
        let south = Self.text.range(of: "  - name: south").map { String(Self.text[$0.lowerBound...]) } ?? ""
        let turned = Self.text.replacing(south, with: "").replacing("partitions:\n", with: "partitions:\n\(south)\n")
        let document = try #require(TopologyDocument(parsing: turned, file: "t.yaml").topology)
        #expect(document.partitions.map(\.name.text) == ["south", "north"])
        #expect(TopologyDiff(from: try Self.topology(), to: document).isEmpty)
    }

    /// A diff there and back: what one adds the other removes.
    @Test func theWayBackTakesBack() throws {
        let (one, two) = (
            try Self.topology(), try Self.topology([("- name: south", "- name: west"), ("web-*", "w*")])
        )
        let (there, back) = (TopologyDiff(from: one, to: two), TopologyDiff(from: two, to: one))
        #expect(there.count(.add) == back.count(.remove) && there.count(.remove) == back.count(.add))
        #expect(there.count(.change) == back.count(.change))
    }

    @Test func theCommittedFourthPartitionOnlyJoins() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "topology")
        let documents = try ["three", "four"].map { name in
            let text = try String(contentsOf: folder.appending(path: "\(name)-partitions.yaml"), encoding: .utf8)
            return try #require(TopologyDocument(parsing: text, file: name).topology)
        }
        let diff = TopologyDiff(from: documents[0], to: documents[1])
        #expect(diff.changes.map(\.subject) == ["partition west", "bolt a.west", "bolt b.west"])
        #expect(diff.summary == "3 to add, 0 to change, 0 to remove, 0 refused")
    }
}
