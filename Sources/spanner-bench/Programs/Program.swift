import Foundation

/// Programs that are run to their end, with their output.
enum Program {
    /// Standard output of a program that ended with one of these codes. Throws with what it said otherwise, and where
    /// it is not over after so many seconds; then it is killed.
    ///
    /// Output goes through files and the end is the process's own: programs that outlive it may keep what they inherit.
    static func output(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], ending: Set<Int32> = [0],
        seconds: Double? = nil
    ) throws -> String {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("spanner-bench-\(UUID())").path
        let (output, errors) = (base + ".out", base + ".err")
        defer { for file in [output, errors] { unlink(file) } }
        let pid = try start(path, arguments, environment: environment, output: output, errors: errors)
        let code: Int32
        if let seconds {
            guard let ended = wait(pid, seconds: seconds) else {
                throw BenchFailure("\(path) \(arguments.joined(separator: " ")): not over after \(Int(seconds)) s")
            }
            code = ended
        } else {
            code = wait(pid)
        }
        let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
        guard ending.contains(code) else {
            let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
            throw BenchFailure("\(path) \(arguments.joined(separator: " ")): exit \(code)\n\(said)\(text)")
        }
        return text
    }

    /// Starts a program with its output in files.
    static func start(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], output: String, errors: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in words + settings { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, path, &actions, nil, &words, &settings)
        guard status == 0 else { throw BenchFailure("\(path) can't be started: \(String(cString: strerror(status)))") }
        return pid
    }

    /// Waits for a program's end: its exit code, or the negative number of the signal that ended it.
    static func wait(_ pid: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return code(status)
    }

    /// The same for so long; nil where it was not over and was killed.
    static func wait(_ pid: pid_t, seconds: Double) -> Int32? {
        var status: Int32 = 0
        let isOver = RealMesh.wait(seconds: seconds, every: 1) { waitpid(pid, &status, WNOHANG) == pid }
        guard isOver else {
            kill(pid, SIGKILL)
            _ = wait(pid)
            return nil
        }
        return code(status)
    }

    private static func code(_ status: Int32) -> Int32 {
        status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
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

    /// Whether only what is left of a process is there.
    static func isZombie(_ pid: Int) -> Bool {
        guard let line = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = line.lastIndex(of: ")")
        else { return true }
        return line[line.index(after: end)...].split(separator: " ").first == "Z"
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
