import Foundation

/// One run of a program, to its end or to its deadline.
struct Command {
    /// What it left behind.
    struct Output: CustomStringConvertible {
        let status: Int32
        let standardOutput: String
        let standardError: String

        var description: String { "exit \(status)\n--- stdout\n\(standardOutput)\n--- stderr\n\(standardError)" }

        /// Standard output as one JSON object.
        var json: [String: Any]? {
            (try? JSONSerialization.jsonObject(with: Data(standardOutput.utf8))) as? [String: Any]
        }

        /// Standard output as a JSON list.
        var jsonList: [[String: Any]]? {
            (try? JSONSerialization.jsonObject(with: Data(standardOutput.utf8))) as? [[String: Any]]
        }
    }

    /// The folder of the programs under test: beside the test bundle.
    static let binaries: URL = {
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let candidates = [runner.deletingLastPathComponent()] + bundleFolders()
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0.appending(path: "boltctl").path) }
            ?? runner.deletingLastPathComponent()
    }()

    /// Our environment without what is meant for this program's build and tests: a bolt refuses settings that it
    /// does not know.
    static let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BOLT_") }

    private static func bundleFolders() -> [URL] {
        CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent()
        } + [
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().appending(path: ".build/debug")
        ]
    }

    /// Runs one of our programs, or any other by its absolute path. Ends it at the deadline, by its id.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        deadline: TimeInterval = 60
    ) throws -> Output {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bolt-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (out, err) = (folder.appending(path: "out"), folder.appending(path: "err"))
        for file in [out, err] { _ = FileManager.default.createFile(atPath: file.path, contents: nil) }
        let handles = try [out, err].map { try FileHandle(forWritingTo: $0) }
        var source = FileHandle.nullDevice
        if let input {
            let file = folder.appending(path: "in")
            try Data(input.utf8).write(to: file)
            source = try FileHandle(forReadingFrom: file)
        }
        defer { for handle in handles { try? handle.close() } }
        let child = try Child(
            program, arguments, environment: environment, input: source.fileDescriptor,
            output: handles[0].fileDescriptor, error: handles[1].fileDescriptor)
        let status = child.wait(seconds: deadline)
        return Output(
            status: status,
            standardOutput: (try? String(contentsOf: out, encoding: .utf8)) ?? "",
            standardError: (try? String(contentsOf: err, encoding: .utf8)) ?? "")
    }
}
