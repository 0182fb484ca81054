import Foundation

/// A program that runs beside the test: our own child, so that its exit code can be had.
final class Background {
    private let child: Child
    private let input = Pipe()
    private let output: URL

    /// Starts one of our programs, or any by its absolute path. Its input stays open until `finishInput`.
    init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        output = FileManager.default.temporaryDirectory.appending(path: "bolt-child-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        // No other child may keep this one's input open.
        for end in [input.fileHandleForReading, input.fileHandleForWriting] {
            _ = fcntl(end.fileDescriptor, F_SETFD, FD_CLOEXEC)
        }
        defer { try? handle.close() }
        child = try Child(
            program, arguments, environment: environment, input: input.fileHandleForReading.fileDescriptor,
            output: handle.fileDescriptor, error: handle.fileDescriptor)
        try input.fileHandleForReading.close()
        // A program that has ended reads no more: that is an error of the write, not the end of the tests.
        Glibc.signal(SIGPIPE, SIG_IGN)
    }

    deinit {
        child.signal(SIGKILL)
        _ = child.wait(seconds: 5)
        try? FileManager.default.removeItem(at: output)
    }

    var pid: pid_t { child.pid }
    var isRunning: Bool { child.isRunning }
    /// All that it wrote so far, to either stream; frames of a peer among it are no text.
    var text: String { String(decoding: (try? Data(contentsOf: output)) ?? Data(), as: UTF8.self) }

    func write(_ bytes: some Sequence<UInt8>) throws { try input.fileHandleForWriting.write(contentsOf: Data(bytes)) }
    func finishInput() { try? input.fileHandleForWriting.close() }
    func signal(_ number: Int32) { child.signal(number) }

    /// Its exit code, 128 and more where a signal ended it. It is killed where it does not end in time.
    func wait(seconds: TimeInterval) -> Int32 { child.wait(seconds: seconds) }
}
