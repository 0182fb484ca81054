import ChaosKit
import Foundation
import Testing

/// Fault points are in programs that are built for them, and in no others.
@Suite struct FaultPointTests {
    /// What only the code of fault points holds.
    private static let mark = "CHAOS_FAULT_FILE"

    /// `bolt`, built with these tests.
    private func program() throws -> Data {
        let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let bundles = CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folders = [runner] + bundles + [root.appending(path: ".build/debug")]
        let path = try #require(
            folders.map { $0.appending(path: "bolt") }.first { FileManager.default.isExecutableFile(atPath: $0.path) })
        return try Data(contentsOf: path, options: .alwaysMapped)
    }

    @Test("shipped programs have no fault points; what is looked for is found where it is")
    func shipped() throws {
        let bolt = try program()
        // Text of the same module, so that the search is known to find.
        #expect(bolt.range(of: Data("PRAGMA locking_mode".utf8)) != nil)
        let found = bolt.range(of: Data(Self.mark.utf8)) != nil
        #if FAULT_POINTS
        #expect(found)
        for point in NemesisPlan.writePoints + NemesisPlan.changePoints {
            #expect(bolt.range(of: Data(point.utf8)) != nil, "\(point)")
        }
        #else
        #expect(!found)
        for point in NemesisPlan.writePoints + NemesisPlan.changePoints {
            #expect(bolt.range(of: Data(point.utf8)) == nil, "\(point)")
        }
        #endif
    }

    @Test("the points that the nemesis names are those of the source, and nothing but the flag lets them in")
    func names() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources")
        let file = sources.appending(path: "SpannerStore/Journal/FaultPoint.swift")
        let text = try String(contentsOf: file, encoding: .utf8)
        for point in NemesisPlan.writePoints + NemesisPlan.changePoints {
            #expect(text.contains("\"\(point)\""), "\(point)")
        }
        #expect(text.hasPrefix("#if FAULT_POINTS\n") && text.hasSuffix("#endif\n"))
        let store = sources.appending(path: "SpannerStore/Journal/PartitionStore.swift")
        let lines = try String(contentsOf: store, encoding: .utf8).split(separator: "\n")
        for (before, line) in zip(lines, lines.dropFirst()) where line.contains("FaultPoint.") {
            #expect(before.contains("#if FAULT_POINTS"), "\(line)")
        }
    }
}
