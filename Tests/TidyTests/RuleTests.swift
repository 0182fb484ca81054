import Testing

/// Each rule is able to fail: proved on small bad texts, beside good ones that look alike.
@Suite("Tidy: each rule finds what it forbids and nothing else")
struct RuleTests {
    private func file(_ path: String, _ source: String) -> SwiftText { SwiftText(path: path, source: source) }

    @Test("comments, nested comments and strings are blanked, interpolations are code")
    func scannerTellsCodeFromText() {
        let text = file(
            "a.swift",
            """
            let a = "one \\(two("three")) four" // five
            /* six /* seven */ eight */ let b = #"nine " \\(ten)"#
            let c = #/eleven"/#; let d = 12
            """)
        for word in ["two", "let b", "let d"] { #expect(text.code.contains(word)) }
        for word in ["one", "three", "four", "five", "six", "eight", "nine", "ten", "eleven"] {
            #expect(!text.code.contains(word), "\(word)")
        }
        #expect(text.literals.map(\.text) == ["three", "one  four", "nine \" \\(ten)"])
        #expect(text.codeLines.count == 3)
    }

    @Test("multi-line strings keep the count of lines")
    func scannerKeepsLines() {
        let text = file("a.swift", "let a = \"\"\"\n  Task {\n  \"\"\"\nawait b()\n")
        #expect(lines(of: "await", in: text.code) == [4])
        #expect(lines(of: "Task", in: text.code).isEmpty)
    }

    @Test("a forbidden import is found in each spelling; a target without a row is refused")
    func imports() {
        let bad = [
            "import Foundation", "public import Foundation", "@testable import Bolt", "import struct Foundation.Date",
            "@preconcurrency import Dispatch", "import Synchronization", "let a = 1; import Glibc",
        ]
        for source in bad {
            #expect(importViolations(in: file("Sources/CRDT/A.swift", source)).count == 1, "\(source)")
        }
        let good = [
            "// import Foundation", "let a = \"import Foundation\"", "let importance = 1", "#if canImport(Glibc)",
        ]
        for source in good { #expect(importViolations(in: file("Sources/CRDT/A.swift", source)).isEmpty, "\(source)") }
        #expect(importViolations(in: file("Sources/Spanner/A.swift", "public import CRDT")).isEmpty)
        #expect(importViolations(in: file("Sources/Bolt/A.swift", "import CSQLite")).count == 1)
        #expect(importViolations(in: file("Sources/SpannerStore/A.swift", "import CSQLite")).isEmpty)
        #expect(importViolations(in: file("Sources/Elsewhere/A.swift", "")).count == 1)
    }

    @Test("libraries of C have one home each")
    func systemLibrariesHaveOneHome() {
        func homes(of module: String) -> Set<String> { Set(importsAllowed.filter { $0.value.contains(module) }.keys) }
        // The second: a simulated disk under SQLite.
        #expect(homes(of: "CSQLite") == ["SpannerStore", "SpannerTestKit"])
        #expect(homes(of: "CSodium") == ["Identity"])
        #expect(homes(of: "COpenSSL") == ["Identity"])
        #expect(importsAllowed["CRDT"]?.isEmpty == true)
        for target in pureTargets { #expect(importsAllowed[target]?.contains("Foundation") == false) }
    }

    @Test("SQL is found in strings outside the store, not in prose")
    func sql() {
        let bad = "let q = \"\"\"\n    SELECT a FROM b\n    \"\"\""
        #expect(sqlViolations(in: file("Sources/Bolt/A.swift", bad)).map(\.line) == [1])
        #expect(sqlViolations(in: file("Sources/SpannerStore/A.swift", bad)).isEmpty)
        #expect(sqlViolations(in: file("Sources/Bolt/A.swift", "let s = \"Select a bolt\" // SELECT x")).isEmpty)
    }

    @Test("what a pure target must not name is found as a whole word, in code only")
    func banned() {
        let bad = [
            "Date()", "UUID()", "ContinuousClock.now", "Int.random(in: a)", "a.shuffled()", "a.randomElement()",
            "func hash(into hasher: inout Hasher)", "a.hashValue", "Task { }", "await a()", "print(a)",
            "try" + "! a()", "fatal" + "Error()", "@unchecked Sendable", "SystemRandomNumberGenerator()",
        ]
        for source in bad {
            #expect(!bannedViolations(in: file("Sources/Spanner/A.swift", source)).isEmpty, "\(source)")
            #expect(bannedViolations(in: file("Sources/Bolt/A.swift", source)).isEmpty, "\(source)")
        }
        let good = ["update()", "a.nowhere", "TaskID(a)", "// print(a)", "\"await\"", "blueprint(a)", "a.randomness"]
        for source in good { #expect(bannedViolations(in: file("Sources/CRDT/A.swift", source)).isEmpty, "\(source)") }
    }

    @Test("sizes: one line more than the limit is found, the limit itself is not")
    func sizes() {
        let line = "x\n"
        #expect(fileSizeViolations(path: "Sources/A.swift", text: String(repeating: line, count: 500)).isEmpty)
        #expect(fileSizeViolations(path: "Sources/A.swift", text: String(repeating: line, count: 501)).count == 1)
        #expect(fileSizeViolations(path: "Tests/A.swift", text: String(repeating: line, count: 800)).isEmpty)
        #expect(fileSizeViolations(path: "Tests/A.swift", text: String(repeating: line, count: 801)).count == 1)
        #expect(lineWidthViolations(path: "a", text: String(repeating: "x", count: 120)).isEmpty)
        #expect(lineWidthViolations(path: "a", text: "\n" + String(repeating: "x", count: 121)).map(\.line) == [2])
    }

    @Test(
        "long bodies are found in every kind of function",
        arguments: [
            "func a(b: () -> Void = {}) async throws -> [Int] {", "init?(a: Int) {", "deinit {",
            "subscript(a: Int) -> Int {",
            "static func == (a: A, b: A) -> Bool {", "var a: [Int: Int] {", "func a<T>(b: T) where T: Equatable {",
        ])
    func functionSizes(signature: String) {
        func body(_ count: Int) -> SwiftText {
            file("a.swift", "struct A {\n\(signature)\n\(String(repeating: "f(\"}\") // }\n", count: count))}\n}\n")
        }
        #expect(functionSizeViolations(in: body(70)).isEmpty)
        #expect(functionSizeViolations(in: body(71)).map(\.line) == [2])
    }

    @Test("a requirement without a body, a call of an initialiser and a stored property have no size")
    func bodiesAreNotInvented() {
        let source = """
            protocol P { func a() -> Int; var b: Int { get }
              init(c: Int) }
            struct A: P { var d = { 1 }()
              let e = A.init(c: 1)
              func f() -> Int { 1 } }
            """
        let found = FunctionBody.all(in: file("a.swift", source).code)
        #expect(found.map(\.name) == ["var b", "func f"])
    }

    @Test("dead links, dead anchors and absent files are found; live ones, outside ones and code are not")
    func links() {
        let other = "# Title\n## Two words: here\n## Two words: here\n"
        func found(_ text: String) -> [Violation] {
            linkViolations(
                in: Page(path: "docs/a.md", text: text),
                exists: { ["docs/a.md", "docs/b.md", "README.md"].contains($0) },
                textOf: { $0 == "docs/b.md" ? other : text })
        }
        let bad = [
            "[x](c.md)", "[x](../b.md)", "[x](b.md#three)", "[x](#nowhere)", "![x](c.png)", "see `Sources/Gone`",
        ]
        for text in bad { #expect(found(text).count == 1, "\(text)") }
        let good = [
            "[x](b.md)", "[x](../README.md)", "[x](b.md#two-words-here-1)", "[x](https://example.org/c.md)",
            "`[x](c.md)`",
            "# Here\n[x](#here)", "```\n[x](c.md)\n```", "`Sources/*/A.swift`",
        ]
        for text in good { #expect(found(text).isEmpty, "\(text)") }
    }

    @Test("unfinished work, traps, sleeps and machine paths are found")
    func words() {
        #expect(unfinishedViolations(path: "a", text: "// TO" + "DO: later").count == 1)
        #expect(unfinishedViolations(path: "a", text: "HA" + "CKathon, autoTO" + "DOs").isEmpty)
        #expect(unfinishedViolations(path: "a", text: "x\n<<<<" + "<<< ours\n=======\n>>>>" + ">>> b").count == 2)
        #expect(trapViolations(in: file("Sources/Bolt/A.swift", "fatal" + "Error(\"x\")")).count == 1)
        #expect(trapViolations(in: file("Sources/Bolt/A.swift", "throw E(\"not " + "implemented\")")).count == 1)
        #expect(trapViolations(in: file("Sources/Bolt/A.swift", "FileHandle.standardError.write(x)")).count == 1)
        #expect(trapViolations(in: file("Sources/Bolt/A.swift", "// fatal" + "Error(")).isEmpty)
        #expect(sleepViolations(in: file("Tests/A.swift", "try await Task.sl" + "eep(for: a)")).isEmpty == false)
        #expect(sleepViolations(in: file("Sources/Bolt/A.swift", "sl" + "eep(1)")).isEmpty)
        #expect(machinePathViolations(path: "a", text: "x\ncd /ro" + "ot/x").map(\.line) == [2])
        #expect(machinePathViolations(path: "a", text: "/var/lib/bolt /workers/ ./root").isEmpty)
    }

    @Test("what is read while it is written is found: it ends the process")
    func overlapping() {
        for source in ["  a?.b = (a?.b ?? [:]).filter { c }", "a?.b.c += a?.d ?? 0", "self.a?.b[1] = f(a)"] {
            #expect(trapViolations(in: file("Sources/Bolt/A.swift", source)).count == 1, "\(source)")
        }
        let good = [
            "a?.b = c", "guard a?.b == a?.c else { d }", "let b = a?.b", "a?.b = ab?.c", "a.b = a?.c",
            "c.a?.b = d.a?.b",
        ]
        for source in good {
            #expect(trapViolations(in: file("Sources/Bolt/A.swift", source)).isEmpty, "\(source)")
        }
    }

    @Test("catalogues: a name without a row and a row without a name are found")
    func catalogues() {
        let source = """
            struct E { struct Code { let rawValue: String } }
            extension E.Code { static let a = Self(rawValue: "a_one") }
            enum OtherErrorCode: String { case b = "b_two", c = "Not a name" }
            let other = "c_three"
            throw CommandFailure(
                "d_four", "e_five")
            Alarm(code: "f_six", next: "g_seven")
            """
        let codes = errorCodes(in: file("Sources/Bolt/A.swift", source))
        #expect(codes.map(\.name) == ["a_one", "b_two", "d_four", "f_six"])
        let page = Page(path: "docs/errors.md", text: "| code | x |\n|---|---|\n| `a_one` | x |\n| `gone` | x |\n")
        let found = catalogueViolations(rule: .errorCatalogue, declared: codes, page: page)
        #expect(found.map(\.path) == Array(repeating: "Sources/Bolt/A.swift", count: 3) + ["docs/errors.md"])
        #expect(metricNames(in: file("Sources/Bolt/MetricsCatalogue.swift", "a(\"bolt_x_total\")")).count == 1)
        let settings = file(
            "Sources/Bolt/Setting+All.swift", "a(\"listen.port\", \"the port. Of it\", \"genesis.json of\")")
        #expect(settingNames(in: settings).map(\.name) == ["listen.port"])
        #expect(metricNames(in: file("Sources/Bolt/Other.swift", "a(\"bolt_x_total\")")).isEmpty)
    }

    @Test("a command that does not exist is found in pages and in strings")
    func commands() {
        let known: Set<String> = ["mesh", "up", "status", "envoy", "token", "create"]
        let bad = ["boltctl partition list", "run boltctl mesh upp -f x", "boltctl envoy tokens create"]
        for text in bad { #expect(commandViolations(path: "a", text: text, known: known).count == 1, "\(text)") }
        let good = [
            "boltctl mesh up -f x", "boltctl --bolt A status", "boltctl's verbs", "boltctl envoy token create --uses 1",
            "`boltctl` takes", "boltctl status", "neither beside boltctl nor in PATH", "boltctl status shows it",
            "boltctl NOUN VERB",
        ]
        for text in good { #expect(commandViolations(path: "a", text: text, known: known).isEmpty, "\(text)") }
        let source = "A(commandName: \"mesh\"); B(commandName:\n  \"up\"); let c = \"down\""
        #expect(commandNames(in: file("Sources/boltctl/A.swift", source)) == ["mesh", "up"])
    }

    @Test("a changelog needs an entry under Unreleased")
    func changelog() {
        #expect(changelogViolations(path: "a", text: "# C\n## Unreleased\n### Added\n- x\n").isEmpty)
        #expect(changelogViolations(path: "a", text: "# C\n## Unreleased\n## 1.0.0\n- x\n").count == 1)
        #expect(changelogViolations(path: "a", text: "# C\n## 1.0.0\n- x\n").count == 1)
    }

    @Test("an exception covers its own rule and path only")
    func exceptionsAreNarrow() {
        let violation = Violation(rule: .imports, path: "Sources/Nowhere/A.swift", line: 1, message: "")
        #expect(withoutExceptions([violation]) == [violation])
    }
}
