internal import Glibc
internal import Synchronization

/// Runs one program to its end, within a time and with bounded output. Whatever it began ends with it.
///
/// Blocks. The program gets the environment that is named and nothing else, no terminal, and of this process's
/// descriptors its three beside those that are not closed on exec: ours all are. It has a process group of its own,
/// which is killed whole at the end, however it ended; what leaves the group is not looked for. A pass over a machine
/// asks more of its children, and runs them by itself: `ChildProgram` of `Convergence`.
public struct BoundedProgram: Sendable {
    /// Why there is no result.
    public enum Failure: Error, Hashable, Sendable {
        /// It could not be started: the operating system's reason.
        case notStarted(String)
        /// It did not end in time and was killed.
        case tooLong
        /// It wrote more than it may and was killed.
        case tooMuch
        /// It was killed, as nobody waits for it any more.
        case ended
    }

    /// How it ended by itself.
    public enum Ending: Hashable, Sendable {
        /// With this exit code.
        case code(Int32)
        /// By a signal of somebody else's.
        case signal(Int32)
    }

    /// What became of it.
    public struct Result: Hashable, Sendable {
        /// How it ended.
        public var ending: Ending
        /// What it wrote.
        public var output: [UInt8]
        /// The beginning of what it complained of: `complaintBytesMax` at most.
        public var complaints: [UInt8]

        /// What became of one.
        public init(ending: Ending, output: [UInt8], complaints: [UInt8]) {
            (self.ending, self.output, self.complaints) = (ending, output, complaints)
        }

        /// Its exit code; 128 and the signal's number where a signal ended it.
        public var status: Int32 {
            switch ending {
            case .code(let code): code
            case .signal(let signal): 128 + signal
            }
        }
    }

    /// Bytes of complaints that are kept.
    public static let complaintBytesMax = 4096

    /// Time for the system to end a program that was killed.
    private static let endMax: Duration = .seconds(1)

    /// One at a time: what is made for one child is not to be inherited by another that is started meanwhile.
    private static let starting = Mutex(())

    /// Those that were killed and that the system has not let end, by their program: one of each at most, as no other
    /// is started meanwhile.
    private static let left = Mutex<[String: pid_t]>([:])

    /// The program and its arguments: a name that `PATH` finds, or a path.
    public var words: [String]
    /// `NAME=value`.
    public var environment: [String]
    /// What it reads.
    public var input: [UInt8]
    /// Bytes that it may write.
    public var outputMax: Int
    /// How long it may take.
    public var timeout: Duration
    /// Whether nobody waits for it any more: asked again and again while it runs.
    public var isEnding: @Sendable () -> Bool

    /// A program with its bounds; nothing is started yet.
    public init(
        words: [String], environment: [String], input: [UInt8] = [], outputMax: Int, timeout: Duration,
        isEnding: @escaping @Sendable () -> Bool = { false }
    ) {
        (self.words, self.environment, self.input) = (words, environment, input)
        (self.outputMax, self.timeout, self.isEnding) = (outputMax, timeout, isEnding)
    }

    /// Runs it. Nothing of it is left when this returns or throws, but for what the system does not let end: as long as
    /// that is there the same program is not started again (`notStarted`), or there would be one more each time.
    public func run() throws(Failure) -> Result {
        guard !BoundedProgram.isLeft(words.first ?? "") else {
            throw .notStarted("an earlier run of it was killed and does not end: it may wait for a disk that is gone")
        }
        let (child, lines) = try BoundedProgram.starting.withLock { _ throws(Failure) in try begin() }
        var exchange = ProgramExchange(input: input, outputMax: outputMax, lines: lines)
        let failure = exchange.run(until: .now + timeout, child, isEnding)
        // Before anything is waited for, a number is nobody else's: all of the group is meant.
        _ = kill(-child, SIGKILL)
        if let failure {
            if !BoundedProgram.letEnd(child) { BoundedProgram.note(left: child, of: words.first ?? "") }
            throw failure
        }
        let ending = BoundedProgram.collect(child)
        return Result(ending: ending, output: exchange.output, complaints: exchange.complaints)
    }

    /// Starts it; when this returns, its ends of the lines are its own.
    private func begin() throws(Failure) -> (pid_t, [ProgramLine]) {
        let lines = [try ProgramLine.input(), try ProgramLine.output(), try ProgramLine.output()]
        let child = try spawn(lines.map(\.theirs))
        for line in lines { line.closeTheirs() }
        return (child, lines)
    }

    private func spawn(_ ends: [Int32]) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, end) in ends.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(number)) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, so that all that it begins can be ended; signals as a new program expects them.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var child: pid_t = 0
        let code = posix_spawnp(&child, words.first ?? "", &actions, &attributes, &arguments, &variables)
        guard code == 0 else { throw .notStarted(String(cString: strerror(code))) }
        return child
    }

    /// How a program ended that has ended.
    private static func collect(_ child: pid_t) -> Ending {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? .code(status >> 8 & 0xFF) : .signal(status & 0x7F)
    }

    /// Waits for a program that was killed, but not for one that the system holds, as one that waits for a disk that is
    /// gone: whoever runs it would wait with it. Whether it ended.
    private static func letEnd(_ child: pid_t) -> Bool {
        let end = ContinuousClock.now + endMax
        var status: Int32 = 0
        while true {
            let found = waitpid(child, &status, WNOHANG)
            guard found == 0 || found < 0 && errno == EINTR else { return true }
            guard ContinuousClock.now < end else { return false }
            _ = poll(nil, 0, 1)
        }
    }

    /// A program of that name was killed and goes on.
    static func note(left child: pid_t, of program: String) { left.withLock { $0[program] = child } }

    /// Whether one of that name goes on that was killed. All that ended by now are collected.
    private static func isLeft(_ program: String) -> Bool {
        left.withLock { left in
            var status: Int32 = 0
            left = left.filter { waitpid($0.value, &status, WNOHANG) == 0 }
            return left[program] != nil
        }
    }
}
