import Foundation
import LoopbackKit
import Testing

/// Another wall clock for programs under test: the real one and so many seconds.
struct ShiftedClock {
    private static let compiler = "/usr/bin/cc"
    private let folder: String
    private var library: String { ClockLibrary.path(in: folder) }

    /// Whether there is a compiler.
    static let isPossible = FileManager.default.isExecutableFile(atPath: compiler)

    /// Makes the library below a folder.
    init(in folder: String) throws {
        self.folder = folder
        guard !FileManager.default.fileExists(atPath: library) else { return }
        let making = try ClockLibrary.making(in: folder, with: Self.compiler)
        let made = try Command.run(making[0], Array(making.dropFirst()))
        try #require(made.status == 0, "\(made)")
    }

    /// What a program is given for a clock that is so many seconds ahead.
    func environment(ahead seconds: Int) throws -> [String: String] {
        let file = folder + "/clock.\(seconds)"
        try "\(seconds)".write(toFile: file, atomically: true, encoding: .utf8)
        return ClockLibrary.environment(library: library, seconds: file)
    }

    /// What a program is given for a clock that was never set: a day after it began to count.
    func never() throws -> [String: String] {
        try environment(ahead: 86_400 - Int(Date().timeIntervalSince1970))
    }
}
