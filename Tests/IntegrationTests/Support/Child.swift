import Foundation
import Testing

/// A child process: collected by its id, never waited for without a bound.
///
/// Foundation's `Process` learns of an end by a descriptor that grandchildren inherit, so a command that leaves daemons
/// behind would not seem to end.
final class Child {
    let pid: pid_t
    private var status: Int32?

    /// Starts one of our programs, or any by its absolute path.
    init(
        _ program: String, _ arguments: [String], environment: [String: String], input: Int32, output: Int32,
        error: Int32
    ) throws {
        let path = program.hasPrefix("/") ? program : Command.binaries.appending(path: program).path
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (source, target) in [(input, STDIN_FILENO), (output, STDOUT_FILENO), (error, STDERR_FILENO)] {
            posix_spawn_file_actions_adddup2(&actions, source, target)
        }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        let settings = Command.inherited.merging(environment) { $1 }
        var pairs: [UnsafeMutablePointer<CChar>?] = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in words + pairs { free(text) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &actions, nil, &words, &pairs)
        try #require(failure == 0, "\(path): \(String(cString: strerror(failure)))")
        self.pid = pid
    }

    /// Whether it has not ended; collects it where it has.
    var isRunning: Bool {
        guard status == nil else { return false }
        var word: Int32 = 0
        guard waitpid(pid, &word, WNOHANG) == pid else { return true }
        // The shell's way: the code, or 128 and the signal's number.
        status = word & 0x7F == 0 ? word >> 8 & 0xFF : 128 + (word & 0x7F)
        return false
    }

    /// Sends a signal, unless the process was collected: its id may be another's by then.
    func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

    /// Its exit code. It is killed where it does not end in time.
    func wait(seconds: TimeInterval) -> Int32 {
        guard isRunning else { return status ?? -1 }
        let (ended, pid) = (DispatchSemaphore(value: 0), pid)
        // Waits for its end and leaves it to be collected: nobody has its number before `isRunning` took it.
        Thread.detachNewThread {
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0, errno == EINTR {}
            ended.signal()
        }
        if ended.wait(timeout: .now() + seconds) == .timedOut {
            signal(SIGKILL)
            ended.wait()
        }
        return isRunning ? -1 : status ?? -1
    }
}
