import Foundation

/// Starts programs of ours and ends them again, by their id and only after looking what it is.
enum ChildProcess {
    /// `POSIX_SPAWN_SETSID` of glibc and musl, which the compiler does not import.
    private static let sessionFlag: Int16 = 0x80

    /// Starts a program in a session of its own, so that it outlives this one, with its output appended to `log`.
    ///
    /// Settings of `BOLT_…` in our environment are not handed on: they were meant for this program.
    static func start(_ executable: String, _ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o640)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        keepDescriptorsToOurselves()
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, sessionFlag)
        let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("BOLT_") }
            .map { "\($0.key)=\($0.value)" }
        var pid: pid_t = 0
        let status = withCStrings([executable] + arguments) { argv in
            withCStrings(environment) { envp in posix_spawn(&pid, executable, &actions, &attributes, argv, envp) }
        }
        guard status == 0 else {
            throw CommandFailure(
                "start_failed", "\(executable) could not be started", reason: String(cString: strerror(status)),
                next: "check that it is there and may be executed")
        }
        return pid
    }

    /// A daemon holds nothing of ours open: whoever waits for an inherited descriptor to close would wait for its end.
    private static func keepDescriptorsToOurselves() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in names.compactMap({ Int32($0) }) where descriptor > STDERR_FILENO {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Whether a process of that id runs whose arguments are just these, whatever its program's path.
    static func isRunning(_ pid: pid_t, arguments: [String]) -> Bool {
        guard pid > 1, let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), !data.isEmpty,
            !isGone(pid)
        else { return false }
        let found = data.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        return Array(found.dropFirst().prefix(arguments.count)) == arguments
    }

    /// The process that runs with `run --config` and this file, whoever started it; nil where none does. A path that
    /// stands there in another form, or relative to where the process runs, is the same file.
    static func running(configuration path: String) -> pid_t? {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.compactMap { pid_t($0) }.sorted().first { pid in
            guard pid > 1, let data = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline"), !data.isEmpty,
                !isGone(pid)
            else { return false }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
            return configuration(of: words, in: place ?? "/") == path
        }
    }

    /// The configuration that the command line of a bolt names, in full; nil for the line of anything else.
    static func configuration(of words: [String], in folder: String) -> String? {
        guard words.count >= 4, words[1] == "run", words[2] == "--config" else { return nil }
        let path = words[3].hasPrefix("/") ? words[3] : "\(folder)/\(words[3])"
        return URL(fileURLWithPath: path).standardizedFileURL.path
    }

    /// Collects a child of ours that ended, so that its id is free; does nothing to others.
    static func reap(_ pid: pid_t) {
        var status: Int32 = 0
        _ = waitpid(pid, &status, WNOHANG)
    }

    /// Whether there is no such process, or only what is left of one.
    static func isGone(_ pid: pid_t) -> Bool {
        reap(pid)
        guard let stat = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
        let text = String(decoding: stat, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return true }
        return text[text.index(after: close)...].split(separator: " ").first == "Z"
    }

    /// A program that stands beside this one or in `PATH`.
    static func find(_ name: String) throws -> String {
        let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let beside = own.map { ($0 as NSString).deletingLastPathComponent } ?? ""
        let folders =
            [beside] + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for folder in folders where !folder.isEmpty {
            let path = "\(folder)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw CommandFailure(
            "program_missing", "the program \(name) is neither beside boltctl nor in PATH",
            next: "build or install it: swift build --product \(name)")
    }

    private static func withCStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
