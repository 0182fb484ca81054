import BoltAPI
import Foundation
import Policy
import Testing

@testable import boltctl

/// Reading a directory that somebody else wrote: within bounds, and nothing from outside it.
@Suite struct StackDirectoryTests {
    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
        } catch let failure as CommandFailure { return failure.code } catch { return "\(error)" }
        return nil
    }

    private func faults(_ scratch: ScratchDirectory) throws -> [String] {
        try StackDirectory(scratch.path).read().faults.map { "\($0.file) \($0.code.rawValue)" }
    }

    @Test func filesComeInOrderAndWhatBelongsToNoStackIsLeftAlone() throws {
        let scratch = try ScratchDirectory([
            "stack.yaml": "a", "layers/20-web.yaml": "b", "layers/10-base.yaml": "c", "files/motd": "d",
            "files/deep/er/x": "e", ".git/config": "no", "files/.git/config": "no", "README.md": "no",
            "docs/layers/10.yaml": "no", "files/.bashrc": "f",
        ])
        defer { scratch.remove() }
        let content = try StackDirectory(scratch.path).read()
        #expect(
            content.files.map(\.path) == [
                "files/.bashrc", "files/deep/er/x", "files/motd", "layers/10-base.yaml", "layers/20-web.yaml",
                "stack.yaml",
            ])
        #expect(content.faults.isEmpty && content.files.last?.bytes == Array("a".utf8))
    }

    @Test func aLinkToAFileOfTheStackIsThatFile() throws {
        let scratch = try ScratchDirectory(["files/motd": "text"])
        defer { scratch.remove() }
        try scratch.link("files/issue", to: "motd")
        let content = try StackDirectory(scratch.path).read()
        #expect(content.faults.isEmpty && content.files.map(\.path) == ["files/issue", "files/motd"])
        #expect(content.files.allSatisfy { $0.bytes == Array("text".utf8) })
    }

    /// Whoever writes a stack does not get files of whoever publishes it.
    @Test func linksThatLeadOutAreRefusedByName() throws {
        let outside = try ScratchDirectory(["secret": "key"])
        defer { outside.remove() }
        let scratch = try ScratchDirectory(["files/motd": "text", ".git/config": "token"])
        defer { scratch.remove() }
        try scratch.link("files/out", to: "\(outside.path)/secret")
        try scratch.link("files/up", to: "../../\(URL(filePath: outside.path).lastPathComponent)/secret")
        try scratch.link("files/git", to: "../.git/config")
        try scratch.link("files/nowhere", to: "gone")
        try scratch.link("files/loop", to: "loop")
        try scratch.link("files/folder", to: ".")
        try scratch.link("files/dir", to: outside.path)
        let content = try StackDirectory(scratch.path).read()
        #expect(content.files.map(\.path) == ["files/motd"])
        #expect(
            try faults(scratch)
                == ["dir", "folder", "git", "loop", "nowhere", "out", "up"].map {
                    "files/\($0) stack_bad_path"
                })
    }

    /// The stack's own directory may be named by a link.
    @Test func theDirectoryItselfMayBeALink() throws {
        let scratch = try ScratchDirectory(["stack.yaml": "a"])
        defer { scratch.remove() }
        let other = try ScratchDirectory()
        defer { other.remove() }
        try other.link("here", to: scratch.path)
        #expect(try StackDirectory("\(other.path)/here").read().files.map(\.path) == ["stack.yaml"])
    }

    @Test func whatIsNoFileIsRefusedAndNotWaitedFor() throws {
        let scratch = try ScratchDirectory(["files/motd": "text"])
        defer { scratch.remove() }
        #expect(mkfifo("\(scratch.path)/files/pipe", 0o600) == 0)
        #expect(try faults(scratch) == ["files/pipe stack_bad_path"])
    }

    @Test func tooDeepTooManyAndTooLargeAreFaults() throws {
        let deep = (0...StackDirectory.depthMax).map { "d\($0)" }.joined(separator: "/")
        let scratch = try ScratchDirectory(["files/\(deep)/x": "x"])
        defer { scratch.remove() }
        #expect(try faults(scratch).allSatisfy { $0.hasSuffix("stack_too_large") })
        #expect(try !faults(scratch).isEmpty)
        let large = try ScratchDirectory(["files/a": ""])
        defer { large.remove() }
        let handle = try #require(FileHandle(forWritingAtPath: "\(large.path)/files/a"))
        // A hole: it takes no room on the disk.
        try handle.truncate(atOffset: UInt64(PolicyStackLimits.stackBytesMax) + 1)
        try handle.close()
        #expect(try faults(large) == ["files/a stack_too_large"])
    }

    @Test func aDirectoryThatIsNoneIsAWrongCommandLine() throws {
        let scratch = try ScratchDirectory(["stack.yaml": "a"])
        defer { scratch.remove() }
        #expect(code { _ = try StackDirectory("\(scratch.path)/none").read() } == "no_such_file")
        #expect(code { _ = try StackDirectory("\(scratch.path)/stack.yaml").read() } == "no_directory")
    }

    @Test func aStackThatDoesNotFitIntoARequestIsRefusedBeforeItIsSent() {
        let large = StackFile(path: "files/a", bytes: [UInt8](repeating: 0, count: APILimits.stackBytesMax / 4 * 3))
        #expect(code { _ = try StackDirectory.bodies([large]) } == "too_large")
        #expect(code { _ = try StackDirectory.bodies([StackFile(path: "files/a", bytes: [1])]) } == nil)
    }

    /// What is counted is never less than what is sent.
    @Test func theSizeOfARequestIsNotUnderestimated() throws {
        let files = (0..<300).map { StackFile(path: "files/“\($0)”", bytes: [UInt8](repeating: 7, count: $0)) }
        let counted = files.reduce(1024) { $0 + StackDirectory.room(for: $1) }
        let request = PublishStackRequest(
            partition: try Views.name("north"), files: try StackDirectory.bodies(files), reason: "")
        #expect(try APIJSON.encode(request).count <= counted)
    }
}
