import Spanner
import Testing

@testable import Policy

/// Judging a stack ends by a number of steps: whoever may read can have one judged.
@Suite("costs of judging stacks")
struct StackCostTests {
    /// A graph over layers of these texts, which may hold circles.
    private func graph(_ texts: [String]) throws -> StackGraph {
        var layers: [StackLayer] = []
        for (place, text) in texts.enumerated() {
            let path = "layers/\(1_000 + place).yaml"
            var reader = LayerReader(path: path, sources: [:])
            let layer = reader.read(StackFile(path: path, bytes: Array(text.utf8)))
            layers.append(try #require(layer))
            #expect(reader.yaml.faults.isEmpty, "\(reader.yaml.faults)")
        }
        return StackGraph(layers)
    }

    /// Commands that require each other in one circle, each under the condition that it is given.
    private func circle(_ count: Int, when condition: (Int) -> String = { _ in "" }) -> String {
        (0..<count).reduce(into: "layer: a\nresources:\n") { text, place in
            text += "  - exec: e\(place)\n    command: \"true\"\n    requires: exec:e\((place + 1) % count)\n"
            text += condition(place)
        }
    }

    @Test("A circle costs its length, not its square: each two of it were compared, from 32 starts")
    func linear() throws {
        var costs: [Int] = []
        for count in [500, 1_000, 2_000] {
            var graph = try graph([circle(count)])
            let found = graph.faults()
            #expect(found.map(\.code) == [.cycle])
            #expect(found.first?.reason.hasPrefix("a circle: exec:e0 requires exec:e1 requires") == true)
            costs.append(graph.spent)
            #expect(graph.spent < 16 * count, "\(graph.spent) steps")
        }
        #expect(costs[2] <= 2 * costs[1] + 16 && costs[1] <= 2 * costs[0] + 16, "\(costs)")
    }

    @Test("A circle of two kinds that never meet is none, and costs no more")
    func excluded() throws {
        var graph = try graph([
            circle(1_000) { "    when: {role: \($0 < 500 ? "web" : "db")}\n" }
                .replacing("requires: exec:e500\n", with: "requires: []\n")
                .replacing("requires: exec:e0\n", with: "requires: []\n")
        ])
        #expect(graph.faults() == [])
        // Each requirement can be met, but no machine has all three.
        var triangle = try self.graph([
            circle(3) { "    when: {\(["a: {at_most: 1}", "a: {at_least: 2}, b: x", "c: x"][$0])}\n" }
        ])
        #expect(triangle.faults().allSatisfy { $0.code != .cycle })
    }

    @Test("A circle whose resources each have a condition of their own ends at the limit of steps, and is told")
    func limited() throws {
        var graph = try graph([circle(3_500) { "    when: {t\($0): x}\n" }])
        let found = graph.faults()
        #expect(found.map(\.code) == [.cycle] && found.first?.reason.hasPrefix("may be a circle: 3500") == true)
        #expect(graph.steps.taken < PolicyStackLimits.circleStepsMax + 10_000)
    }

    @Test("Many definitions of what many require end at the limit of comparisons, as too large")
    func comparisons() throws {
        let layers = (0..<200).map { layer in
            (0..<20).reduce(into: "layer: l\(layer)\nmatch: {groups: [g\(layer)*]}\nresources:\n") { text, place in
                text += "  - exec: e\(place)\n    command: \"true\"\n"
            }
        }
        let names = (0..<20).map { "exec:e\($0)" }.joined(separator: ", ")
        let last = (0..<500).reduce(into: "layer: last\nresources:\n") { text, place in
            text += "  - exec: f\(place)\n    command: \"true\"\n    requires: [\(names)]\n"
        }
        var graph = try graph(layers + [last])
        graph.steps = StepCount(most: 200_000)
        let found = graph.faults()
        #expect(found.map(\.code) == [.tooLarge] && found.first?.file == "stack.yaml")
        #expect(graph.steps.taken < 210_000)
    }

    @Test("Where the comparisons are over no resource is said to be there twice: all seem to meet then")
    func noFalseDuplicates() throws {
        let layer = (0..<8).reduce(into: "layer: a\nresources:\n") { text, place in
            text += "  - exec: e\n    command: \"true\"\n    when: {role: r\(place)}\n"
        }
        var whole = try graph([layer])
        #expect(whole.faults() == [], "they exclude each other")
        for most in 0..<40 {
            var graph = try graph([layer])
            graph.steps = StepCount(most: most)
            #expect(graph.faults().allSatisfy { $0.code == .tooLarge }, "\(most) steps")
        }
    }

    @Test("Lists of names cost their lengths")
    func names() throws {
        let layers = (0..<8).map { layer in
            "layer: l\(layer)\nmatch:\n  names: ["
                + (0..<500).map { "h\($0).l\(layer)" }.joined(separator: ", ") + "]\n"
        }
        var graph = try graph(layers)
        #expect(graph.faults() == [])
        #expect(graph.spent < 8 * 8 * 1_000, "\(graph.spent)")
    }

    @Test("Lists meet where each two of their patterns were compared: a model")
    func listsMeet() {
        var random = Seeded(7)
        let texts = ["a", "b", "ab", "a*", "*b", "*", "abc", "caf\u{E9}", "cafe\u{301}", "c*\u{E9}"]
        func some() -> [String] {
            (0..<Int.random(in: 1...4, using: &random)).map { _ in
                texts[Int.random(in: texts.indices, using: &random)]
            }
        }
        func meet(_ left: String, _ right: String) -> Bool {
            switch (left.contains("*"), right.contains("*")) {
            case (true, true): true
            case (true, false): TextPattern.matches(left, right)
            case (false, true): TextPattern.matches(right, left)
            case (false, false): left.utf8.elementsEqual(right.utf8)
            }
        }
        for _ in 0..<2_000 {
            let (left, right) = (some(), some())
            var steps = StepCount(most: 1_000)
            let expected = left.contains { first in right.contains { meet(first, $0) } }
            #expect(TextPattern.mayMeet(left, right, &steps) == expected, "\(left) \(right)")
        }
    }
}
