internal import Glibc

/// What goes to a program and comes from it, until it ends.
struct ProgramExchange {
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
        let count = chunk.withUnsafeMutableBytes { Glibc.read(line.ours, $0.baseAddress, $0.count) }
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { line.close() }
        return chunk.prefix(max(0, count))
    }

    /// Whether the program ended; it is not waited for yet.
    private static func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == SIGCHLD
    }
}
