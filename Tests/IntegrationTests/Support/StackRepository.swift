import Foundation
import Testing

/// A stack in a git repository of its own, which bolts follow by its path.
struct StackRepository {
    static let git = "/usr/bin/git"
    /// The work tree that is edited.
    let tree: String
    /// The repository that bolts follow.
    let remote: String

    /// Makes both; nothing is committed yet.
    init(below folder: String) throws {
        (tree, remote) = (folder + "/stack", folder + "/stack.git")
        _ = try Self.run(["init", "--quiet", "--bare", "--initial-branch=main", remote])
        _ = try Self.run(["init", "--quiet", "--initial-branch=main", tree])
        _ = try Self.run(["-C", tree, "remote", "add", "origin", remote])
    }

    /// Writes files, by their paths in the stack; what was there before goes.
    func write(_ files: [String: String]) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: tree) where name != ".git" {
            try FileManager.default.removeItem(atPath: "\(tree)/\(name)")
        }
        for (path, text) in files.sorted(by: { $0.key < $1.key }) {
            let place = "\(tree)/\(path)"
            let folder = (place as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try text.write(toFile: place, atomically: true, encoding: .utf8)
        }
    }

    /// Writes all files, commits and pushes them; gives the commit's id.
    @discardableResult
    func publish(_ files: [String: String], _ message: String = "a change") throws -> String {
        try write(files)
        _ = try Self.run(["-C", tree, "add", "--all"])
        _ = try Self.run(["-C", tree, "commit", "--quiet", "--allow-empty", "-m", message])
        _ = try Self.run(["-C", tree, "push", "--quiet", "origin", "main"])
        return try Self.run(["-C", tree, "rev-parse", "HEAD"]).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func run(_ arguments: [String]) throws -> String {
        // Nothing of the user's counts: neither settings nor a name.
        let environment = [
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org", "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        ]
        let output = try Command.run(git, arguments, environment: environment)
        try #require(output.status == 0, "git \(arguments.joined(separator: " ")): \(output)")
        return output.standardOutput
    }
}
