import Foundation

/// Programs that the demo waits for.
enum ForegroundProgram {
    /// A program of ours, to its end: exit code and output. Never longer than `seconds`.
    static func run(_ program: String, _ arguments: [String], seconds: Double = 30) async throws -> (
        code: Int32, out: String
    ) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BOLT_") }
        try process.run()
        let collected = OutputCollector(pipe.fileHandleForReading)
        // Also when the wait is cancelled: a program that nobody waits for is not left behind.
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        let done: Bool? = try await Waiting.until(seconds: seconds, every: .milliseconds(5)) {
            process.isRunning ? nil : true
        }
        if done == nil {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        return (done == nil ? -1 : process.terminationStatus, await collected.text())
    }
}

/// Reads what a child writes, on a thread of its own, so that a full pipe never stops it.
final class OutputCollector: Sendable {
    private let task: Task<Data, Never>

    init(_ handle: FileHandle) {
        let descriptor = dup(handle.fileDescriptor)
        task = Task.detached {
            let own = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            return (try? own.readToEnd()) ?? Data()
        }
    }

    func text() async -> String { String(decoding: await task.value, as: UTF8.self) }
}
