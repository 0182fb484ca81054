import BoltAPI
import Foundation
import Spanner
import Testing

/// The topology document: what is taken, and that every mistake is told at once with its place.
@Suite struct TopologyTests {
    private static let good = """
        version: 1
        mesh: {name: example}
        groups:
          - name: web
            slices: 16
            match:
              - hostname: "web-*"
          - name: rest
        partitions:
          - name: north
            groups: [web, rest]
            bolts:
              - {name: a, address: "10.0.0.1:7440", zone: z1}
              - {name: b, address: "10.0.0.2:7440", zone: z2}
        """

    private func findings(_ text: String) -> [String] {
        TopologyDocument(parsing: text, file: "t.yaml").findings.map { "\($0.position) \($0.code)" }
    }

    @Test func aGoodDocumentHasNoFindings() throws {
        let document = TopologyDocument(parsing: Self.good, file: "t.yaml")
        #expect(document.findings == [])
        let topology = try #require(document.topology)
        #expect(topology.mesh == "example")
        #expect(topology.partitions[0].weight == 100)
        #expect(topology.partitions[0].bolts[1].ops == "127.0.0.1:8440")
        #expect(topology.group(hostname: "web-7", labels: [:])?.text == "web")
        #expect(topology.group(hostname: "db-1", labels: [:])?.text == "rest")
        #expect(topology.bolts.count == 2)
    }

    @Test func unknownKeysNameTheNearestKnownOne() {
        let text = Self.good.replacing("slices: 16", with: "slises: 16")
        let document = TopologyDocument(parsing: text, file: "t.yaml")
        #expect(document.topology == nil)
        #expect(
            document.findings.map(\.description) == [
                "t.yaml:5:5: error: a group has no key “slises”; did you mean “slices”? [unknown_key]"
            ])
    }

    @Test func allMistakesAreToldAtOnceInDocumentOrder() {
        let text = """
            version: 2
            mesh: {name: Bad_Name}
            groups:
              - name: web
                slices: none
              - name: web
            partitions:
              - name: north
                weight: -1
                lease: zookeeper
                groups: [wbe]
                bolts:
                  - {name: a, address: "10.0.0.1"}
                  - {name: b, address: "10.0.0.2:7440"}
                  - {name: b, address: "10.0.0.2:7440"}
              - name: north
                groups: [web]
                bolts: []
            """
        #expect(
            Set(findings(text)).isSuperset(of: [
                "1:10 bad_number", "2:14 bad_name", "5:13 bad_number", "9:13 bad_number", "10:12 bad_lease",
                "13:28 bad_address", "15:16 duplicate_name", "16:11 no_bolts",
            ]))
        let sorted = TopologyDocument(parsing: text, file: "t.yaml").findings.map(\.position)
        #expect(sorted == sorted.sorted())
    }

    /// A mistake in the head or in one entry hides none of those that only show across the document.
    @Test func mistakesAcrossTheDocumentAreToldBesideOthers() {
        let text = """
            version: 2
            mesh: {nam: x}
            groups:
              - name: web
              - name: web
              - name: spare
              - {name: rest, slices: none}
            partitions:
              - name: north
                groups: [wbe, rest]
                bolts:
                  - {name: a, address: nowhere}
                  - {name: a, address: "127.0.0.1:7440"}
              - name: north
                groups: [web]
                bolts: []
              - name: Bad
                groups: [nobody]
                bolts:
                  - {name: a, address: "127.0.0.1:7440"}
                  - {name: a, address: "127.0.0.1:7450"}
            """
        let expected: Set = [
            "1:10 bad_number", "2:8 unknown_key", "2:7 missing_key", "5:11 duplicate_name", "6:11 unserved_group",
            "7:26 bad_number", "10:14 unknown_group", "12:28 bad_address", "13:16 duplicate_name",
            "14:11 duplicate_name", "14:11 no_bolts", "17:11 bad_name", "18:14 unknown_group",
            "20:28 duplicate_address", "21:16 duplicate_name",
        ]
        let found = Set(findings(text))
        #expect(
            found.isSuperset(of: expected), "missing \(expected.subtracting(found).sorted()), found \(found.sorted())")
        // What could not be read is told once, not also as something that is missing.
        #expect(!found.contains { $0.hasSuffix("no_groups") || $0.hasSuffix("no_partitions") })
        #expect(!findings("version: 1\nmesh: {name: x}\n").contains { $0.hasSuffix("no_groups") })
        let unread = findings("version: 1\nmesh: {name: x}\ngroups: [{name: web}]\npartitions: [7]\n")
        #expect(unread == ["4:14 wrong_type"])
    }

    @Test func namesAddressesAndGroupsAreCheckedAcrossTheDocument() {
        let text = """
            version: 1
            mesh: {name: example}
            groups:
              - name: web
              - name: web
              - name: spare
            partitions:
              - name: north
                groups: [wbe]
                bolts:
                  - {name: a, address: "127.0.0.1:7440"}
              - name: south
                groups: [web]
                bolts:
                  - {name: a, address: "127.0.0.1:7440"}
            """
        let found = Set(findings(text))
        #expect(found.isSuperset(of: ["5:11 duplicate_name", "9:14 unknown_group", "6:11 unserved_group"]))
        #expect(found.contains { $0.hasSuffix("duplicate_address") })
        let message = TopologyDocument(parsing: text, file: "t").findings.first { $0.code == "unknown_group" }?.message
        #expect(message == "there is no group wbe; did you mean “web”?")
    }

    @Test func aGroupThatNobodyMayOwnIsRefused() {
        let text = Self.good.replacing("- name: north", with: "- name: north\n    weight: 0")
        #expect(findings(text).filter { $0.hasSuffix("zero_weight") }.count == 2)
    }

    @Test func lintsAreWarningsAndDoNotRefuse() throws {
        var text = Self.good.replacing("zone: z2", with: "zone: z1")
        // At the bolt that shares it.
        #expect(findings(text) == ["14:16 shared_zone"])
        text = Self.good.replacing(", zone: z1", with: "").replacing(", zone: z2", with: "")
        #expect(findings(text) == ["10:11 missing_zone"])
        text += "\n  - {name: south, groups: [web], bolts: [{name: a, address: \"10.0.0.3:7440\"}]}"
        #expect(findings(text) == ["10:11 missing_zone", "15:12 lone_bolt"])
        text = Self.good.replacing(
            """
                  - {name: b, address: "10.0.0.2:7440", zone: z2}
            """, with: "")
        #expect(findings(text).contains { $0.hasSuffix("lone_bolt") })
        text = Self.good.replacing("  - name: rest\n", with: "  - name: rest\n    match: [{hostname: \"web-1*\"}]\n")
        let codes = TopologyDocument(parsing: text, file: "t").findings.map(\.code)
        #expect(codes.contains("overlapping_rules") && codes.contains("unmatched_machines"))
        #expect(TopologyDocument(parsing: text, file: "t").isValid)
    }

    @Test(arguments: [
        "", "- 1", "a: [", "version: 1\nversion: 1", "\u{0}", "mesh: &a {x: *a}", String(repeating: "[", count: 5000),
    ])
    func textThatIsNoDocumentIsAnErrorAndNeverATrap(text: String) {
        let document = TopologyDocument(parsing: text, file: "t.yaml")
        #expect(document.topology == nil)
        #expect(document.findings.contains { $0.severity == .error })
    }

    @Test func committedTopologiesAreValidByRuleAndBySchema() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appending(path: "topology").resolvingSymlinksInPath()
        let schema = try YAMLText.value(of: String(contentsOf: folder.appending(path: "schema.json"), encoding: .utf8))
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }
        #expect(!files.isEmpty)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            let document = TopologyDocument(parsing: text, file: file.lastPathComponent)
            #expect(document.findings == [], "\(document.findings)")
            #expect(SchemaCheck(schema).violations(of: try YAMLText.value(of: text)) == [])
        }
    }

    @Test func theSchemaRefusesWhatTheReaderRefuses() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.appending(path: "topology/schema.json")
        let check = SchemaCheck(try YAMLText.value(of: String(contentsOf: path, encoding: .utf8)))
        #expect(check.violations(of: try YAMLText.value(of: Self.good)) == [])
        for (old, new) in [
            ("slices: 16", "slises: 16"), ("slices: 16", "slices: 0"), ("version: 1", "version: 2"),
            ("name: north", "name: North"), ("10.0.0.1:7440", "10.0.0.1"), ("{name: example}", "{}"),
        ] {
            let text = Self.good.replacing(old, with: new)
            #expect(!TopologyDocument(parsing: text, file: "t").isValid, "\(new)")
            #expect(check.violations(of: try YAMLText.value(of: text)) != [], "\(new)")
        }
    }
}
