import Foundation

/// Programs that are run to their end, with their output.
enum Program {
    /// Standard output of a program that ended with 0. Throws with what it said otherwise.
    static func output(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], ending: Set<Int32> = [0]
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        let log = FileManager.default.temporaryDirectory.appendingPathComponent("spanner-bench-\(UUID()).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: log) }
        process.standardError = try FileHandle(forWritingTo: log)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard ending.contains(process.terminationStatus) else {
            let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
            throw BenchFailure(
                "\(path) \(arguments.joined(separator: " ")): exit \(process.terminationStatus)\n\(said)\(text)")
        }
        return text
    }

    /// The folder of this program, where the others are in it too.
    static var beside: String? {
        guard let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
        let folder = URL(fileURLWithPath: own).deletingLastPathComponent().path
        let isComplete = ["bolt", "boltctl", "bolt-envoy"]
            .allSatisfy { FileManager.default.isExecutableFile(atPath: "\(folder)/\($0)") }
        return isComplete ? folder : nil
    }

    /// The first folder of PATH, or of where servers are kept, that has the program.
    static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/sbin", "/sbin"]).map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Seconds of processor time that a process and its ended threads have used.
    static func processorSeconds(_ pid: Int) -> Double {
        guard let line = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = line.lastIndex(of: ")")
        else { return 0 }
        let fields = line[line.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A line of `/proc/PID/status` in bytes.
    static func memoryBytes(_ pid: Int, _ field: String) -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) } ?? 0) * 1024
    }
}

/// Values of JSON that programs print.
struct JSON {
    let value: Any?

    init(_ text: String) { value = try? JSONSerialization.jsonObject(with: Data(text.utf8)) }
    private init(value: Any?) { self.value = value }

    subscript(key: String) -> JSON { JSON(value: (value as? [String: Any])?[key]) }
    var list: [JSON] { (value as? [Any])?.map { JSON(value: $0) } ?? [] }
    var text: String? { value as? String }
    var number: Double? { (value as? NSNumber)?.doubleValue }
}
