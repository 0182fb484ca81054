import Foundation
import Policy
import Spanner
import Testing

/// The stack in `examples/stack` and those in the documentation are what they say.
@Suite("examples")
struct ExampleTests {
    private static func example() throws -> [StackFile] {
        let root = Page.root.appendingPathComponent("examples/stack")
        let paths = try FileManager.default.subpathsOfDirectory(atPath: root.resolvingSymlinksInPath().path)
        return try paths.compactMap { path in
            let url = root.appendingPathComponent(path)
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory), !isDirectory.boolValue
            else {
                return nil
            }
            return StackFile(path: path, bytes: Array(try Data(contentsOf: url)))
        }
    }

    private static let secrets: [String: [UInt8]] = [
        "web/password": Array("hunter2".utf8), "web/upstream-token": Array("t0ken".utf8),
    ]

    @Test("the example is a stack; every machine gets its base")
    func base() throws {
        let read = try Stack.read(try Self.example()).get()
        #expect(read.secretNames == ["web/password", "web/upstream-token"])
        #expect(read.settings.rollout.maxConcurrent == 10)
        let bare = try read.resolved(try machine("db-1"))
        #expect(
            bare.content("/etc/example/motd")
                == "Example Fleet: db-1\nWhat this machine runs is not known.\nAsk: ada grace\n")
        #expect(bare.content("/etc/example/facts") == "name = db-1\ngroup = none\n")
        #expect(bare["file:/etc/example/web/server.conf"] == nil)
        #expect(bare.resources.allSatisfy { if case .success = $0.content { true } else { false } })
    }

    @Test("a stack whose bytes were altered is read, or its faults are told in its own files; nothing traps")
    func altered() throws {
        let example = try Self.example()
        let marks = Array("&*[]{}:-|>'\"!#%@`~?,\n\t 0\u{1}".utf8) + [0xFF, 0xC3, 0x00]
        var generator = Seeded(41)
        var (taken, refused) = (0, 0)
        for _ in 0..<800 {
            var files = example
            let chosen = files.indices.randomElement(using: &generator)!
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !files[chosen].bytes.isEmpty {
                let place = files[chosen].bytes.indices.randomElement(using: &generator)!
                switch Int.random(in: 0...3, using: &generator) {
                case 0: files[chosen].bytes[place] = marks.randomElement(using: &generator)!
                case 1: files[chosen].bytes.insert(marks.randomElement(using: &generator)!, at: place)
                case 2: files[chosen].bytes.remove(at: place)
                default: files[chosen].bytes.removeSubrange(place..<min(place + 40, files[chosen].bytes.count))
                }
            }
            switch Stack.read(files) {
            case .success(let read):
                taken += 1
                _ = try? read.resolved(try machine(labels: ["role": "web"]))
            case .failure(let found):
                refused += 1
                #expect(found.faults.allSatisfy { fault in files.contains { $0.path == fault.file } }, "\(found)")
                #expect(found.faults.allSatisfy { $0.line ?? 1 > 0 })
            }
        }
        #expect(taken > 50 && refused > 50)
    }

    @Test("V1: a web server's files follow its traits, from the same body")
    func web() throws {
        let read = try Stack.read(try Self.example()).get()
        let facts = try machine("web-1", group: "web", labels: ["role": "web"])
        let body = try read.body(of: read.selection(for: facts)).get()
        let small = body.resolve(facts, traits: ["cpu": .object(["count": .integer(2)])], secrets: Self.secrets)
        let large = body.resolve(facts, traits: ["cpu": .object(["count": .integer(16)])], secrets: Self.secrets)
        #expect(small.content("/etc/example/web/server.conf")?.contains("listen 8080\n") == true)
        #expect(large.content("/etc/example/web/server.conf")?.contains("listen 8443\n") == true)
        #expect(small.content("/etc/example/web/workers") == nil)
        #expect(large.content("/etc/example/web/workers") == "16\n")
        #expect(large.content("/etc/example/web/password") == "hunter2")
        #expect(large["file:/etc/example/web/password"]?.isSensitive == true)
        // Below a root of its own too: no command of it names a place of the machine's.
        if case .success(.exec(let reload))? = large["exec:reload web"]?.content {
            #expect(reload.workingDirectory == "/etc/example/web" && reload.command == ["touch", "reloaded"])
        } else {
            Issue.record("no command reloads web")
        }
        #expect(large["file:/etc/example/web/server.conf"]?.notifies.map(\.text) == ["exec:reload web"])
        // S2: the body itself holds no secret.
        #expect(String(decoding: body.bytes, as: UTF8.self).contains("hunter2") == false)
    }

    @Test("every stack in the documentation is read, and every layer in it with a head is one")
    func documentation() throws {
        let page = try Page.read("docs/concepts/policy.md")
        let blocks = page.components(separatedBy: "```yaml\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(blocks.count >= 8)
        let sources = [
            "files/motd.txt": "hello\n", "files/web.conf": "listen {{vars.port}}\n", "files/logo.png": "\u{0}",
        ]
        for block in blocks {
            if block.hasPrefix("stack:") {
                #expect(faults(["stack.yaml": block]).isEmpty, "\(faults(["stack.yaml": block]))")
                continue
            }
            var text = block
            if !text.contains("layer:") {
                text = "layer: x\nvars: {port: 1}\n" + (text.hasPrefix("resources:") ? "" : "resources:\n") + text
            }
            let found = faults(["layers/a.yaml": text].merging(sources) { $1 })
            #expect(found.isEmpty, "\(found)\n\(text)")
        }
    }
}
