import BoltAPI
import Foundation

/// The contexts file of this user.
enum Contexts {
    /// `BOLTCTL_CONFIG`, else `boltctl/config.yaml` below `XDG_CONFIG_HOME` or `~/.config`.
    static var path: String {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["BOLTCTL_CONFIG"], !path.isEmpty { return path }
        let home = environment["HOME"] ?? NSHomeDirectory()
        let base = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "\(home)/.config"
        return "\(base)/boltctl/config.yaml"
    }

    static func load() throws -> ContextFile {
        guard FileManager.default.fileExists(atPath: path) else { return ContextFile() }
        do {
            return try ContextFile(parsing: String(contentsOfFile: path, encoding: .utf8))
        } catch let error as ContextFileError {
            throw CommandFailure(
                "bad_contexts_file", "the contexts file \(path) cannot be read", reason: error.reason,
                next: "correct it or move it away")
        }
    }

    /// Replaces the file as one step.
    static func save(_ file: ContextFile) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try file.text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Adds a context, and uses it.
    static func register(_ context: ContextFile.Context) throws {
        var file = try load()
        file.put(context, use: true)
        try save(file)
    }
}
