import Policy
import Spanner
import Testing

/// What a machine has to be is decided on the machine, each time anew (V1), and a fault is of one resource alone.
@Suite("resolving")
struct ResolveTests {
    @Test("every type comes out as the stack says it")
    func types() throws {
        let resolved = try stack(
            resources: """
                  - file: /f
                    source: raw
                    mode: "0640"
                    owner: root
                    group: 4
                    effect: disruptive
                  - directory: /d
                    mode: 1777
                  - link: /l
                    target: "../{{machine.name}}"
                  - absent: /x
                    recursive: true
                  - exec: restart
                    command: [systemctl, restart, "{{traits.unit}}"]
                    unless: test -e /a
                    onlyif: [test, -e, /b]
                    creates: /c
                    timeout: 2m
                    refresh_only: true
                    working_directory: /tmp
                    environment: {A: "1", TOKEN: "secret:t", EMPTY: ""}
                  - package: nginx
                    timeout: 1h
                    properties: {state: "{{traits.state}}", count: 3, list: [true, null, 1.5, secret:t], key: {a: b}}
                """, files: ["files/raw": "{{not a template}}\u{0}"]
        ).resolved(
            try machine(), traits: ["unit": .text("web"), "state": .text("latest")], secrets: ["t": Array("s3".utf8)])
        let specs = try resolved.resources.map { try $0.content.get() }
        #expect(
            specs == [
                .file(
                    FileSpec(
                        path: "/f", content: Array("{{not a template}}\u{0}".utf8), mode: 0o640, owner: "root",
                        group: "4")),
                .directory(DirectorySpec(path: "/d", mode: 0o1777)),
                .link(LinkSpec(path: "/l", target: "../web-1.example")),
                .absent(AbsentSpec(path: "/x", recursive: true)),
                .exec(
                    ExecSpec(
                        name: "restart", command: ["systemctl", "restart", "web"],
                        unless: ["/bin/sh", "-c", "test -e /a"],
                        onlyIf: ["test", "-e", "/b"], creates: "/c", timeoutSeconds: 120, refreshOnly: true,
                        workingDirectory: "/tmp", environment: ["A": "1", "TOKEN": "s3", "EMPTY": ""])),
                .handler(
                    HandlerSpec(
                        type: "package", name: "nginx",
                        properties: .object([
                            "state": .text("latest"), "count": .integer(3), "key": .object(["a": .text("b")]),
                            "list": .list([.bool(true), .null, .number(1.5), .text("s3")]),
                        ]), timeoutSeconds: 3_600)),
            ])
        #expect(resolved.resources.map(\.effect) == [.disruptive, .safe, .safe, .safe, .safe, .safe])
        #expect(resolved.resources.map(\.isSensitive) == [false, false, false, false, true, true])
        #expect(resolved.resources[0].origin == "layers/a.yaml:3")
    }

    @Test(
        "plain scalars are YAML 1.2; what readers differ on is refused or text",
        arguments: [
            ("yes", PolicyValue.text("yes")), ("on", .text("on")), ("true", .bool(true)), ("\"true\"", .text("true")),
            ("12", .integer(12)), ("-12", .integer(-12)), ("\"12\"", .text("12")), ("0", .integer(0)),
            ("0o17", .integer(15)), ("0xff", .integer(255)), ("1.50", .number(1.5)), ("1e3", .number(1_000)),
            (".5", .number(0.5)), ("1.2.3", .text("1.2.3")), ("12:30", .text("12:30")),
            ("2024-01-01", .text("2024-01-01")),
            ("~", .null), ("null", .null), ("", .null), ("''", .text("")), ("1_000", .text("1_000")),
            ("!!str 12", .text("12")), ("-0.0", .number(0)), ("0x", .text("0x")), ("0x-1", .text("0x-1")),
            ("9223372036854775807", .integer(.max)),
        ])
    func scalars(_ written: String, _ value: PolicyValue) throws {
        let resolved = try stack(resources: "  - thing: a\n    properties: {v: \(written)}\n").resolved(try machine())
        guard case .success(.handler(let handler))? = resolved["thing:a"]?.content else {
            Issue.record("no handler")
            return
        }
        #expect(handler.properties == .object(["v": value]))
    }

    @Test("a later layer's resource takes an earlier one's place, of whatever type the path is; its vars too")
    func later() throws {
        let read = try stack([
            "layers/1.yaml": """
            layer: one
            vars: {a: 1, b: 1}
            resources:
              - file: /x
                content: "{{vars.a}}{{vars.b}}"
              - file: /y
                content: one
              - link: /z
                target: y
                requires: file:/y
            """,
            "layers/2.yaml": """
            layer: two
            match: {traits: {os.id: debian}}
            vars: {b: 2}
            resources:
              - absent: /y
            """,
        ])
        let elsewhere = try read.resolved(try machine())
        #expect(elsewhere.content("/x") == "11")
        #expect(elsewhere.resources.map(\.id.text) == ["file:/x", "file:/y", "link:/z"])
        let debian = try read.resolved(try machine(), traits: ["os": .object(["id": .text("debian")])])
        #expect(debian.content("/x") == "12")
        #expect(debian.resources.map(\.id.text) == ["file:/x", "absent:/y", "link:/z"])
        #expect(debian["link:/z"]?.requires.map(\.text) == ["absent:/y"])
    }

    @Test(
        "conditions ask traits for text, patterns, numbers and presence",
        arguments: [
            ("os.id: debian", true), ("os.id: deb*", true), ("os.id: [rhel, debian]", true), ("os.id: rhel", false),
            ("os.id: {not: rhel}", true), ("os.id: {not: [deb*]}", false), ("os.version: 12", true),
            ("os.version: \"12\"", true), ("os.version: 12.0", false), ("nets: eth*", true), ("nets: wlan0", false),
            ("gone: {exists: false}", true), ("os: {exists: true}", true), ("os.id: {exists: false}", false),
            ("cpu: {at_least: 4}", true), ("cpu: {at_least: 4.5}", false), ("cpu: {at_most: 4, at_least: 2}", true),
            ("gone: {at_most: 4}", false), ("gone: {not: x}", true), ("gone: x", false), ("os: x", false),
            ("text: {at_least: 7}", true), ("on: true", true), ("on: {is: \"false\"}", false), ("os.id.x: y", false),
        ])
    func conditions(_ condition: String, _ holds: Bool) throws {
        let traits: [String: PolicyValue] = [
            "os": .object(["id": .text("debian"), "version": .text("12")]), "cpu": .integer(4), "text": .text("7.5"),
            "nets": .list([.text("lo"), .text("eth0")]), "on": .bool(true),
        ]
        let inLayer = try stack([
            "layers/a.yaml": "layer: a\nmatch:\n  traits:\n    \(condition)\nresources:\n  - directory: /d\n"
        ])
        #expect((try inLayer.resolved(try machine(), traits: traits)["directory:/d"] != nil) == holds)
        let here = try stack(resources: "  - directory: /d\n    when:\n      \(condition)\n")
        #expect((try here.resolved(try machine(), traits: traits)["directory:/d"] != nil) == holds)
    }

    @Test("each comes after what it requires, and after the directory above it; otherwise as the stack has it")
    func order() throws {
        let resolved = try stack(
            resources: """
                  - file: /a/b/c/f
                    content: x
                  - exec: last
                    command: b
                    requires: [exec:first, file:/a/b/c/f]
                  - directory: /a
                    requires: exec:first
                  - exec: first
                    command: a
                  - directory: /z
                """
        ).resolved(try machine())
        #expect(
            resolved.resources.map(\.id.text) == [
                "exec:first", "directory:/a", "file:/a/b/c/f", "exec:last", "directory:/z",
            ])
        #expect(resolved["file:/a/b/c/f"]?.requires.map(\.text) == ["directory:/a"])
    }

    @Test("what conditions take away is a fault of those that require it; nobody there is told nothing")
    func missing() throws {
        let resolved = try stack(
            resources: """
                  - directory: /a
                    when: {os: debian}
                  - exec: reload
                    command: x
                    when: {os: debian}
                  - link: /l
                    target: a
                    requires: directory:/a
                    notify: exec:reload
                  - file: /f
                    content: x
                    notify: exec:reload
                """
        ).resolved(try machine())
        #expect(resolved.resources.map(\.id.text) == ["link:/l", "file:/f"])
        #expect(resolved.fault("link:/l")?.code == .missingRequirement)
        #expect(resolved.content("/f") == "x")
        #expect(resolved.resources.allSatisfy { $0.notifies.isEmpty })
    }

    @Test("a circle that only some traits close is a fault of its members; the rest goes on")
    func cycle() throws {
        // Two conditions on a list both hold, which the reader of the stack takes for impossible.
        let resolved = try stack(
            resources: """
                  - directory: /a
                    when: {tags: x}
                    requires: directory:/b
                  - directory: /b
                    requires: link:/k
                  - link: /k
                    target: k
                    when: {tags: y}
                    requires: directory:/a2
                  - directory: /a2
                    requires: exec:loop
                  - exec: loop
                    command: x
                    requires: link:/j
                  - link: /j
                    target: x
                    when: {tags: y}
                    requires: directory:/c
                  - directory: /c
                    requires: exec:back
                  - exec: back
                    command: x
                    when: {tags: x}
                    requires: directory:/b
                  - directory: /d
                    requires: exec:e
                  - exec: e
                    command: f
                """
        ).resolved(try machine(), traits: ["tags": .list([.text("x"), .text("y")])])
        for id in ["directory:/b", "link:/k", "exec:loop", "exec:back"] { #expect(resolved.fault(id)?.code == .cycle) }
        #expect(resolved["directory:/a"]?.requires.map(\.text) == ["directory:/b"])
        #expect(resolved.fault("directory:/a") == nil)
        #expect(resolved.resources.map(\.id.text).suffix(2) == ["exec:e", "directory:/d"])
    }

    @Test("a command that comes to nothing, and a link to nothing, are faults of their own")
    func badValues() throws {
        let resolved = try stack(
            resources: """
                  - exec: a
                    command: ["{{traits.x}}"]
                  - exec: b
                    command: [echo, "{{traits.zero}}"]
                  - link: /l
                    target: "{{traits.x}}"
                  - exec: c
                    command: [echo, "{{traits.x}}"]
                """
        ).resolved(try machine(), traits: ["x": .text(""), "zero": .text("a\u{0}b")])
        for id in ["exec:a", "exec:b", "link:/l"] { #expect(resolved.fault(id)?.code == .badValue) }
        #expect(resolved.fault("exec:c") == nil)
    }

    @Test("a secret that did not come is a fault of what needs it (S1: its value is in no fault)")
    func missingSecret() throws {
        let read = try stack(
            resources: """
                  - file: /s
                    content: secret:db/password
                  - file: /f
                    content: "x {{secret:binary}}"
                  - file: /g
                    content: y
                """)
        #expect(read.secretNames == ["binary", "db/password"])
        let bare = try read.resolved(try machine())
        #expect(bare.fault("file:/s")?.code == .missingSecret)
        #expect(bare.content("/g") == "y")
        #expect(bare["file:/s"]?.isSensitive == true)
        let canary: [UInt8] = [0x63, 0x61, 0x6E, 0xFF]
        let given = try read.resolved(try machine(), secrets: ["db/password": canary, "binary": canary])
        #expect(try given["file:/s"]?.content.get() == .file(FileSpec(path: "/s", content: canary)))
        #expect(given.fault("file:/f")?.code == .badSecret)
        #expect(given.fault("file:/f")?.reason == "the secret binary is no text in UTF-8")
    }
}
