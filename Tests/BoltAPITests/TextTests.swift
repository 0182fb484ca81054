import Foundation
import Spanner
import Testing

@testable import BoltAPI

/// What people read and write at a terminal.
@Suite struct TextTests {
    @Test func tablesAlignAndNeverTrailOrBreak() {
        var table = TextTable("NAME", "STATE", "NOTE")
        table.row("a", "active", nil)
        table.row("longer-name", "x", "two\nlines\tand a tab")
        #expect(
            table.text == """
                NAME         STATE   NOTE
                a            active  -
                longer-name  x       two lines and a tab
                """)
        #expect(TextTable("A", "B").text == "A  B")
        #expect(table.text(columns: nil) == table.text && table.text(columns: 30).hasSuffix("two line…"))
    }

    /// `boltctl … | cat` lost the end of each line: there was no terminal, and it was cut for one.
    @Test func onlyATerminalCutsATable() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(Screen.tableColumns(of: ends[1]) == nil && Screen.tableColumns(of: -1) == nil)
        let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(terminal) }
        #expect(Screen.tableColumns(of: terminal) == Screen.columns, "it does not tell its width")
        var size = winsize(ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0)
        try #require(ioctl(terminal, UInt(TIOCSWINSZ), &size) == 0)
        #expect(Screen.tableColumns(of: terminal) == 132)
    }

    /// One bad envoy wrote to operators' terminals: set their title, cleared them, turned what was shown around.
    @Test func whatATerminalWouldObeyIsShown() throws {
        let hostile = "\u{1B}]0;x\u{7}\u{1B}[2J\u{202E}\u{2066}\u{9B}31m\u{7F}\r\n\u{2028}é …"
        #expect(
            TerminalText.block(hostile) == "\\u{1B}]0;x\\u{7}\\u{1B}[2J\\u{202E}\\u{2066}\\u{9B}31m\\u{7F}\\u{D}\n"
                + "\\u{2028}é …")
        #expect(TerminalText.line("a\nb\tc") == "a\\u{A}b\\u{9}c" && TerminalText.block("a\n\tb") == "a\n\tb")
        #expect(TerminalText.lines("a\r\nb\tc\n") == ["a\\u{D}", "b\tc", ""])
        for value in UInt32(0)...0x2100 {
            guard let scalar = Unicode.Scalar(value), TerminalText.isObeyed(scalar) else { continue }
            #expect(!TerminalText.line("a\(scalar)").unicodeScalars.contains(scalar), "\(value)")
        }
        let named = Array(0...0x1F) + Array(0x7F...0x9F) + Array(0x2028...0x202E) + Array(0x2066...0x2069)
        #expect(named.compactMap { Unicode.Scalar(UInt32($0)) }.allSatisfy { TerminalText.isObeyed($0) })
        let whole = "plain, ünïcode, 日本 and ✓"
        #expect(TerminalText.block(whole) == whole && TerminalText.line(whole) == whole)
        let json = String(decoding: try APIJSON.encode(["a": hostile], pretty: true), as: UTF8.self)
        let shown = TerminalText.json(json)
        #expect(shown.unicodeScalars.allSatisfy { $0 == "\n" || !TerminalText.isObeyed($0) }, "\(shown)")
        #expect(try APIJSON.decode([String: String].self, from: Data(shown.utf8)) == ["a": hostile])
    }

    @Test func fieldsAlignAndStayOneLineEach() {
        var fields = TextFields([("name", "web-1"), ("standing", "active"), ("group", nil)])
        fields.add("why", "two\nlines")
        #expect(
            fields.text == """
                name      web-1
                standing  active
                group     -
                why       two lines
                """)
        #expect(TextFields().text == "")
    }

    @Test func oneIsNotSeveral() {
        #expect(Plural.text(1, "contested name") == "1 contested name")
        #expect(Plural.text(0, "bolt") == "0 bolts" && Plural.text(UInt64(2), "entry", "entries") == "2 entries")
    }

    @Test func nearMissesAreNamedAndFarOnesAreNot() {
        let words = ["status", "envoy", "roster", "topology", "mesh"]
        #expect(NearestName.suggest("statsu", among: words) == "status")
        #expect(NearestName.suggest("envoi", among: words) == "envoy")
        #expect(NearestName.suggest("topolgy", among: words) == "topology")
        #expect(NearestName.suggest("kubernetes", among: words) == nil)
        #expect(NearestName.suggest("", among: words) == nil)
        #expect(NearestName.suggest("x", among: []) == nil)
    }

    @Test func globsMatchWholeTexts() {
        for (pattern, text, fits) in [
            ("*", "", true), ("*", "anything", true), ("web-*", "web-7", true), ("web-*", "a-web-7", false),
            ("*.eu.*", "a.eu.b", true), ("a*b*c", "aXbYbZc", true), ("a*b*c", "acb", false), ("", "", true),
            ("", "a", false), ("**", "x", true),
        ] {
            #expect(Glob(pattern).matches(text) == fits, "\(pattern) on \(text)")
        }
        #expect(Glob("web-*").covers(Glob("web-1*")))
        #expect(!Glob("web-1*").covers(Glob("web-*")))
    }

    @Test func contextsAreKeptByNameAndOneIsInUse() throws {
        var file = ContextFile()
        file.put(.init(name: "prod", bolts: ["10.0.0.1:7440"], identity: "/ops/alice"), use: false)
        file.put(.init(name: "local", bolts: ["127.0.0.1:7440", "127.0.0.1:7450"], identity: "/tmp/x y"), use: true)
        #expect(file.current == "local")
        #expect(try ContextFile(parsing: file.text) == file)
        #expect(file.context(nil)?.name == "local" && file.context("prod")?.bolts == ["10.0.0.1:7440"])
        #expect(file.context("none") == nil)
        file.put(.init(name: "prod", bolts: ["10.0.0.9:7440"], identity: "/ops/bob"), use: false)
        #expect(file.contexts.map(\.name) == ["local", "prod"] && file.current == "local")
        #expect(try ContextFile(parsing: "") == ContextFile())
    }

    @Test(arguments: ["contexts: 7", "- a", "contexts: [{name: a}]", "a: ["])
    func aContextsFileThatIsNoneIsAnErrorWithAReason(text: String) {
        do throws(ContextFileError) {
            _ = try ContextFile(parsing: text)
            Issue.record("it was taken")
        } catch { #expect(!error.reason.isEmpty) }
    }

    @Test func valuesSurviveYAMLWhateverTheyLookLike() throws {
        let value = JSONValue.object([
            "yes": .string("yes"), "number": .string("007"), "null": .string("null"), "empty": .string(""),
            "int": .integer(-3), "flag": .bool(false), "nothing": .null,
            "text": .string("a: b # c\nd"), "list": .array([.string("1.5"), .number(1.5), .object([:])]),
        ])
        let text = YAMLText.text(of: value)
        #expect(try YAMLText.value(of: text) == value, "\(text)")
    }
}
