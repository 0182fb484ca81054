import Policy
import Testing

/// What Linux tells apart by bytes is told apart, and what it cannot hold is a fault.
@Suite("bytes of names and words")
struct ByteTests {
    private static let one = "/etc/caf\u{E9}"
    private static let two = "/etc/cafe\u{301}"

    private func file(_ path: String, _ content: String) -> String { "  - file: \(path)\n    content: \(content)\n" }

    @Test("Two paths that only Unicode takes for the same are two files, in one layer and in two")
    func paths() throws {
        let (one, two) = (file(Self.one, "x"), file(Self.two, "y"))
        for stack in [
            try stack(resources: one + two),
            try stack([
                "layers/a.yaml": "layer: a\nresources:\n" + one, "layers/b.yaml": "layer: b\nresources:\n" + two,
            ]),
        ] {
            let resolved = try stack.resolved(machine())
            let names = resolved.resources.map { Array($0.id.name.utf8) }
            #expect(Set(names) == [Array(Self.one.utf8), Array(Self.two.utf8)])
        }
    }

    @Test("A resource is required by its bytes")
    func references() {
        let found = faults([
            "layers/a.yaml":
                "layer: a\nresources:\n  - exec: caf\u{E9}\n    command: a\n"
                + "  - exec: b\n    command: b\n    requires: \"exec:cafe\u{301}\"\n"
        ])
        #expect(found.map(\.code) == [.dangling] && found.map(\.line) == [5])
        #expect(ResourceID("exec:caf\u{E9}") != ResourceID("exec:cafe\u{301}"))
    }

    @Test("A directory is above what begins with a combining mark, too")
    func above() throws {
        let stack = try stack(resources: file("/a/\u{301}b", "x") + "  - directory: /a\n")
        #expect(try stack.resolved(machine()).resources.map(\.id.text) == ["directory:/a", "file:/a/\u{301}b"])
    }

    @Test("Files of a stack are two where their bytes differ, and each is found by its own")
    func sources() throws {
        let given = try Stack.read([
            StackFile(path: "stack.yaml", bytes: Array("stack: test".utf8)),
            StackFile(path: "files/caf\u{E9}", bytes: Array("one".utf8)),
            StackFile(path: "files/cafe\u{301}", bytes: Array("two".utf8)),
            StackFile(
                path: "layers/a.yaml",
                bytes: Array("layer: a\nresources:\n  - file: /x\n    source: \"cafe\u{301}\"\n".utf8)),
        ]).get()
        #expect(given.canonicalFiles.count == 4)
        #expect(try given.resolved(machine()).content("/x") == "two")
    }

    @Test(
        "A zero byte in what becomes an argument, a variable, a target or a path is a fault with file and line",
        arguments: [
            "  - exec: a\n    command: \"b\\0\"\n", "  - exec: a\n    command: [b, \"c\\0d\"]\n",
            "  - exec: a\n    command: b\n    unless: \"\\0\"\n",
            "  - exec: a\n    command: b\n    onlyif: [c, \"\\0\"]\n",
            "  - exec: a\n    command: b\n    environment:\n      A: \"x\\0\"\n",
            "  - link: /a\n    target: \"b\\0\"\n",
            "  - exec: a\n    command: b\n    creates: \"/b\\0\"\n",
            "  - exec: a\n    command: b\n    working_directory: \"/b\\0\"\n", "  - directory: \"/a\\0b\"\n",
            "  - exec: \"a\\0b\"\n    command: b\n",
        ])
    func zero(_ resource: String) {
        let lines = ("layer: a\nresources:\n" + resource).split(separator: "\n", omittingEmptySubsequences: false)
        let line = lines.firstIndex { $0.contains("\\0") }.map { $0 + 1 }
        let found = faults(["layers/a.yaml": "layer: a\nresources:\n" + resource])
        #expect(found.map(\.code) == [.badValue] && found.map(\.file) == ["layers/a.yaml"], "\(found)")
        #expect(found.map(\.line) == [line], "\(found)")
        #expect(found.allSatisfy { !$0.reason.contains("longer") })
    }

    /// What a variable comes to in a command, a target or an environment was found out on each machine only.
    @Test("A zero byte in a variable is a fault with file and line", arguments: ["\"b\\0\"", "{c: [d, \"\\0\"]}"])
    func variable(_ value: String) {
        let layer = "layer: a\nvars:\n  one: fine\n  two: \(value)\nresources: []\n"
        let found = faults(["layers/a.yaml": layer])
        #expect(found.map(\.code) == [.badValue] && found.map(\.line) == [4], "\(found)")
        #expect(found.first?.file == "layers/a.yaml" && found.first?.reason.contains("variable two") == true)
    }

    @Test("A zero byte in a file's content is its content")
    func content() throws {
        let stack = try stack(resources: "  - file: /a\n    content: \"b\\0\"\n")
        #expect(try stack.resolved(machine()).content("/a") == "b\0")
    }
}
