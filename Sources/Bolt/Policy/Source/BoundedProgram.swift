internal import Foundation

/// Runs one program to its end, within a time and with bounded output. Whatever it began ends with it.
///
/// Blocks. The program gets the environment that is named and nothing else, no terminal, and of this process's
/// descriptors only its three.
struct BoundedProgram {
    /// Why there is no result.
    enum Failure: Error, Hashable {
        /// It could not be started: the operating system's reason.
        case notStarted(String)
        /// It did not end in time and was killed.
        case tooLong
        /// It wrote more than it may and was killed.
        case tooMuch
        /// It was killed, as nobody waits for it any more.
        case ended
    }

    /// What became of it.
    struct Result: Hashable {
        /// Its exit status; 128 and the signal's number where a signal ended it.
        var status: Int32
        /// What it wrote.
        var output: [UInt8]
        /// The beginning of what it complained of.
        var complaints: [UInt8]
    }

    /// Bytes of complaints that are kept.
    static let complaintBytesMax = 4096

    /// The program and its arguments: a name that `PATH` finds, or a path.
    var words: [String]
    /// `NAME=value`.
    var environment: [String]
    /// What it reads.
    var input: [UInt8] = []
    /// Bytes that it may write.
    var outputMax: Int
    /// How long it may take.
    var timeout: Duration
    /// Whether nobody waits for it any more.
    var isEnding: @Sendable () -> Bool = { false }

    /// Runs it.
    func run() throws(Failure) -> Result {
        let lines = [try ProgramLine(), try ProgramLine(), try ProgramLine()]
        let child = try spawn(lines.map(\.theirs))
        for line in lines { line.closeTheirs() }
        var exchange = ProgramExchange(input: input, outputMax: outputMax, lines: lines)
        let failure = exchange.run(until: .now + timeout, child, isEnding)
        let status = BoundedProgram.end(child)
        if let failure { throw failure }
        return Result(status: status, output: exchange.output, complaints: exchange.complaints)
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

    /// Ends what is left of the group, and says how its first process ended.
    private static func end(_ child: pid_t) -> Int32 {
        // Its number is not given to another before it is waited for.
        _ = kill(-child, SIGKILL)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }
}

/// A connection to a program: the end that is ours and the one that it gets.
final class ProgramLine {
    let ours: Int32
    private(set) var theirs: Int32
    private(set) var isOpen = true

    /// A socket, and not a pipe: writing to one that nobody reads any more is an error without a signal.
    init() throws(BoundedProgram.Failure) {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw .notStarted(String(cString: strerror(errno)))
        }
        (ours, theirs) = (pair[0], pair[1])
        _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    }

    deinit {
        closeTheirs()
        close()
    }

    func closeTheirs() {
        if theirs >= 0 { _ = Foundation.close(theirs) }
        theirs = -1
    }

    func close() {
        if isOpen { _ = Foundation.close(ours) }
        isOpen = false
    }
}

/// What goes to a program and comes from it, until it ends.
private struct ProgramExchange {
    /// Bytes that are read or written at once.
    private static let chunkBytes = 64 * 1024
    /// Longest pause between two looks at the clock and at the program, in milliseconds.
    private static let pauseMilliseconds: Int32 = 50

    let input: [UInt8]
    let outputMax: Int
    let lines: [ProgramLine]
    private(set) var output: [UInt8] = []
    private(set) var complaints: [UInt8] = []
    private var written = 0
    private var chunk = [UInt8](repeating: 0, count: chunkBytes)

    init(input: [UInt8], outputMax: Int, lines: [ProgramLine]) {
        (self.input, self.outputMax, self.lines) = (input, outputMax, lines)
    }

    /// Nil where it ended by itself.
    mutating func run(
        until deadline: ContinuousClock.Instant, _ child: pid_t, _ isEnding: () -> Bool
    ) -> BoundedProgram.Failure? {
        while true {
            if isEnding() { return .ended }
            guard ContinuousClock.now < deadline else { return .tooLong }
            if written == input.count { lines[0].close() }
            let open = lines.indices.filter { lines[$0].isOpen }
            var polls = open.map { pollfd(fd: lines[$0].ours, events: Int16($0 == 0 ? POLLOUT : POLLIN), revents: 0) }
            // Whether it ended is looked at before what it wrote is: nothing of that is missed.
            let hasEnded = ProgramExchange.hasEnded(child)
            let isQuiet = poll(&polls, nfds_t(polls.count), hasEnded ? 0 : ProgramExchange.pauseMilliseconds) <= 0
            if hasEnded, isQuiet || open.isEmpty { return nil }
            for (line, poll) in zip(open, polls) where poll.revents != 0 {
                switch line {
                case 0: write()
                case 1: output += read(lines[1])
                default:
                    let more = read(lines[2])
                    complaints += more.prefix(BoundedProgram.complaintBytesMax - complaints.count)
                }
            }
            if output.count > outputMax { return .tooMuch }
            // Nobody writes any more to what is closed: a program that ended is done.
            if hasEnded, !lines[1].isOpen, !lines[2].isOpen { return nil }
        }
    }

    private mutating func write() {
        let count = input[written...].withUnsafeBytes { rest in
            send(
                lines[0].ours, rest.baseAddress, min(rest.count, ProgramExchange.chunkBytes), Int32(MSG_NOSIGNAL))
        }
        if count > 0 { written += count }
        if count < 0, errno != EAGAIN, errno != EINTR { lines[0].close() }
    }

    private mutating func read(_ line: ProgramLine) -> ArraySlice<UInt8> {
        let count = chunk.withUnsafeMutableBytes { Foundation.read(line.ours, $0.baseAddress, $0.count) }
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { line.close() }
        return chunk.prefix(max(0, count))
    }

    /// Whether the program ended; it is not waited for yet.
    private static func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
    }
}
