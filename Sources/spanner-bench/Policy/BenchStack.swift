import Foundation
import SpannerTestKit

/// Stacks of a size, in a folder of their own.
struct BenchStack {
    let path: String

    /// So many rules for every machine: a directory, and files in it with a line each.
    init(rules: Int, in scratch: ScratchDirectory) throws {
        var layer = "layer: all\nresources:\n  - {directory: /b}\n"
        for number in 1..<max(1, rules) { layer += "  - {file: /b/\(number), content: \"\(number)\\n\"}\n" }
        try self.init(name: "rules-\(rules)", layer: layer, in: scratch)
    }

    /// One file with so many bytes of text that no packing makes small.
    init(bytes: Int, in scratch: ScratchDirectory) throws {
        var numbers = Seeded(7)
        let text = Data(numbers.bytes(bytes * 3 / 4)).base64EncodedString()
        try self.init(
            name: "bytes-\(bytes)", layer: "layer: all\nresources:\n  - {file: /one, content: \"\(text)\"}\n",
            in: scratch)
    }

    private init(name: String, layer: String, in scratch: ScratchDirectory) throws {
        path = scratch.file("stack-\(name)")
        try FileManager.default.createDirectory(atPath: path + "/layers", withIntermediateDirectories: true)
        try "stack: bench\n".write(toFile: path + "/stack.yaml", atomically: true, encoding: .utf8)
        try layer.write(toFile: path + "/layers/10-all.yaml", atomically: true, encoding: .utf8)
    }
}

extension RealMesh {
    /// Puts a stack in force at the only partition.
    func publish(_ stack: BenchStack) throws {
        _ = try control(["stack", "publish", stack.path, "--yes", "--reason", "bench"])
    }

    /// What an envoy is to have, once it is to have something that it did not have before.
    func leaf(of name: String, unless before: String? = nil) throws -> (hash: String, sequence: Int, body: String) {
        var found: (hash: String, sequence: Int, body: String)?
        _ = RealMesh.wait(seconds: 60, every: 100) {
            guard let policy = try? self.control(["envoy", "show", name])["envoy"]["policy"],
                let hash = policy["leaf"].text, let sequence = policy["sequence"].number,
                let body = policy["body"].text, hash != before
            else { return false }
            found = (hash, Int(sequence), body)
            return true
        }
        guard let found else { throw BenchFailure("\(name) is given no policy within a minute") }
        return found
    }
}
