import BoltAPI
import Foundation
import Policy

/// The example stack of the repository, with a layer more: a file that follows a fact which machines tell themselves.
enum DemoStack {
    /// The fact, and the file that follows it.
    static let (trait, path) = ("weather", "/etc/example/weather")

    private static let layer = """
        # Of the demo: changes with the machine, with or without a server.
        layer: weather
        resources:
          - file: \(path)
            content: "{{traits.custom.\(trait)}}\\n"
            requires: directory:/etc/example

        """

    /// Copies it to a directory, which must not exist. `source` is where the example is; nil looks for it.
    static func make(at directory: String, from source: String?) throws -> [StackFileBody] {
        guard let example = source ?? find() else {
            throw CommandFailure(
                "no_example", "the example stack is not found",
                reason: "no directory from here up, or from this program up, holds examples/stack",
                next: "name one with --stack DIR", status: .usage)
        }
        try FileManager.default.copyItem(atPath: example, toPath: directory)
        // All at once: the demo's other agents only report, so a roll-out in steps would wait for them.
        try "stack: example\n".write(toFile: "\(directory)/stack.yaml", atomically: true, encoding: .utf8)
        try layer.write(toFile: "\(directory)/layers/90-weather.yaml", atomically: true, encoding: .utf8)
        return try StackDirectory.bodies(LocalStack(directory).require().canonicalFiles)
    }

    /// `examples/stack` of the working directory or of one above it, else of one above this program.
    private static func find() -> String? {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let starts = [FileManager.default.currentDirectoryPath, own ?? "/"]
        for start in starts {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                let place = folder.appending(path: "examples/stack").path
                if FileManager.default.fileExists(atPath: "\(place)/stack.yaml") { return place }
                folder.deleteLastPathComponent()
            }
        }
        return nil
    }
}
