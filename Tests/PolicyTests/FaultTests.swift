import Policy
import Testing

/// Every fault of a stack is told with its file and its line, all of them at once.
@Suite("faults of stacks")
struct FaultTests {
    /// A stack with one mistake, and how it is told.
    struct Case: CustomTestStringConvertible, Sendable {
        let code: StackFaultCode
        let file: String
        let line: Int?
        let files: [String: String]
        /// A word of the reason.
        var says = ""
        var testDescription: String { "\(code.rawValue) \(says)" }
    }

    private static let layer = "layers/a.yaml"

    private static func one(_ code: StackFaultCode, line: Int?, _ text: String, says: String = "") -> Case {
        Case(code: code, file: layer, line: line, files: [layer: text], says: says)
    }

    private static func resource(_ code: StackFaultCode, line: Int, _ text: String, says: String = "") -> Case {
        one(code, line: line, "layer: a\nresources:\n" + text, says: says)
    }

    private static func head(_ code: StackFaultCode, line: Int?, _ text: String, says: String = "") -> Case {
        Case(code: code, file: "stack.yaml", line: line, files: ["stack.yaml": text], says: says)
    }

    private static let documents: [Case] = [
        head(.syntax, line: 2, "stack: a\n  b: c\n"),
        head(.syntax, line: 1, ""),
        head(.syntax, line: 2, "stack: a\n--- \nstack: b\n", says: "another document"),
        head(.unknownKey, line: 2, "stack: a\nexpirey: {}\n", says: "“expiry”"),
        head(.missingKey, line: 1, "rollout: {}\n", says: "“stack”"),
        head(.badValue, line: 1, "stack: Not A Name\n"),
        head(.badValue, line: 3, "stack: a\nexpiry:\n  policy: sometimes\n", says: "enforce-last"),
        head(.badValue, line: 3, "stack: a\nexpiry:\n  after: soon\n", says: "30d"),
        head(.badValue, line: 3, "stack: a\nexpiry:\n  after: 99999999999999999999d\n", says: "30d"),
        head(.badValue, line: 4, "stack: a\nexpiry:\n  policy: stop\n  after: 299s\n", says: "at least 300 seconds"),
        head(.badValue, line: 3, "stack: a\nexpiry:\n  after: 4m\n", says: "while all is well"),
        head(.missingKey, line: 3, "stack: a\nexpiry:\n  policy: stop\n", says: "“after”"),
        head(.badValue, line: 3, "stack: a\nrollout:\n  max_concurrent: 0\n"),
        head(.badValue, line: 3, "stack: a\nrollout:\n  max_fail: \"1\"\n"),
        head(.duplicate, line: 1, "stack: a\nstack: b\n", says: "twice"),
        head(.notTaken, line: 1, "stack: &name a\n", says: "anchors"),
        head(.notTaken, line: 2, "stack: a\nexpiry: *nothing\n".replacing("*nothing", with: "&x {after: 1d}")),
        one(.badValue, line: 1, "- layer: a\n", says: "mapping"),
        one(.missingKey, line: 1, "resources: []\n", says: "“layer”"),
        one(.unknownKey, line: 2, "layer: a\nresource: []\n", says: "“resources”"),
        one(.unknownKey, line: 3, "layer: a\nmatch:\n  group: web\n", says: "“groups”"),
        one(.badValue, line: 3, "layer: a\nmatch:\n  groups: []\n", says: "empty"),
        one(.badValue, line: 4, "layer: a\nmatch:\n  traits:\n    os name: x\n", says: "trait"),
        one(
            .unknownKey, line: 5, "layer: a\nmatch:\n  traits:\n    cpu.count:\n      atleast: 3\n",
            says: "“at_least”"),
        one(.badValue, line: 4, "layer: a\nmatch:\n  traits:\n    cpu.count: {at_least: many}\n", says: "number"),
        one(.badValue, line: 3, "layer: a\nvars:\n  a.b: 1\n", says: "name of a variable"),
        one(.badValue, line: 3, "layer: a\nvars:\n  port: 0644\n", says: "begins with 0"),
        one(.badValue, line: 3, "layer: a\nvars:\n  port: !!int \"7\"\n", says: "tags"),
        one(.badValue, line: 3, "layer: a\nvars:\n  x: .inf\n", says: "finite"),
        one(.badValue, line: 3, "layer: a\nvars:\n  x: 99999999999999999999\n", says: "64 bits"),
        one(.badValue, line: 3, "layer: a\nvars:\n  x: \"{{traits.a}}\"\n", says: "no templates"),
        one(.badSecret, line: 3, "layer: a\nvars:\n  x: secret:db/password\n", says: "resources only"),
    ]

    private static let types: [Case] = [
        resource(.missingKey, line: 3, "  - requires: file:/a\n", says: "its type"),
        resource(.unknownKey, line: 3, "  - fil: /a\n    content: x\n", says: "“file”"),
        resource(.unknownKey, line: 4, "  - package: nginx\n    state: present\n", says: "one key"),
        resource(.badValue, line: 4, "  - file: /a\n    directory: /a\n    content: x\n", says: "one type"),
        resource(.unknownKey, line: 4, "  - file: /a\n    contents: x\n", says: "“content”"),
        resource(.missingKey, line: 3, "  - file: /a\n", says: "“source”"),
        resource(.badValue, line: 5, "  - file: /a\n    content: x\n    source: b\n", says: "one of"),
        resource(.badValue, line: 3, "  - file: a/b\n    content: x\n", says: "absolute"),
        resource(.badValue, line: 3, "  - file: /a/../b\n    content: x\n", says: "absolute"),
        resource(.badValue, line: 3, "  - file: /a//b\n    content: x\n", says: "absolute"),
        resource(.badValue, line: 3, "  - directory: /\n", says: "absolute"),
        resource(.badValue, line: 3, "  - directory: /{{vars.a}}\n", says: "no templates"),
        resource(.badValue, line: 4, "  - directory: /a\n    mode: 755a\n", says: "octal"),
        resource(.badValue, line: 4, "  - directory: /a\n    mode: 99\n", says: "octal"),
        resource(.badValue, line: 4, "  - directory: /a\n    owner: \"a b\"\n", says: "account"),
        resource(.badValue, line: 4, "  - absent: /a\n    recursive: yes\n", says: "true or false"),
        resource(.missingKey, line: 3, "  - link: /a\n", says: "“target”"),
        resource(.missingKey, line: 3, "  - exec: a\n", says: "“command”"),
        resource(.badValue, line: 4, "  - exec: a\n    command: []\n", says: "no program"),
        resource(.badValue, line: 5, "  - exec: a\n    command: b\n    timeout: 2d\n", says: "86400"),
        resource(.badValue, line: 5, "  - exec: a\n    command: b\n    creates: x\n", says: "absolute"),
        resource(.badValue, line: 6, "  - exec: a\n    command: b\n    environment:\n      A-B: c\n", says: "variable"),
        resource(.badValue, line: 4, "  - package: a\n    properties: present\n", says: "mapping"),
        resource(.badValue, line: 4, "  - directory: /a\n    effect: loud\n", says: "disruptive"),
        resource(.badValue, line: 4, "  - directory: /a\n    requires: nothing\n", says: "file:/etc/motd"),
        resource(.badValue, line: 4, "  - directory: /a\n    notify: directory:/a\n", says: "notified"),
        resource(.missingFile, line: 4, "  - file: /a\n    source: none\n", says: "files/none"),
    ]

    private static let texts: [Case] = [
        resource(
            .template, line: 6, "  - file: /a\n    content: |\n      one\n      {{#traits.a}}\n", says: "not closed"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{> other}}\"\n", says: "not taken"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{=<% %>=}}\"\n", says: "not taken"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{ upper(vars.a) }}\"\n", says: "no name"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{\"\n", says: "not closed"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{#traits.a}}{{/traits.b}}\"\n", says: "belongs"),
        resource(.template, line: 4, "  - file: /a\n    content: \"{{/traits.a}}\"\n", says: "not opened"),
        resource(.unknownVariable, line: 5, "  - file: /a\n    content: |\n      {{trait.os}}\n", says: "“traits”"),
        resource(.unknownVariable, line: 4, "  - file: /a\n    content: \"{{machine.ip}}\"\n", says: "machine.name"),
        resource(.unknownVariable, line: 3, "  - file: /a\n    content: \"{{vars.none}}\"\n", says: "no layer"),
        resource(.badSecret, line: 4, "  - file: /a\n    content: secret:Bad Name\n", says: "is none"),
        resource(.badSecret, line: 4, "  - file: /a\n    content: \"x {{secret:../x}}\"\n", says: "is none"),
        resource(.badSecret, line: 4, "  - exec: a\n    command: [login, secret:db]\n", says: "command"),
        resource(.badSecret, line: 4, "  - exec: a\n    command: \"login {{secret:db}}\"\n", says: "command"),
        resource(.badSecret, line: 5, "  - exec: a\n    command: b\n    unless: secret:db\n", says: "command"),
    ]

    private static let references: [Case] = [
        resource(.duplicate, line: 5, "  - file: /a\n    content: x\n  - absent: /a\n", says: "line 3"),
        resource(
            .dangling, line: 3,
            "  - directory: /a\n    requires: [file:/etc/modt]\n  - file: /etc/motd\n    content: x\n",
            says: "did you mean file:/etc/motd"),
        resource(.dangling, line: 3, "  - directory: /a\n    notify: exec:none\n", says: "no layer"),
        resource(
            .cycle, line: 3,
            "  - directory: /a\n    requires: directory:/b\n  - directory: /b\n    requires: directory:/a\n",
            says: "directory:/a requires directory:/b requires directory:/a"),
        resource(.cycle, line: 3, "  - directory: /a\n    requires: directory:/a\n", says: "circle"),
        resource(
            .cycle, line: 3, "  - directory: /a\n    requires: link:/a/b\n  - link: /a/b\n    target: c\n",
            says: "above"),
        Case(
            code: .duplicate, file: "layers/b.yaml", line: 1,
            files: ["layers/a.yaml": "layer: same\n", "layers/b.yaml": "layer: same\n"], says: "layers/a.yaml"),
        Case(code: .badPath, file: "layers/a.yml", line: nil, files: ["layers/a.yml": "layer: a\n"], says: "NAME.yaml"),
        Case(code: .badPath, file: "layers/x/a.yaml", line: nil, files: ["layers/x/a.yaml": "layer: a\n"]),
        Case(code: .badPath, file: "files/../x", line: nil, files: ["files/../x": "a"]),
        Case(
            code: .template, file: "files/t", line: 2,
            files: [
                layer: "layer: a\nresources:\n  - file: /a\n    template: t\n", "files/t": "a\n{{#traits.x}}\nb\n",
            ]),
        Case(
            code: .unknownVariable, file: "files/t", line: 3,
            files: [layer: "layer: a\nresources:\n  - file: /a\n    template: t\n", "files/t": "a\n\n{{vars.x}}\n"]),
        Case(
            code: .missingFile, file: layer, line: 4,
            files: [layer: "layer: a\nresources:\n  - file: /a\n    source: mtod\n", "files/motd": "a"],
            says: "“motd”"),
        Case(
            code: .dangling, file: "layers/b.yaml", line: 6,
            files: [
                "layers/a.yaml": "layer: a\nmatch: {labels: {role: db}}\nresources:\n  - directory: /db\n",
                "layers/b.yaml":
                    "layer: b\nmatch: {labels: {role: [web]}}\nvars: {}\nresources:\n\n"
                    + "  - link: /x\n    target: y\n    requires: directory:/db\n",
            ], says: "never meet"),
    ]

    @Test("each mistake is told by its code, its file and its line", arguments: documents + types + texts + references)
    func told(_ wrong: Case) {
        let found = faults(wrong.files)
        let fitting = found.filter { $0.code == wrong.code && $0.file == wrong.file && $0.line == wrong.line }
        #expect(
            fitting.contains { wrong.says.isEmpty || $0.reason.contains(wrong.says) || $0.next.contains(wrong.says) },
            "\(found)")
        #expect(fitting.allSatisfy { !$0.next.isEmpty && !$0.reason.contains("\n") })
    }

    @Test("all mistakes of a stack are told at once, by file and line")
    func allAtOnce() {
        let found = faults([
            "stack.yaml": "stack: a\nx: 1\n",
            "layers/b.yaml":
                "layer: b\nresources:\n  - file: relative\n    content: x\n  - directory: /a\n    mode: x\n",
            "layers/a.yaml": "layer: [\n",
        ])
        #expect(found == found.sorted())
        #expect(found.map(\.file) == ["layers/a.yaml", "layers/b.yaml", "layers/b.yaml", "stack.yaml"])
        #expect(found.map(\.line) == [2, 3, 6, 2])
    }

    @Test("a stack without stack.yaml says so")
    func noHead() {
        guard case .failure(let found) = Stack.read([]) else {
            Issue.record("an empty stack was read")
            return
        }
        #expect(found.faults.map(\.code) == [.missingFile])
    }

    @Test("every code that is told has a row in docs/errors.md", arguments: StackFaultCode.all.map(\.rawValue))
    func documented(_ code: String) throws {
        #expect(try Page.read("docs/errors.md").contains("| `\(code)` |"))
    }

    @Test(
        "every code of a resource's fault has a row in docs/errors.md", arguments: ResourceFaultCode.all.map(\.rawValue)
    )
    func resourceCodesDocumented(_ code: String) throws {
        #expect(try Page.read("docs/errors.md").contains("| `\(code)` |"))
    }

    @Test("what is far too much is refused by name, and the list of faults is bounded")
    func bounded() {
        let many = String(repeating: "  - bad\n", count: 3_000)
        guard
            case .failure(let found) = Stack.read(
                files(["stack.yaml": "stack: a", "layers/a.yaml": "layer: a\nresources:\n" + many]))
        else {
            Issue.record("read")
            return
        }
        #expect(found.faults.count == PolicyStackLimits.faultsMax)
        #expect(found.omitted > 0)
        let large = String(repeating: "#", count: PolicyStackLimits.yamlBytesMax + 1)
        #expect(faults(["layers/a.yaml": large]).map(\.code) == [.tooLarge])
        let source = String(repeating: "#", count: PolicyStackLimits.sourceBytesMax + 1)
        #expect(faults(["files/a": source]).map(\.code) == [.tooLarge])
        let layers = (0...PolicyStackLimits.layersMax).map { ("layers/\(1000 + $0).yaml", "layer: l\($0)\n") }
        #expect(faults(Dictionary(layers) { first, _ in first }).map(\.code) == [.tooLarge])
        let sources = (0...PolicyStackLimits.filesMax).map { ("files/\($0)", "") }
        #expect(faults(Dictionary(sources) { first, _ in first }).map(\.code).contains(.tooLarge))
    }

    @Test("nesting without end, and aliases of aliases, are faults: they cost no more than their text")
    func bombs() {
        for deep in [
            String(repeating: "[", count: 100_000), String(repeating: "{a: ", count: 50_000),
            String(repeating: "- ", count: 100_000), String(repeating: "? ", count: 100_000),
            String(repeating: "[", count: 900) + String(repeating: "]", count: 900),
        ] {
            let found = faults(["layers/a.yaml": "layer: a\nvars:\n  x:\n    " + deep])
            #expect(!found.isEmpty)
            #expect(found.allSatisfy { [.syntax, .tooLarge, .badValue].contains($0.code) })
        }
        var bomb = "layer: a\nvars:\n  a0: &a0 [x, x]\n"
        for level in 1..<40 { bomb += "  a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(faults(["layers/a.yaml": bomb + "  *a39 : b\n"]).map(\.code) == [.notTaken])
    }
}
