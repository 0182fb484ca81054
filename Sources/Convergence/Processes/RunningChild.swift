internal import CConvergence
internal import Glibc

/// A program that was begun and is waited for.
struct RunningChild {
    /// Its process; also the number of its session and group.
    let child: pid_t
    private var family: ProcessFamily
    private var output: PipeEnd
    private var errors: PipeEnd?
    private let limits: ConvergenceLimits

    init(child: pid_t, marker: String, output: PipeEnd, errors: PipeEnd?, limits: ConvergenceLimits) {
        (self.child, self.output, self.errors, self.limits) = (child, output, errors, limits)
        family = ProcessFamily(marker: marker)
    }

    /// Waits until it ended and its output closed, or ends it.
    mutating func wait(seconds: Int, isCancelled: () -> Bool) -> ChildProgram.Outcome {
        let end = MonotonicTime.nanoseconds + UInt64(max(1, seconds)) * 1_000_000_000
        var endOfOutput: UInt64?
        while true {
            let ended = status
            takeOutput(for: ended == nil ? 20 : 5)
            if output.isCut, case .beginning = output.keeping { return stop(.flood) }
            if let ended {
                if isClosed { return collect(ended) }
                let now = MonotonicTime.nanoseconds
                let last = endOfOutput ?? now + UInt64(limits.closeMilliseconds) * 1_000_000
                endOfOutput = last
                if now >= last { return stop(.leftOpen) }
            } else {
                if MonotonicTime.nanoseconds >= end { return stop(.timedOut) }
                if isCancelled() { return stop(.cancelled) }
            }
        }
    }

    private var isClosed: Bool { output.isClosed && errors?.isClosed != false }

    /// How it ended; nil while it runs.
    private var status: Int32? {
        var status: Int32 = 0
        switch converge_has_ended(child, &status) {
        case 0: return nil
        case 1: return status
        // Somebody else collected it: how it ended is not known.
        default: return 255 << 8
        }
    }

    private mutating func takeOutput(for milliseconds: Int32) {
        let open = [output.descriptor, errors?.descriptor].compactMap { $0 }
        guard !open.isEmpty else {
            usleep(5_000)
            return
        }
        var events = open.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
        _ = poll(&events, nfds_t(events.count), milliseconds)
        output.take()
        errors?.take()
    }

    private mutating func collect(_ status: Int32) -> ChildProgram.Outcome {
        reap(seconds: 1)
        let signal = status & 0x7F
        return outcome(signal == 0 ? .code(status >> 8 & 0xFF) : .signal(signal))
    }

    private func outcome(_ ending: ChildProgram.Ending) -> ChildProgram.Outcome {
        let nothing = ShownOutput(bytes: [], isCut: false)
        return ChildProgram.Outcome(ending: ending, output: output.kept, errors: errors?.kept ?? nothing)
    }

    /// Asks all of it to end, and ends what does not.
    private mutating func stop(_ ending: ChildProgram.Ending) -> ChildProgram.Outcome {
        signalAll(SIGTERM)
        let seconds = ending == .cancelled ? limits.cancelSeconds : limits.endSeconds
        let last = MonotonicTime.nanoseconds + UInt64(seconds) * 1_000_000_000
        while MonotonicTime.nanoseconds < last, status == nil || !isClosed, ending != .flood { takeOutput(for: 5) }
        // More than once: what is being ended may begin others.
        for _ in 0..<5 where signalAll(SIGKILL) { usleep(2_000) }
        reap(seconds: 5)
        takeOutput(for: 0)
        return outcome(ending)
    }

    /// Signals its group, and whatever else it began that left the group. Gives whether there was any.
    @discardableResult
    private mutating func signalAll(_ signal: Int32) -> Bool {
        // It is not collected yet: its number is nobody else's.
        // Looked for first: whose parent has ended is nobody's child.
        family.look(leader: child)
        kill(-child, signal)
        family.signal(signal)
        return !family.members.isEmpty
    }

    /// Collects it; gives up on one that the system itself does not let end.
    private func reap(seconds: UInt64) {
        let last = MonotonicTime.nanoseconds + seconds * 1_000_000_000
        var status: Int32 = 0
        while waitpid(child, &status, WNOHANG) == 0, MonotonicTime.nanoseconds < last { usleep(1_000) }
    }
}
