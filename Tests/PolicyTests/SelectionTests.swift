import CRDT
import Policy
import Spanner
import Testing

/// Which layers a machine gets, and that equal selections have one body.
@Suite("selections and bodies")
struct SelectionTests {
    private static let layers: [String: String] = [
        "layers/1.yaml": "layer: all\nresources:\n  - directory: /all\n",
        "layers/2.yaml": "layer: web\nmatch: {groups: [web-*, edge], labels: {role: [front, \"back*\"]}}\n",
        "layers/3.yaml": "layer: north\nmatch: {names: \"*.north\"}\n",
        "layers/4.yaml": "layer: labelled\nmatch: {labels: {tier: \"*\"}}\n",
        "layers/5.yaml": "layer: linux\nmatch: {traits: {os.family: linux}}\nresources:\n  - directory: /linux\n",
    ]

    @Test("all kinds of a match have to hold, one pattern of each; traits are left to the machine")
    func matching() throws {
        let read = try stack(Self.layers)
        func layers(_ name: String, _ group: String?, _ labels: [String: String]) throws -> [String] {
            read.selection(for: try machine(name, group: group, labels: labels)).layers
        }
        #expect(try layers("a", nil, [:]) == ["all", "linux"])
        #expect(try layers("a", "web-1", ["role": "front"]) == ["all", "web", "linux"])
        #expect(try layers("a", "edge", ["role": "backend"]) == ["all", "web", "linux"])
        #expect(try layers("a", "edge", ["role": "middle"]) == ["all", "linux"])
        #expect(try layers("a", "edges", ["role": "front"]) == ["all", "linux"])
        #expect(try layers("a", nil, ["role": "front"]) == ["all", "linux"])
        #expect(try layers("a.north", nil, ["tier": ""]) == ["all", "north", "labelled", "linux"])
    }

    @Test("equal selections have equal bodies, and a body is of no machine in particular")
    func equalBodies() throws {
        let read = try stack(Self.layers)
        var generator = Seeded(3)
        var bodies: [StackSelection: PolicyBody] = [:]
        for id in 0..<200 {
            let facts = try machine(
                ["a", "b.north", "c.south"].randomElement(using: &generator)!,
                group: ["web-1", "edge", "none", nil].randomElement(using: &generator)!,
                labels: [["role": "front"], ["tier": "x"], [:]].randomElement(using: &generator)!, id: UInt64(id))
            let selection = read.selection(for: facts)
            let body = try read.body(of: selection).get()
            #expect(bodies.updateValue(body, forKey: selection) ?? body == body)
        }
        #expect(bodies.count > 3)
        #expect(Set(bodies.values).count == bodies.count)
    }

    @Test("a change of one layer changes no body of those that do not get it")
    func unchanged() throws {
        let before = try stack(Self.layers)
        var files = Self.layers
        files["layers/3.yaml"] = "layer: north\nmatch: {names: \"*.north\"}\nresources:\n  - directory: /new\n"
        let after = try stack(files)
        let (south, north) = (try machine("a.south"), try machine("a.north"))
        #expect(
            try before.body(of: before.selection(for: south)).get() == after.body(of: after.selection(for: south)).get()
        )
        #expect(
            try before.body(of: before.selection(for: north)).get() != after.body(of: after.selection(for: north)).get()
        )
    }

    @Test("the digest is of the files, in whatever order; files that belong to no stack count for nothing")
    func digest() throws {
        let given = files(Self.layers.merging(["stack.yaml": "stack: a", "files/x": "1"]) { $1 })
        let one = try Stack.read(given).get()
        let two = try Stack.read(given.reversed() + files(["README.md": "x", ".git/config": "y"])).get()
        #expect(one.digest(by: FakeWitness()) == two.digest(by: FakeWitness()))
        #expect(one.canonicalFiles == two.canonicalFiles)
        #expect(one.canonicalFiles.map(\.path) == one.canonicalFiles.map(\.path).sorted())
        let changed = try Stack.read(given.dropLast(1) + files(["stack.yaml": "stack: b"])).get()
        #expect(changed.digest(by: FakeWitness()) != one.digest(by: FakeWitness()))
        #expect(Stack.takes("layers/a.yaml") && !Stack.takes("README.md"))
    }

    @Test("the head of a stack says how it expires and rolls out; without a word nothing expires")
    func settings() throws {
        let full = try stack([
            "stack.yaml": """
            stack: full
            expiry: {policy: stop, after: 2w}
            rollout: {max_concurrent: 5, min_standing: 2, max_fail: 0}
            """
        ])
        #expect(
            full.settings
                == StackSettings(
                    expiry: .stop, maxAgeSeconds: 1_209_600,
                    rollout: RolloutPolicy(maxConcurrent: 5, minStanding: 2, maxFail: 0)))
        let bare = try stack([:])
        #expect(bare.settings == StackSettings(expiry: .enforceLast, maxAgeSeconds: nil, rollout: RolloutPolicy()))
        #expect(bare.name == "test")
    }

    @Test("the shortest age is taken; a shorter one is refused, but not in a stack that was published before")
    func shortestAge() throws {
        func head(_ after: String) -> [StackFile] {
            files(["stack.yaml": "stack: a\nexpiry: {policy: stop, after: \(after)}\n"])
        }
        #expect(try Stack.read(head("5m")).get().settings.maxAgeSeconds == PolicyStackLimits.maxAgeSecondsMin)
        #expect(throws: StackFaults.self) { try Stack.read(head("20s")).get() }
        #expect(try Stack.read(head("20s"), isKept: true).get().settings.maxAgeSeconds == 20)
    }

    @Test("what exclusive layers say of each other is no circle, no duplicate and no fault")
    func exclusive() throws {
        _ = try stack([
            "layers/1.yaml":
                "layer: a\nmatch: {labels: {os: x}}\nresources:\n"
                + "  - directory: /a\n    requires: directory:/b\n  - directory: /b\n",
            "layers/2.yaml":
                "layer: b\nmatch: {labels: {os: y}}\nresources:\n"
                + "  - directory: /b\n    requires: directory:/a\n  - directory: /a\n",
        ])
        _ = try stack(
            resources: "  - directory: /a\n    when: {os: x}\n  - directory: /a\n    when: {os: y}\n    mode: 0700\n")
        // The later layer's `/a` requires nothing, so that the circle is never closed.
        _ = try stack([
            "layers/1.yaml": "layer: a\nresources:\n  - directory: /a\n    requires: directory:/b\n  - directory: /b\n",
            "layers/2.yaml": "layer: b\nresources:\n  - directory: /b\n    requires: directory:/a\n  - directory: /a\n",
        ])
    }

    @Test("a circle over layers that meet is found where it begins")
    func cycleOverLayers() {
        let found = faults([
            "layers/1.yaml": "layer: a\nresources:\n  - directory: /a\n    requires: directory:/b\n",
            "layers/2.yaml":
                "layer: b\nmatch: {groups: web}\nresources:\n  - directory: /b\n    requires: directory:/a\n",
        ])
        #expect(found.map(\.code) == [.cycle])
        #expect(found.first?.file == "layers/1.yaml")
    }

    @Test("a stack that is read has no circle on any machine whose traits are single values")
    func noCircles() throws {
        var generator = Seeded(99)
        let names = ["a", "b", "c", "d"]
        var (resolved, refused) = (0, 0)
        for _ in 0..<700 {
            var layers: [String: String] = [:]
            for number in 0..<Int.random(in: 1...3, using: &generator) {
                let matches = ["", "labels: {role: x}", "labels: {role: y}", "traits: {os: x}"]
                var text = "layer: l\(number)\nmatch: {\(matches.randomElement(using: &generator)!)}\nresources:\n"
                for name in names where number == 0 || Bool.random(using: &generator) {
                    let others = names.filter { _ in Int.random(in: 0..<5, using: &generator) == 0 }.map {
                        "link:/\($0)"
                    }
                    let condition = ["", "os: x", "os: y"].randomElement(using: &generator)!
                    text += "  - link: /\(name)\n    target: t\n    requires: [\(others.joined(separator: ", "))]\n"
                    text += "    when: {\(condition)}\n"
                }
                layers["layers/\(number).yaml"] = text
            }
            guard let read = try? stack(layers) else {
                refused += 1
                continue
            }
            for role in names.prefix(1) + ["x", "y"] {
                let facts = try machine(labels: ["role": role])
                guard let body = try? read.body(of: read.selection(for: facts)).get() else { continue }
                for os in ["x", "y", "z"] {
                    resolved += 1
                    for resource in body.resolve(facts, traits: ["os": .text(os)], secrets: [:]).resources {
                        if case .failure(let fault) = resource.content { #expect(fault.code != .cycle, "\(layers)") }
                    }
                }
            }
        }
        #expect(resolved > 200 && refused > 50)
    }

    @Test("a body over its limit is a fault that names the layers; others are made")
    func tooLarge() throws {
        let block = String(repeating: "x", count: 400_000)
        let read = try stack([
            "layers/1.yaml": "layer: a\nresources:\n  - file: /a\n    source: x\n  - file: /b\n    source: x\n",
            "layers/2.yaml": "layer: b\nmatch: {groups: big}\nresources:\n  - file: /c\n    source: x\n",
            "files/x": block,
        ])
        guard case .failure(let found) = read.body(of: read.selection(for: try machine(group: "big"))) else {
            Issue.record("made")
            return
        }
        #expect(found.faults.map(\.code) == [.bodyTooLarge])
        #expect(found.faults[0].reason.contains("a, b"))
        _ = try read.body(of: read.selection(for: try machine())).get()
    }
}

/// A hash for tests: no cryptography.
struct FakeWitness: Witness {
    func hash(_ bytes: [UInt8]) -> Bytes32 {
        let half = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return Bytes32(words: (half, half ^ 1, UInt64(bytes.count), 0))
    }
    func verify(signature: [UInt8], over message: [UInt8], by key: VerificationKey) -> Bool { false }
    func author(certifiedBy chain: [[UInt8]]) -> Author? { nil }
    func handsOn(
        _ principal: PrincipalID, of mesh: MeshID, from: KeyFingerprint, to: KeyFingerprint, sealingKey: Bytes32?,
        proof: [UInt8]
    ) -> Bool { false }
}
