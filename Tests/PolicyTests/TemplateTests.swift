import Policy
import Testing

/// Templates are Mustache on the machine, strictly: what is not there is a fault of that resource alone.
@Suite("templates")
struct TemplateTests {
    /// The content of a file that is this template.
    private func render(
        _ template: String, vars: String = "", traits: [String: PolicyValue] = [:], labels: [String: String] = [:],
        group: String? = nil, secrets: [String: [UInt8]] = [:]
    ) throws -> ResolvedPolicy {
        let layer = "layer: a\nvars: {\(vars)}\nresources:\n  - file: /t\n    template: t\n"
        return try stack(["layers/a.yaml": layer, "files/t": template])
            .resolved(try machine(group: group, labels: labels), traits: traits, secrets: secrets)
    }

    private static let traits: [String: PolicyValue] = [
        "name": .text("<b>&amp;"), "count": .integer(3), "load": .number(0.5), "on": .bool(true), "off": .bool(false),
        "none": .null, "empty": .list([]), "list": .list([.text("a"), .integer(2), .bool(true), .null]),
        "nets": .list([
            .object(["name": .text("eth0"), "addresses": .list([.text("10.0.0.1"), .text("10.0.0.2")])]),
            .object(["name": .text("lo")]),
        ]),
        "os": .object(["id": .text("debian"), "count": .integer(12)]),
    ]

    @Test(
        "variables, sections and inverted sections are as Mustache has them; nothing is escaped",
        arguments: [
            ("{{traits.name}} {{{traits.name}}} {{& traits.name }}", "<b>&amp; <b>&amp; <b>&amp;"),
            ("{{traits.count}} {{traits.load}} {{traits.on}} {{traits.off}}", "3 0.5 true false"),
            ("{{#traits.on}}yes{{/traits.on}}{{#traits.off}}no{{/traits.off}}", "yes"),
            (
                "{{^traits.off}}a{{/traits.off}}{{^traits.none}}b{{/traits.none}}{{^traits.gone}}c{{/traits.gone}}",
                "abc"
            ),
            ("{{^traits.empty}}empty{{/traits.empty}}{{#traits.empty}}full{{/traits.empty}}", "empty"),
            ("{{#traits.list}}[{{.}}]{{/traits.list}}", "[a][2][true]"),
            (
                "{{#traits.nets}}{{name}}:{{#addresses}} {{.}}{{/addresses}};{{/traits.nets}}",
                "eth0: 10.0.0.1 10.0.0.2;lo:;"
            ),
            ("{{#traits.os}}{{id}} {{count}} {{machine.name}}{{/traits.os}}", "debian 12 web-1.example"),
            ("{{#traits.nets}}{{#traits.on}}{{name}}{{/traits.on}}{{/traits.nets}}", "eth0lo"),
            ("a{{! not shown }}b", "ab"),
            ("one\n{{#traits.on}}\ntwo\n{{/traits.on}}\nthree\n", "one\ntwo\nthree\n"),
            ("  {{#traits.on}}  \r\n  two\r\n  {{/traits.on}}\r\nend", "  two\r\nend"),
            ("a {{#traits.on}} b {{/traits.on}} c\n", "a  b  c\n"),
            ("{{#traits.list}}\n- {{.}}\n{{/traits.list}}\n", "- a\n- 2\n- true\n"),
            ("\\{{x}} \\\\{{traits.count}} {\\{{ }} { } {", "{{x}} \\3 {{{ }} { } {"),
            ("{{traits.count}}}\u{301}e\u{301}{{traits.count}}", "3}\u{301}e\u{301}3"),
            ("{{vars.port}} {{vars.deep.er}} {{machine.id}}", "80 x 00000000000000000000000000000001"),
            ("{{#vars.all}}{{machine.group}}{{labels.role}}{{/vars.all}}", "blueweb"),
            ("a\n  ", "a\n  "), (" ", " "), ("{{traits.count}}\n\t", "3\n\t"),
            ("{{#traits.on}}a{{/traits.on}} \t", "a \t"),
            ("", ""), ("\n\n", "\n\n"), ("{", "{"), ("}}", "}}"),
        ])
    func renders(_ template: String, _ expected: String) throws {
        let resolved = try render(
            template, vars: "port: 80, deep: {er: x}, all: true", traits: Self.traits, labels: ["role": "web"],
            group: "blue")
        #expect(resolved.content("/t") == expected, "\(String(describing: resolved.fault("file:/t")))")
    }

    @Test(
        "what this machine does not have is told with its line, and what is no single value too",
        arguments: [
            ("a\n{{traits.gone}}", "template_unknown_variable", "line 2"),
            ("{{traits.none}}", "template_unknown_variable", "traits.none"),
            ("{{traits.os.id.x}}", "template_unknown_variable", "traits.os.id.x"),
            ("{{labels.role}}", "template_unknown_variable", "labels.role"),
            ("{{machine.group}}", "template_unknown_variable", "machine.group"),
            ("{{#traits.nets}}{{other}}{{/traits.nets}}", "template_unknown_variable", "other"),
            ("{{traits.nets}}", "template_failed", "section"),
            ("{{traits.os}}", "template_failed", "section"),
            ("{{#traits.nets}}{{.}}{{/traits.nets}}", "template_failed", "section"),
            ("{{secret:db/password}}", "secret_missing", "db/password"),
            ("{{secret:binary}}", "secret_not_text", "binary"),
        ])
    func isStrict(_ template: String, _ code: String, _ says: String) throws {
        let fault = try #require(
            try render(template, traits: Self.traits, secrets: ["binary": [0xFF, 0xFE]]).fault("file:/t"))
        #expect(fault.code.rawValue == code)
        #expect(fault.reason.contains(says))
        #expect(!fault.next.isEmpty)
    }

    @Test("a secret stands as it is, whatever is in it; the resource is sensitive then")
    func secrets() throws {
        let value = "{{traits.name}} \\{{ <&> ü\n{{#x}}"
        let resolved = try render(
            "p={{ secret:db/password }};{{#traits.list}}{{secret:db/password}}{{/traits.list}}",
            traits: ["list": .list([.object(["-s0": .text("wrong")])])], secrets: ["db/password": Array(value.utf8)])
        #expect(resolved.content("/t") == "p=\(value);\(value)")
        #expect(resolved["file:/t"]?.isSensitive == true)
        #expect(try render("{{machine.name}}")["file:/t"]?.isSensitive == false)
    }

    @Test("a template that makes too much is a fault before any of it is made")
    func isBounded() throws {
        let long = PolicyValue.list(Array(repeating: .text(String(repeating: "x", count: 100)), count: 1_000))
        let nested =
            String(repeating: "{{#traits.l}}", count: 4) + "{{machine.name}}"
            + String(repeating: "{{/traits.l}}", count: 4)
        for template in [
            nested, "{{#traits.l}}{{#traits.l}}{{/traits.l}}{{/traits.l}}",
            String(repeating: "{{#traits.l}}{{.}}{{/traits.l}}", count: 20),
        ] {
            let fault = try render(template, traits: ["l": long]).fault("file:/t")
            #expect(fault?.code == .tooLarge)
        }
        let fits = try render("{{#traits.l}}{{.}}{{/traits.l}}", traits: ["l": long])
        #expect(fits.content("/t")?.utf8.count == 100_000)
    }

    @Test("all templates of a pass together are bounded; those before stay")
    func passIsBounded() throws {
        let text = "{{#traits.l}}{{.}}{{/traits.l}}"
        let resources = (100..<150).map { "  - file: /t/\($0)\n    content: \"\(text)\"\n" }.joined()
        let long = PolicyValue.list(Array(repeating: .text(String(repeating: "x", count: 10_000)), count: 100))
        let resolved = try stack(resources: resources).resolved(try machine(), traits: ["l": long])
        let codes = resolved.resources.map { resource -> ResourceFaultCode? in
            guard case .failure(let fault) = resource.content else { return nil }
            return fault.code
        }
        #expect(codes.first == .some(nil))
        #expect(codes.last == .some(.tooLarge))
        #expect(resolved.resources.count == 50)
    }

    @Test("deep sections and many tags are faults of the stack")
    func limits() {
        let deep = String(repeating: "{{#a}}", count: 17) + String(repeating: "{{/a}}", count: 17)
        let many = String(repeating: "{{machine.name}}", count: PolicyStackLimits.templateTagsMax + 1)
        for template in [deep, many, String(repeating: "{{#a}}", count: 40_000)] {
            let found = faults([
                "layers/a.yaml": "layer: a\nresources:\n  - file: /t\n    template: t\n", "files/t": template,
            ])
            #expect(found.map(\.code) == [.template])
        }
    }

    @Test("any text is a template, a fault of the stack or a fault of the resource: nothing traps")
    func anyText() throws {
        let pieces = [
            "{{", "}}", "{{{", "}}}", "{", "}", "#", "^", "/", "!", "&", ">", "=", "%", "$", "<", ".", "traits",
            "vars.a", " ",
            "\n", "\r\n", "\\", "secret:", "secret:a", "{{#traits.l}}", "{{/traits.l}}", "{{^traits.l}}", "{{.}}", "ü",
            "\u{301}",
            "{{traits.t}}", "-t0", "{{-t0}}", "{{-s0}}", "x", "\0",
        ]
        var generator = Seeded(7)
        var rendered = 0
        for _ in 0..<3_000 {
            let text = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                pieces.randomElement(using: &generator)!
            }
            .joined()
            guard
                let read = try? stack([
                    "layers/a.yaml": "layer: a\nresources:\n  - file: /t\n    template: t\n", "files/t": text,
                ])
            else { continue }
            let resolved = try read.resolved(
                try machine(), traits: ["l": .list([.text("1"), .object([:])]), "t": .text("T")], secrets: ["a": [65]])
            if let content = resolved.content("/t") {
                rendered += 1
                #expect(!content.contains("-t0}}") || text.contains("-t0"))
                if !text.contains("{{") { #expect(content == text) }
            }
        }
        #expect(rendered > 300)
    }
}
