import Foundation
import Programs
import Spanner
import Testing

@testable import Bolt

/// A folder that goes with the test.
final class SourceFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "bolt-source-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        // Temporary folders may lie behind links.
        real = try #require(realpath(path, nil).map { String(cString: $0) })
    }

    /// The path without links in it.
    let real: String

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        let place = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (place as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: place))
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path + "/" + name, withDestinationPath: target)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}

/// A git repository that stands for somebody else's.
final class GitOrigin {
    let folder: SourceFolder
    var url: String { "file://" + folder.real }

    init() throws {
        folder = try SourceFolder()
        try git("init", "--quiet", "--initial-branch=main")
        try folder.write("stack.yaml", "stack: one\n")
        try commit("first")
    }

    @discardableResult
    func git(_ words: String...) throws -> String {
        let result = try BoundedProgram(
            words: ["git", "-C", folder.path, "-c", "user.name=ada", "-c", "user.email=ada@example.org"] + words,
            environment: [
                "PATH=\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")", "HOME=/nonexistent",
            ],
            outputMax: 1 << 20, timeout: .seconds(60)
        ).run()
        try #require(result.status == 0, "git \(words): \(String(decoding: result.complaints, as: UTF8.self))")
        return String(decoding: result.output, as: UTF8.self).filter { $0 != "\n" }
    }

    @discardableResult
    func commit(_ message: String) throws -> String {
        try git("add", "--all")
        try git("commit", "--quiet", "--allow-empty", "-m", message)
        return try git("rev-parse", "HEAD")
    }
}

/// The code of the error that a read throws; a failure where it throws none.
func sourceCode(
    _ source: some PolicySource, _ location: SourceLocation = #_sourceLocation
) -> PolicySourceError.Code? {
    do throws(PolicySourceError) {
        _ = try source.read(unless: nil)
        Issue.record("nothing was thrown", sourceLocation: location)
        return nil
    } catch { return error.code }
}

extension PolicySnapshot {
    /// Texts by their paths.
    var texts: [String: String] {
        Dictionary(uniqueKeysWithValues: files.files.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) })
    }
}
