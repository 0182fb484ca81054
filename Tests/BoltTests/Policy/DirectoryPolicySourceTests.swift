import Foundation
import Spanner
import SpannerTestKit
import Synchronization
import Testing

@testable import Bolt

/// Q1: a folder is read as it was at one instant, and nothing outside of it is.
@Suite struct DirectoryPolicySourceTests {
    private let folder: SourceFolder

    init() throws {
        folder = try SourceFolder()
        try folder.write("stack.yaml", "stack: one\n")
        try folder.write("layers/10.yaml", "layer: base\n")
    }

    private func source(_ onStep: @escaping @Sendable () -> Void = {}) -> DirectoryPolicySource {
        DirectoryPolicySource(path: folder.path, witness: TestWitness(), onStep: onStep)
    }

    @Test("all files are read; the revision is that of their content")
    func content() throws {
        try folder.write(".git/config", "x")
        try folder.write("files/.bashrc", "set -u\n")
        let first = try #require(try source().read(unless: nil))
        #expect(
            first.texts == [
                "stack.yaml": "stack: one\n", "layers/10.yaml": "layer: base\n", "files/.bashrc": "set -u\n",
            ])
        #expect(try source().read(unless: first.revision) == nil)
        try folder.write("stack.yaml", "stack: two\n")
        let second = try #require(try source().read(unless: first.revision))
        #expect(second.revision != first.revision)
        try folder.write("stack.yaml", "stack: one\n")
        #expect(try source().read(unless: nil) == first)
    }

    @Test("a mounted map of Kubernetes, whose files are links to a version beside them, is read")
    func mountedMap() throws {
        let mounted = try SourceFolder()
        try mounted.write("..2026_01/stack.yaml", "stack: map\n")
        try mounted.link("..data", to: "..2026_01")
        try mounted.link("stack.yaml", to: "..data/stack.yaml")
        let source = DirectoryPolicySource(path: mounted.path, witness: TestWitness())
        #expect(try source.read(unless: nil)?.texts == ["stack.yaml": "stack: map\n"])
    }

    @Test("links that lead out, to folders or nowhere, pipes and huge files are refused")
    func unfit() throws {
        func refuse(_ name: String, _ make: () throws -> Void, _ location: SourceLocation = #_sourceLocation) throws {
            try make()
            #expect(sourceCode(source(), location) == .unfit, sourceLocation: location)
            try folder.remove(name)
            #expect(try source().read(unless: nil) != nil, sourceLocation: location)
        }
        let outside = try SourceFolder()
        try outside.write("secret", "s")
        try refuse("out") { try folder.link("out", to: outside.path + "/secret") }
        try refuse("up") { try folder.link("up", to: "../\((outside.path as NSString).lastPathComponent)/secret") }
        try refuse("folder") { try folder.link("folder", to: "layers") }
        try refuse("outer") { try folder.link("outer", to: outside.path) }
        try refuse("nowhere") { try folder.link("nowhere", to: "missing") }
        try refuse("pipe") { try #require(mkfifo(folder.path + "/pipe", 0o600) == 0) }
        try refuse("large") {
            try folder.write("large", "")
            try #require(truncate(folder.path + "/large", off_t(PolicyFiles.fileBytesMax + 1)) == 0)
        }
    }

    @Test("a folder that changes while it is read is read again, so that no two states are mixed")
    func changing() throws {
        let folder = self.folder.path
        let looks = Mutex(0)
        let source = source {
            let number = looks.withLock { count in
                count += 1
                return count
            }
            guard number < 3 else { return }
            // Both files move on between the look at them and the reading.
            for name in ["stack.yaml", "layers/10.yaml"] {
                try? Data("state: \(number) of many\n".utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
        }
        let snapshot = try #require(try source.read(unless: nil))
        #expect(Set(snapshot.texts.values) == ["state: 2 of many\n"])
        #expect(looks.withLock { $0 } == 3)
    }

    @Test("a folder that never stands still is told as such, and so is one that is gone")
    func restless() throws {
        let folder = self.folder.path
        let looks = Mutex(0)
        let source = source {
            let number = looks.withLock { count in
                count += 1
                return count
            }
            try? Data("\(number)".utf8).write(to: URL(fileURLWithPath: folder + "/new-\(number)"))
        }
        #expect(sourceCode(source) == .changing)
        #expect(looks.withLock { $0 } == DirectoryPolicySource.attemptsMax)
        try FileManager.default.removeItem(atPath: folder)
        #expect(sourceCode(self.source()) == .missing)
    }

    @Test("what is put in the place of a file after the look, and leads out, is not read")
    func exchanged() throws {
        let outside = try SourceFolder()
        try outside.write("secret", "stack: two\n")
        let (place, target) = (folder.path + "/stack.yaml", outside.path + "/secret")
        let source = source {
            try? FileManager.default.removeItem(atPath: place)
            try? FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: target)
        }
        #expect(sourceCode(source) == .unfit)
    }
}
