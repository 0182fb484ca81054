import Foundation
import Policy
import Spanner
import Testing

/// A body is its bytes: they come back as they were, and no other bytes are one.
@Suite("bodies")
struct BodyTests {
    /// A body with everything in it.
    private static func full() throws -> PolicyBody {
        let read = try stack([
            "layers/1.yaml": """
            layer: one
            match: {traits: {os: [a, b*], cpu: {at_least: 2, at_most: 8.5}, x: {exists: true}, y: {not: z}}}
            vars: {a: {b: [1, -7, 1.5, true, null, text]}, c: ""}
            resources:
              - file: /a
                content: "{{traits.t}} {{secret:s/1}}"
                mode: 0600
                owner: root
                group: adm
                when: {k: v}
              - file: /b
                source: raw
              - file: /c
                template: tpl
                requires: [file:/a, file:/b]
                notify: [exec:e, "service:x y"]
              - directory: /d
              - link: /l
                target: d
              - absent: /gone
              - exec: e
                command: [a, b]
                unless: c
                environment: {B: secret:s/2, A: x}
                effect: disruptive
              - service: x y
                properties: {z: [secret:s/3], a: {b: "{{vars.c}}"}}
            """, "files/raw": "\u{0}raw", "files/tpl": "{{#traits.l}}{{.}}{{/traits.l}}",
        ])
        return try read.body(of: read.selection(for: try machine())).get()
    }

    @Test("bytes of a body give the body, and that gives the bytes")
    func roundTrip() throws {
        let body = try Self.full()
        let again = try PolicyBody(bytes: body.bytes)
        #expect(again == body)
        #expect(again.bytes == body.bytes)
        #expect(again.secretNames == ["s/1", "s/2", "s/3"])
        let traits: [String: PolicyValue] = [
            "os": .text("a"), "cpu": .integer(2), "x": .bool(false), "k": .text("v"), "t": .text("T"),
        ]
        let facts = try machine()
        let (one, two) = (
            body.resolve(facts, traits: traits, secrets: [:]), again.resolve(facts, traits: traits, secrets: [:])
        )
        #expect(one.resources.map(\.id) == two.resources.map(\.id))
        #expect(one.resources.count == 8)
    }

    @Test("cut, longer and altered bytes are refused or another body with its own bytes; nothing traps")
    func mutations() throws {
        let bytes = try Self.full().bytes
        for count in 0..<bytes.count {
            #expect(throws: PolicyBodyFailure.self) { try PolicyBody(bytes: Array(bytes.prefix(count))) }
        }
        #expect(throws: PolicyBodyFailure.self) { try PolicyBody(bytes: bytes + [0]) }
        var generator = Seeded(11)
        let facts = try machine()
        var taken = 0
        for place in bytes.indices {
            for _ in 0..<6 {
                var altered = bytes
                altered[place] = UInt8.random(in: 0...255, using: &generator)
                if Bool.random(using: &generator) {
                    altered[Int.random(in: 0..<altered.count, using: &generator)] = UInt8.random(
                        in: 0...255, using: &generator)
                }
                guard let body = try? PolicyBody(bytes: altered) else { continue }
                taken += 1
                #expect(body.bytes == altered)
                _ = body.resolve(facts, traits: ["os": .text("a")], secrets: [:])
            }
        }
        #expect(taken > 0)
    }

    @Test("random bytes and counts without end are refused without much memory")
    func rubbish() throws {
        var generator = Seeded(5)
        let mark = Array(try Self.full().bytes.prefix(10))
        for _ in 0..<2_000 {
            let tail = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                Bool.random(using: &generator) ? UInt8(0xFF) : UInt8.random(in: 0...255, using: &generator)
            }
            _ = try? PolicyBody(bytes: tail)
            _ = try? PolicyBody(bytes: mark + tail)
        }
        // Lists within lists, each of which says that it is as long as all that is left.
        var deep = mark + [1, 1, 0x61, 1, 0x61, 0, 1, 1, 0x61]
        for _ in 0..<100 { deep += [5, 0xA0, 0x9C, 0x01] }
        deep += Array(repeating: 0, count: 50_000)
        #expect(throws: PolicyBodyFailure.self) { try PolicyBody(bytes: deep) }
        #expect(throws: PolicyBodyFailure.self) {
            try PolicyBody(bytes: Array(repeating: 0, count: PolicyStackLimits.bodyBytesMax + 1))
        }
    }

    @Test("resolving never traps, whatever the traits are, and each resource is there once, after what it requires")
    func anyTraits() throws {
        let body = try Self.full()
        let facts = try machine(group: "g", labels: ["a": "b"])
        var generator = Seeded(23)
        for _ in 0..<2_000 {
            var traits: [String: PolicyValue] = [:]
            for name in ["os", "cpu", "x", "y", "k", "t", "l"] where Bool.random(using: &generator) {
                traits[name] = Self.value(&generator, depth: 4)
            }
            let resolved = body.resolve(facts, traits: traits, secrets: ["s/1": [0xFF], "s/2": [65], "s/3": []])
            var seen: Set<ResourceID> = []
            for resource in resolved.resources {
                #expect(seen.isSuperset(of: resource.requires))
                #expect(seen.insert(resource.id).inserted)
            }
        }
    }

    private static func value(_ generator: inout Seeded, depth: Int) -> PolicyValue {
        switch Int.random(in: 0...(depth > 0 ? 8 : 6), using: &generator) {
        case 0: .null
        case 1: .bool(Bool.random(using: &generator))
        case 2: .integer(Int64.random(in: .min ... .max, using: &generator))
        case 3: .number(Double(bitPattern: generator.next()))
        case 4: .text(["", "a", "b*", "v", "5", "{{", "\u{0}"].randomElement(using: &generator)!)
        case 5: .integer(3)
        case 6: .text("a")
        case 7: .list((0..<Int.random(in: 0...4, using: &generator)).map { _ in value(&generator, depth: depth - 1) })
        default: .object(["a": value(&generator, depth: depth - 1), "os": value(&generator, depth: depth - 1)])
        }
    }

    @Test("values are plain JSON, integers stay integers, and depth is bounded")
    func json() throws {
        let text = #"{"a":[1,-2,1.5,true,null,"x"],"b":{"c":9223372036854775807}}"#
        let value = try JSONDecoder().decode(PolicyValue.self, from: Data(text.utf8))
        #expect(
            value
                == .object([
                    "a": .list([.integer(1), .integer(-2), .number(1.5), .bool(true), .null, .text("x")]),
                    "b": .object(["c": .integer(.max)]),
                ]))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        #expect(String(decoding: try encoder.encode(value), as: UTF8.self) == text)
        let deep = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
        #expect(throws: (any Error).self) { try JSONDecoder().decode(PolicyValue.self, from: Data(deep.utf8)) }
    }

    @Test("facts of a machine are JSON that refuses what are no names")
    func facts() throws {
        let facts = try machine("a.b", group: "web", labels: ["x": "y"], id: 77)
        let data = try JSONEncoder().encode(facts)
        #expect(try JSONDecoder().decode(StandingFacts.self, from: data) == facts)
        let text = String(decoding: data, as: UTF8.self)
        for (name, wrong) in [("a.b", "A B"), ("web", "W_"), ("4d", "4"), ("\"y\"", "1")] {
            let altered = text.replacing("\"\(name)", with: "\"\(wrong)").replacing(name, with: wrong)
            #expect(throws: (any Error).self) { try JSONDecoder().decode(StandingFacts.self, from: Data(altered.utf8)) }
        }
    }

    @Test(
        "ids are types and names; paths are absolute and normal",
        arguments: [
            ("file:/etc/motd", true), ("exec:reload web: now", true), ("a-1:x", true), ("file:/", false),
            ("file:/a/", false),
            ("file:a", false), ("file:/a/./b", false), ("file:/a/..", false), ("file:/..a/b..", true),
            ("file://a", false),
            ("file:/a\u{0}b", false), ("File:/a", false), ("1a:x", false), (":x", false), ("x:", false), ("x", false),
            ("x: y", false), ("x:y\nz", false), ("link:/ü", true),
        ])
    func ids(_ text: String, _ isOne: Bool) {
        #expect((ResourceID(text) != nil) == isOne)
        #expect(ResourceID(text).map(\.text) ?? text == text)
    }
}
