import BoltAPI
import Spanner
import Testing

/// What the reader finds across a document beside what `TopologyTests` show: machines between groups, zones, hosts.
@Suite struct TopologyFindingTests {
    private func findings(groups: String, bolts: String? = nil) -> [TopologyFinding] {
        let bolts = bolts ?? "[{name: a, address: \"10.0.0.1:7440\"}]"
        let served = groups.split(separator: "\n").compactMap { $0.firstMatch(of: /name: ([a-z]+)/)?.1 }
        let text = """
            version: 1
            mesh: {name: example}
            groups:
            \(groups)
            partitions:
              - {name: north, groups: [\(served.joined(separator: ", "))], bolts: \(bolts)}
            """
        return TopologyDocument(parsing: text, file: "t.yaml").findings
    }

    private func codes(_ findings: [TopologyFinding]) -> [String] { findings.map { "\($0.position.line) \($0.code)" } }

    @Test func patternsThatCrossAreShownWithAMachineThatFitsBoth() {
        let found = findings(
            groups: """
                  - {name: web, match: [{hostname: "web-*"}]}
                  - {name: berlin, match: [{hostname: "*-berlin"}, {hostname: "db-*"}]}
                  - name: rest
                """)
        #expect(codes(found) == ["5 crossing_rules"])
        #expect(
            found.first?.message
                == "“*-berlin” of the group berlin and “web-*” of web both fit “web-berlin”; web takes it")
        // Labels that contradict each other keep the patterns apart.
        let apart = findings(
            groups: """
                  - {name: web, match: [{hostname: "web-*", labels: {unit: a}}]}
                  - {name: berlin, match: [{hostname: "*-berlin", labels: {unit: b}}]}
                  - name: rest
                """)
        #expect(apart == [])
    }

    @Test func aGroupNoneOfWhoseRulesAppliesIsUnreachable() {
        let found = findings(
            groups: """
                  - {name: web, match: [{hostname: "web-*"}, {labels: {role: web}}]}
                  - name: inner
                    match:
                      - hostname: "web-1*"
                      - labels: {role: web, unit: a}
                  - name: half
                    match:
                      - hostname: "web-2"
                      - hostname: "db-2"
                  - name: rest
                  - name: late
                """)
        #expect(
            codes(found) == [
                "5 unreachable_group", "7 overlapping_rules", "8 overlapping_rules", "11 overlapping_rules",
                "14 unreachable_group",
            ])
    }

    /// Only a group without rules was seen to take all: one with the pattern “*” takes all as well.
    @Test func whatComesAfterAGroupWhoseRulesFitEveryMachineIsUnreachable() {
        for all in ["\"*\"", "\"**\""] {
            let found = findings(
                groups: """
                      - {name: web, match: [{hostname: "web-*"}, {hostname: \(all)}]}
                      - {name: db, match: [{hostname: "db-*"}]}
                      - name: rest
                    """)
            #expect(codes(found) == ["5 unreachable_group", "6 unreachable_group"], "\(found)")
            #expect(found.last?.message == "no machine reaches the group rest: web before it takes all", "\(found)")
        }
        // With a label it does not.
        let some = findings(
            groups: """
                  - {name: web, match: [{hostname: "*", labels: {role: web}}]}
                  - name: rest
                """)
        #expect(some == [])
    }

    @Test func aGroupThatAsksForZonesIsServedInThem() {
        let groups = "  - {name: web, min_zones: 2}"
        let one = findings(groups: groups, bolts: "[{name: a, address: \"10.0.0.1:7440\", zone: z1}]")
        #expect(one.contains { $0.code == "too_few_zones" && $0.severity == .error })
        #expect(
            one.first { $0.code == "too_few_zones" }?.message
                == "the partition north stands in 1 zone; the group web asks for 2")
        let two = findings(
            groups: groups,
            bolts: """
                [{name: a, address: "10.0.0.1:7440", zone: z1}, {name: b, address: "10.0.0.2:7440", zone: z2}]
                """)
        #expect(two == [])
        #expect(findings(groups: "  - {name: web, min_zones: 0}").map(\.code) == ["bad_number"])
    }

    @Test func boltsOnOneMachineAndZonesThatAreNoLabelsAreTold() {
        let bolts = """
            [{name: a, address: "10.0.0.1:7440", zone: z1}, {name: b, address: "10.0.0.1:7441", zone: z2}]
            """
        #expect(findings(groups: "  - name: web", bolts: bolts).map(\.code) == ["shared_host"])
        let local = bolts.replacing("10.0.0.1", with: "127.0.0.1")
        #expect(findings(groups: "  - name: web", bolts: local).isEmpty)
        let zone = bolts.replacing("z2", with: "Z_2")
        #expect(findings(groups: "  - name: web", bolts: zone).contains { $0.code == "bad_name" })
    }

    @Test func aPartitionServesEachGroupOnceAndOneAtLeast() {
        let text = """
            version: 1
            mesh: {name: example}
            groups: [{name: web}]
            partitions:
              - {name: north, groups: [web, web], bolts: [{name: a, address: "10.0.0.1:7440"}]}
              - {name: south, groups: [], bolts: [{name: a, address: "10.0.0.2:7440"}]}
            """
        let found = TopologyDocument(parsing: text, file: "t.yaml").findings
        #expect(codes(found) == ["5 repeated_group", "6 serves_nothing"])
    }

    /// Each finding says what to do; none falls back on a general word.
    @Test func everyFindingSaysWhatToDo() {
        let wrong = """
            version: 2
            mesh: {nam: x}
            groups:
              - {name: web, slices: none, match: [{}, {hostname: "a*"}, 7]}
              - {name: spare, match: [{hostname: "ab*"}]}
            partitions:
              - name: north
                lease: zookeeper
                groups: [wbe, web, web]
                bolts:
                  - {name: a, address: nowhere}
                  - {name: a, address: "10.0.0.1:65000"}
              - {name: south, weight: 0, groups: [web], bolts: []}
            """
        var found = TopologyDocument(parsing: wrong, file: "t.yaml").findings
        for text in ["", "a: [", String(repeating: "x", count: TopologyLimits.documentBytesMax + 1)] {
            found += TopologyDocument(parsing: text, file: "t.yaml").findings
        }
        #expect(Set(found.map(\.code)).count >= 14, "\(found)")
        for finding in found { #expect(finding.next != "correct it" && !finding.next.isEmpty, "\(finding)") }
    }

    @Test func manyCrossingPatternsEndInBoundedTime() {
        let rules = (0..<250).map { "{hostname: \"*\($0)-*\"}" }.joined(separator: ", ")
        let groups = (0..<8).map { "  - {name: g\("abcdefgh".dropFirst($0).prefix(1)), match: [\(rules)]}" }
        let clock = ContinuousClock()
        let start = clock.now
        _ = findings(groups: groups.joined(separator: "\n"))
        #expect(clock.now - start < .seconds(60))
    }

    @Test(
        arguments: [
            ("web-*", "*-berlin", "web-berlin"), ("*", "*", ""), ("a*b", "a*b", "ab"), ("a*", "b*", nil),
            ("*a*", "*b*", "ab"), ("x", "x", "x"), ("x", "y", nil), ("web-*-1", "web-2*", "web-2-1"), ("", "*", ""),
            ("ab*", "*ba", "aba"),
        ] as [(String, String, String?)])
    func theShortestTextThatFitsBothPatterns(one: String, two: String, shared: String?) {
        #expect(Glob(one).shared(with: Glob(two)) == shared)
        #expect((Glob(two).shared(with: Glob(one)) == nil) == (shared == nil))
        if let shared { #expect(Glob(one).matches(shared) && Glob(two).matches(shared)) }
    }
}
