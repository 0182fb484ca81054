import BoltAPI
import Spanner
import Testing

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
