import Foundation
import Logging
import Programs
import Spanner
import Testing

@testable import Bolt

/// Q1: a git remote is read whole or not at all, and nothing of it is ever run.
@Suite struct GitPolicySourceTests {
    private let state: SourceFolder
    private let origin: GitOrigin

    init() throws { (state, origin) = (try SourceFolder(), try GitOrigin()) }

    private var mirror: String { state.path + "/mirror.git" }

    private func source(_ change: (inout GitRemote) -> Void = { _ in }) -> GitPolicySource {
        var remote = GitRemote(url: origin.url)
        change(&remote)
        return GitPolicySource(remote, mirror: mirror)
    }

    @Test("the last commit of the branch is read, again only when it is another, and after a restart")
    func commits() throws {
        let source = source()
        let first = try #require(try source.read(unless: nil))
        #expect(first.texts == ["stack.yaml": "stack: one\n"])
        #expect(try first.revision == origin.git("rev-parse", "HEAD"))
        #expect(try source.read(unless: first.revision) == nil)
        try origin.folder.write("layers/10.yaml", "layer: base\n")
        try origin.folder.write("files/leer", "")
        let commit = try origin.commit("second")
        let second = try #require(try source.read(unless: first.revision))
        #expect(second.revision == commit)
        #expect(second.texts == ["stack.yaml": "stack: one\n", "layers/10.yaml": "layer: base\n", "files/leer": ""])
        #expect(try self.source().read(unless: commit) == nil)
        #expect(try self.source().read(unless: nil) == second)
    }

    @Test("a force-push, also back to an older commit, is what the branch is now")
    func forcePush() throws {
        let source = source()
        let first = try #require(try source.read(unless: nil))
        try origin.folder.write("stack.yaml", "stack: two\n")
        let second = try origin.commit("second")
        #expect(try source.read(unless: first.revision)?.revision == second)
        try origin.git("reset", "--quiet", "--hard", first.revision)
        #expect(try source.read(unless: second) == first)
        try origin.git("checkout", "--quiet", "--orphan", "other")
        try origin.folder.write("stack.yaml", "stack: three\n")
        try origin.commit("third")
        try origin.git("branch", "--quiet", "--force", "main", "other")
        #expect(try source.read(unless: first.revision)?.texts == ["stack.yaml": "stack: three\n"])
    }

    @Test("Q1: a remote that vanished, and a branch that went, are told apart; both are read again when they are back")
    func vanished() throws {
        let source = source()
        let first = try #require(try source.read(unless: nil))
        try FileManager.default.moveItem(atPath: origin.folder.path, toPath: origin.folder.path + ".away")
        #expect(sourceCode(source) == .unreachable)
        try FileManager.default.moveItem(atPath: origin.folder.path + ".away", toPath: origin.folder.path)
        #expect(try source.read(unless: first.revision) == nil)
        try origin.git("branch", "--quiet", "--move", "main", "trunk")
        #expect(sourceCode(source) == .missing)
        #expect(try self.source { $0.branch = "trunk" }.read(unless: nil) == first)
        try origin.git("branch", "--quiet", "--move", "trunk", "main")
        #expect(try source.read(unless: first.revision) == nil)
    }

    @Test("a broken remote or mirror ends in an error and not in half a stack; the next read heals the mirror")
    func broken() throws {
        let source = source()
        let first = try #require(try source.read(unless: nil))
        // The mirror is scratch: whatever is in it.
        let objects = try FileManager.default.subpathsOfDirectory(atPath: mirror).filter { $0.hasSuffix(".pack") }
        for pack in objects {
            let place = mirror + "/" + pack
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: place)
            try Data([1, 2, 3]).write(to: URL(fileURLWithPath: place))
        }
        #expect(!objects.isEmpty)
        var again = try? source.read(unless: nil)
        if again == nil { again = try source.read(unless: nil) }
        #expect(again == first)
        for object in try FileManager.default.subpathsOfDirectory(atPath: origin.folder.path + "/.git/objects") {
            let place = origin.folder.path + "/.git/objects/" + object
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder), !isFolder.boolValue else {
                continue
            }
            try FileManager.default.removeItem(atPath: place)
        }
        try FileManager.default.removeItem(atPath: mirror)
        #expect(sourceCode(source) == .unreachable)
    }

    /// A bolt that was killed in a fetch left `shallow.lock`: the remote was told to be unreachable.
    @Test("a lock that was left in the mirror is no trouble of the remote's, and nothing that a read fails with")
    func staleLocks() throws {
        let source = source()
        let first = try #require(try source.read(unless: nil))
        for lock in ["shallow.lock", "refs/bolt/policy.lock", "packed-refs.lock"] {
            try Data().write(to: URL(fileURLWithPath: mirror + "/" + lock))
            let commit = try origin.commit(lock)
            #expect(try source.read(unless: first.revision)?.revision == commit, "\(lock)")
        }
    }

    @Test("what git says of the mirror, of a repository's owner and of a remote is told apart, with what to do")
    func complaints() {
        func told(_ complaint: String, status: Int32 = 128) -> PolicySourceError {
            source().refused(
                "fetching",
                BoundedProgram.Result(
                    ending: .code(status), output: [], complaints: Array("fatal: \(complaint)\n".utf8)))
        }
        let lock = told("Unable to create '/state/mirror.git/shallow.lock': File exists.")
        #expect(lock.code == .failed && !lock.next.contains("git is installed"), "\(lock)")
        #expect(told("shallow file has changed since we read it").code == .failed)
        let owner = told("detected dubious ownership in repository at '/srv/stack.git'")
        #expect(owner.code == .unreachable && owner.next.contains("own the repository's folder"), "\(owner)")
        #expect(told("could not read from remote repository.").code == .unreachable)
        #expect(told("", status: 127).next.contains("git is installed"))
    }

    /// `publish --source` and the look that was due read one mirror at once: either failed over the other's locks.
    @Test("reads that many ask for at once take turns in one mirror", .timeLimit(.minutes(1)))
    func turns() async throws {
        let service = PolicySourceService(
            source(), interval: .seconds(60), staleAfter: .seconds(900), logger: Logger(label: "test"),
            metrics: MetricsRegistry())
        try await withThrowingTaskGroup(of: String?.self) { tasks in
            for turn in 0..<12 {
                tasks.addTask {
                    if turn.isMultiple(of: 3) { await service.look { _ in .later("it is only looked at") } }
                    return try await service.current()?.revision
                }
            }
            let commit = try origin.git("rev-parse", "HEAD")
            for try await revision in tasks { #expect(revision == commit) }
        }
        #expect(await service.status().error == nil)
    }

    @Test("a huge file, too many of them, a submodule, and links that lead out or nowhere are refused")
    func unfit() throws {
        let source = source()
        let good = try #require(try source.read(unless: nil))
        func refuse(_ change: () throws -> Void, _ location: SourceLocation = #_sourceLocation) throws {
            try change()
            try origin.commit("bad")
            #expect(sourceCode(source, location) == .unfit, sourceLocation: location)
            try origin.git("reset", "--quiet", "--hard", good.revision)
            #expect(try source.read(unless: good.revision) == nil, sourceLocation: location)
        }
        let large = String(repeating: "x", count: PolicyFiles.fileBytesMax + 1)
        try refuse { try origin.folder.write("large", large) }
        try refuse { for number in 0...PolicyFiles.filesMax { try origin.folder.write("many/\(number)", "") } }
        try refuse { try origin.folder.link("passwd", to: "/etc/passwd") }
        try refuse { try origin.folder.link("out", to: "../../etc/passwd") }
        try refuse { try origin.folder.link("nowhere", to: "missing") }
        try refuse { try origin.folder.link("circle", to: "circle") }
        // A repository within the repository: git lists its commit.
        try refuse { try origin.git("clone", "--quiet", ".", "module") }
    }

    @Test("a link to a file of the stack has its content; the stack may be a folder of the repository")
    func linksAndFolders() throws {
        try origin.folder.write("policy/stack.yaml", "stack: two\n")
        try origin.folder.write("policy/files/one", "1")
        try origin.folder.link("policy/files/again", to: "../files/one")
        try origin.commit("folder")
        let snapshot = try #require(try source { $0.folder = "policy" }.read(unless: nil))
        #expect(snapshot.texts == ["stack.yaml": "stack: two\n", "files/one": "1", "files/again": "1"])
        #expect(sourceCode(source { $0.folder = "policy/none" }) == .missing)
    }

    @Test("neither hooks nor configuration, of the repository or of a user, have a say")
    func nothingIsRun() throws {
        let witness = state.path + "/was-run"
        try origin.folder.write(".gitattributes", "* filter=evil\n")
        try origin.commit("attributes")
        let source = source()
        let first = try #require(try source.read(unless: nil))
        for hook in ["post-checkout", "reference-transaction", "post-merge", "pre-auto-gc"] {
            let place = mirror + "/hooks/" + hook
            try FileManager.default.createDirectory(atPath: mirror + "/hooks", withIntermediateDirectories: true)
            try Data("#!/bin/sh\ntouch '\(witness)'\n".utf8).write(to: URL(fileURLWithPath: place))
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place)
        }
        let commit = try origin.commit("again")
        #expect(try source.read(unless: first.revision)?.revision == commit)
        #expect(!FileManager.default.fileExists(atPath: witness))
    }

    @Test("a tree that claims any size is no stack, and no sum that overflows")
    func claimedSizes() {
        let name = String(repeating: "a", count: 40)
        let lines = ["100644 blob \(name) 5\tone", "100644 blob \(name) \(Int.max)\ttwo"]
        #expect(throws: GitTree.Fault.self) { try GitTree(listing: Array(lines.joined(separator: "\0").utf8)) }
    }

    @Test(
        "addresses that could run something, name an option or hold a password are none",
        arguments: [
            ("https://example.org/a.git", true), ("https://ada@example.org/a.git", true),
            ("ssh://git@example.org:22/a.git", true), ("git@example.org:a/b.git", true), ("file:///srv/a.git", true),
            ("https://ada:secret@example.org/a.git", false), ("ext::sh -c touch% /tmp/x", false),
            ("http://example.org/a.git", false), ("git://example.org/a.git", false), ("--upload-pack=x", false),
            ("ssh://-oProxyCommand=x/a", false), ("-x@host:path", false), ("a@-x:path", false), ("/srv/a.git", false),
            ("file://host", false), ("", false), ("https://", false), ("https://a b/c", false),
        ])
    func addresses(_ text: String, _ isTaken: Bool) { #expect(GitRemote.isURL(text) == isTaken) }

    @Test(arguments: [
        ("main", true), ("release/1.2", true), ("-x", false), ("a..b", false), ("a b", false), ("a.lock", false),
        ("/a", false), ("a/", false), ("", false), (".a", false), ("a:b", false),
    ])
    func `names of branches`(_ text: String, _ isTaken: Bool) { #expect(GitRemote.isBranch(text) == isTaken) }
}
