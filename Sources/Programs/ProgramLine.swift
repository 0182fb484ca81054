internal import Glibc

/// A connection to a program: the end that is ours and the one that it gets.
final class ProgramLine {
    let ours: Int32
    private(set) var theirs: Int32
    private(set) var isOpen = true

    private init(ours: Int32, theirs: Int32) {
        (self.ours, self.theirs) = (ours, theirs)
        _ = fcntl(ours, F_SETFL, O_NONBLOCK)
    }

    /// What it reads comes by a socket: writing to one that nobody reads any more is an error without a signal.
    static func input() throws(BoundedProgram.Failure) -> ProgramLine {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw .notStarted(String(cString: strerror(errno)))
        }
        return ProgramLine(ours: pair[0], theirs: pair[1])
    }

    /// What it writes goes by a pipe: a script may open that again by its name, `/dev/stdout`, and a socket not.
    static func output() throws(BoundedProgram.Failure) -> ProgramLine {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .notStarted(String(cString: strerror(errno))) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return ProgramLine(ours: ends[0], theirs: ends[1])
    }

    deinit {
        closeTheirs()
        close()
    }

    func closeTheirs() {
        if theirs >= 0 { _ = Glibc.close(theirs) }
        theirs = -1
    }

    func close() {
        if isOpen { _ = Glibc.close(ours) }
        isOpen = false
    }
}
