internal import Dispatch
internal import Glibc
internal import Synchronization

/// One run of somebody else's program: no input, so much output, so much time, and nothing of it left afterwards.
///
/// It gets a process group of its own, which is killed whole at the end, however it ended.
struct BoundedProgram: Sendable {
    /// What came of it.
    enum Outcome: Hashable, Sendable {
        /// It ended with 0 within its bounds, and printed this.
        case printed([UInt8])
        /// It did not, and why.
        case failed(String)
    }

    private static let starting = Mutex(())
    /// Time for the system to end a program that was killed.
    private static let endMax: Duration = .seconds(1)

    let path: String
    let timeout: Duration
    let outputBytesMax: Int

    /// Runs it on a thread where waiting is no harm.
    func run() async -> Outcome {
        await withCheckedContinuation { done in
            DispatchQueue.global().async { done.resume(returning: runBlocking()) }
        }
    }

    private func runBlocking() -> Outcome {
        var ends: [Int32] = [-1, -1]
        // One at a time: between the two calls a program that another thread starts would inherit the pipe.
        let spawned: Result<pid_t, SpawnFailure> = Self.starting.withLock { _ in
            guard pipe(&ends) == 0 else { return .failure(SpawnFailure(number: errno)) }
            defer { close(ends[1]) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
            return spawn(printingTo: ends[1])
        }
        defer { if ends[0] >= 0 { close(ends[0]) } }
        let child: pid_t
        switch spawned {
        case .success(let pid): child = pid
        case .failure(let error): return .failed("it cannot be run: \(String(cString: strerror(error.number)))")
        }
        let (output, trouble) = read(from: ends[0], of: child)
        // What it started itself goes with it.
        kill(-child, SIGKILL)
        let status = Self.collect(child)
        if let trouble { return .failed(trouble) }
        guard let status else { return .failed("it was killed, and the system does not let it end") }
        let (signal, code) = (status & 0x7F, status >> 8 & 0xFF)
        if signal != 0 { return .failed("signal \(signal) ended it") }
        return code == 0 ? .printed(output) : .failed("it ended with \(code)")
    }

    private struct SpawnFailure: Error {
        var number: Int32
    }

    private func spawn(printingTo output: Int32) -> Result<pid_t, SpawnFailure> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setpgroup(&attributes, 0)
        // The agent ignores some signals and may block others: its children are not to.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] = [strdup(path), nil]
        var environment: [UnsafeMutablePointer<CChar>?] = [
            strdup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), strdup("LC_ALL=C"), nil,
        ]
        defer { for word in words + environment { free(word) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &actions, &attributes, &words, &environment)
        return failure == 0 ? .success(pid) : .failure(SpawnFailure(number: failure))
    }

    /// Reads until the program has ended, or is over a bound.
    private func read(from pipe: Int32, of child: pid_t) -> (output: [UInt8], trouble: String?) {
        let end = ContinuousClock.now + timeout
        var output: [UInt8] = []
        var page = [UInt8](repeating: 0, count: 16 * 1024)
        var (isOpen, hasEnded) = (true, false)
        while true {
            // Whether it has ended is asked before its last words are read, so that none are missed.
            hasEnded = hasEnded || Self.hasEnded(child)
            while isOpen {
                let count = Glibc.read(pipe, &page, page.count)
                if count > 0 {
                    output += page[..<count]
                    guard output.count <= outputBytesMax else {
                        return ([], "it printed more than \(outputBytesMax) bytes: all of it is left out")
                    }
                } else if count == 0 {
                    isOpen = false
                } else if errno != EINTR {
                    break
                }
            }
            if hasEnded { return (output, nil) }
            guard ContinuousClock.now < end else { return ([], "it had not ended after \(timeout)") }
            var wait = pollfd(fd: isOpen ? pipe : -1, events: Int16(POLLIN), revents: 0)
            poll(&wait, 1, 10)
        }
    }

    /// How a killed child ended; nil where the system holds it, as one that waits for a disk that is gone: whoever waited
    /// for that one, the agent's next report and its next pass, would wait with it.
    private static func collect(_ child: pid_t) -> Int32? {
        let end = ContinuousClock.now + endMax
        var status: Int32 = 0
        while true {
            let found = waitpid(child, &status, WNOHANG)
            if found == child { return status }
            guard found == 0 || errno == EINTR else { return 0 }
            guard ContinuousClock.now < end else { return nil }
            usleep(1_000)
        }
    }

    /// Whether a child has ended; it is still there to be waited for, so that its number is nobody else's.
    private static func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        let status = waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT)
        return status == 0 && info.si_signo == SIGCHLD
    }
}
