import Testing

@testable import Bolt

/// What operators are shown of a change: every line that differs, near ones around it, and nothing that is no text.
struct LineDiffTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("A changed line is shown with its neighbours, under the places of both")
    func changed() {
        let before = (1...9).map { "\($0)\n" }.joined()
        let diff = LineDiff(bytes(before), bytes(before.replacing("5", with: "five")))
        #expect(diff.added == 1 && diff.removed == 1)
        #expect(diff.text == "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n")
    }

    @Test("A file that comes or goes is one whole difference; equal ones have none")
    func whole() {
        // A file of two lines was told to be three, the last of them empty, under "@@ -1 +1 @@".
        let come = LineDiff(nil, bytes("a\nb\n"))
        #expect(come.text == "@@ -0,0 +1,2 @@\n+a\n+b\n" && come.added == 2)
        #expect(LineDiff(bytes("a\n"), nil).text == "@@ -1 +0,0 @@\n-a\n")
        #expect(LineDiff(bytes("a\nb"), nil).removed == 2)
        #expect(LineDiff(nil, []).text == "")
        #expect(LineDiff(bytes("a\nb"), bytes("a\nb")).text == "")
    }

    @Test("A line that only its newline tells apart is shown as diff and git show it")
    func ends() {
        let diff = LineDiff(bytes("a\nb"), bytes("a\nb\n"))
        #expect(diff.text == "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n")
        let far = (1...20).map { "\($0)\n" }.joined()
        let other = "1\nx\n" + far.dropFirst(2).replacing("\n19\n", with: "\n")
        let two = "@@ -1,4 +1,5 @@\n 1\n+x\n 2\n 3\n 4\n@@ -16,5 +17,4 @@\n 16\n 17\n 18\n-19\n 20\n"
        #expect(LineDiff(bytes(far), bytes(other)).text == two)
    }

    @Test("What is no text, or too long, is only told to differ")
    func unfit() {
        #expect(LineDiff([0xFF, 0xFE], bytes("a")).text == nil)
        #expect(LineDiff(bytes("a\u{0}"), bytes("a")).text == nil)
        let long = String(repeating: "x\n", count: LineDiff.linesMax + 1)
        #expect(LineDiff(bytes(long), bytes("a")).text == nil)
    }

    @Test("Long texts that share nothing count as exchanged whole; one changed line of a long text as one")
    func large() {
        func text(_ prefix: String, _ count: Int) -> String {
            (0..<count).map { "\(prefix)\($0)\n" }.joined()
        }
        let count = LineDiff.comparedMax
        // The least difference of these took a quarter of a gigabyte.
        let other = LineDiff(bytes(text("a", count)), bytes(text("b", count)))
        #expect(other.added == count && other.removed == count)
        #expect(other.text?.hasPrefix("@@ -1,2000 +1,2000 @@\n-a0\n-a1\n") == true)
        #expect(other.text?.hasSuffix("+b1999\n") == true)
        let near = LineDiff(bytes(text("a", count)), bytes(text("a", count).replacing("a1000\n", with: "x\n")))
        #expect(near.added == 1 && near.removed == 1)
        #expect(near.text?.contains("-a1000\n+x\n") == true)
    }

    @Test("Lines that are kept are as many on both sides, whatever the texts", arguments: 1...40 as ClosedRange<UInt64>)
    func law(seed: UInt64) throws {
        var state = seed
        func draw(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let left = (0..<draw(8)).map { _ in "\(draw(4))\n" }
        let right = (0..<draw(8)).map { _ in "\(draw(4))\n" }
        let diff = LineDiff(bytes(left.joined()), bytes(right.joined()))
        let lines = try #require(diff.text).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        #expect(lines.count { $0.hasPrefix("+") } == diff.added && lines.count { $0.hasPrefix("-") } == diff.removed)
        #expect(left.count - diff.removed == right.count - diff.added)
        if left == right { #expect(lines.isEmpty) }
    }
}
