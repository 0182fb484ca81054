import Foundation
import Synchronization

/// Programs that are started, waited for and ended by their id.
enum Program {
    /// `POSIX_SPAWN_SETSID`, which the compiler does not import.
    private static let sessionFlag: Int16 = 0x80
    private static let numbers = Atomic<Int>(0)

    /// How a program ended, and what it wrote.
    struct Output {
        /// The exit code; negative where a signal ended it.
        let code: Int32
        let text: String
        let errors: String
    }

    /// Starts a program in a session of its own. Settings of `BOLT_…` in our environment were meant for our build.
    static func start(
        _ command: [String], output: String, errors: String? = nil, environment: [String: String] = [:]
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        } else {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        }
        keepDescriptorsToOurselves()
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, sessionFlag)
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BOLT_") }
        let variables = inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var pairs: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in words + pairs { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, command[0], &actions, &attributes, &words, &pairs)
        guard status == 0 else {
            throw ChaosFailure("\(command[0]) can't be started: \(String(cString: strerror(status)))")
        }
        return pid
    }

    /// A bolt holds nothing of ours open.
    private static func keepDescriptorsToOurselves() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in names.compactMap({ Int32($0) }) where descriptor > 2 {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Runs a program to its end; killed where it takes longer than `seconds`.
    static func run(
        _ command: [String], environment: [String: String] = [:], seconds: Double = 60
    ) async throws -> Output {
        let number = numbers.add(1, ordering: .relaxed).newValue
        let base = FileManager.default.temporaryDirectory.path + "/spanner-chaos-\(getpid())-\(number)"
        defer { for end in ["out", "err"] { unlink("\(base).\(end)") } }
        let pid = try start(command, output: base + ".out", errors: base + ".err", environment: environment)
        let code = try await end(of: pid, seconds: seconds)
        func text(_ end: String) -> String { (try? String(contentsOfFile: "\(base).\(end)", encoding: .utf8)) ?? "" }
        return Output(code: code, text: text("out"), errors: text("err"))
    }

    /// Runs a program that has to succeed.
    @discardableResult
    static func done(
        _ command: [String], environment: [String: String] = [:], seconds: Double = 60
    ) async throws -> String {
        let output = try await run(command, environment: environment, seconds: seconds)
        guard output.code == 0 else {
            throw ChaosFailure("\(command.joined(separator: " ")): exit \(output.code)\n\(output.errors)\(output.text)")
        }
        return output.text
    }

    private static func end(of pid: pid_t, seconds: Double) async throws -> Int32 {
        let ended: Int32? = try? await Waiting.until(seconds: seconds, every: .milliseconds(5)) { collected(pid) }
        if let ended { return ended }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        try Task.checkCancellation()
        return -SIGKILL
    }

    /// The exit code of a child that has ended; nil while it runs.
    private static func collected(_ pid: pid_t) -> Int32? {
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }

    /// Whether there is no such process, or only what is left of one. Collects a child of ours.
    static func isGone(_ pid: pid_t) -> Bool {
        var status: Int32 = 0
        _ = waitpid(pid, &status, WNOHANG)
        guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        let text = String(decoding: stat, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return true }
        return text[text.index(after: close)...].split(separator: " ").first == "Z"
    }

    /// The first folder of PATH, or of where servers are kept, that has the program.
    static func find(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (folders + ["/usr/sbin", "/sbin", "/usr/bin"]).map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// The folder of this program, where those under test are too.
    static var beside: String {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(fileURLWithPath: own ?? "/").deletingLastPathComponent().path
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
    var flag: Bool? { value as? Bool }
}
