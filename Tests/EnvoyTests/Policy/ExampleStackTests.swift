import BoltAPI
import Foundation
import Policy
import Spanner
import Testing

@testable import Envoy

/// `examples/stack` is the first that people try: facts of a real machine are enough for it.
@Suite struct ExampleStackTests {
    private static func files() throws -> [StackFile] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("examples/stack")
        let paths =
            ["stack.yaml", "files/facts.txt", "files/web/server.conf"]
            + (try FileManager.default.contentsOfDirectory(atPath: root.path + "/layers")).map { "layers/\($0)" }
        return try paths.map { path in
            StackFile(path: path, bytes: Array(try Data(contentsOf: root.appendingPathComponent(path))))
        }
    }

    @Test("every resource of the example can be told from this machine's own facts", arguments: ["web", "db"])
    func example(role: String) throws {
        let stack = try Stack.read(try Self.files()).get()
        var machine = try Machine.facts()
        machine.labels["role"] = role
        let body = try stack.body(of: stack.selection(for: machine)).get()
        var traits = MachineTraits.gather().mapValues { PolicyValue($0) }
        traits["cpu"] = .object(["count": .integer(16)])
        let secrets = Dictionary(uniqueKeysWithValues: body.secretNames.map { ($0, Array("secret".utf8)) })
        let resolved = body.resolve(machine, traits: traits, secrets: secrets)
        #expect(resolved.resources.contains { $0.id.text == "file:/etc/example/facts" })
        for resource in resolved.resources {
            if case .failure(let fault) = resource.content { Issue.record("\(resource.id.text): \(fault)") }
        }
    }
}
