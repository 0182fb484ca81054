internal import CConvergence
internal import Glibc

/// A program that was begun and is waited for.
struct RunningChild {
    /// Its process; also the number of its session and group.
    let child: pid_t
    /// What is in the environment of it and of all that it began.
    let marker: String
    private var output: PipeEnd
    private var errors: PipeEnd?
    private let limits: ConvergenceLimits

    init(child: pid_t, marker: String, output: PipeEnd, errors: PipeEnd?, limits: ConvergenceLimits) {
        (self.child, self.marker, self.output, self.errors, self.limits) = (child, marker, output, errors, limits)
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
        let last = MonotonicTime.nanoseconds + UInt64(limits.endSeconds) * 1_000_000_000
        while MonotonicTime.nanoseconds < last, status == nil || !isClosed, ending != .flood { takeOutput(for: 5) }
        // More than once: what is being ended may begin others.
        for _ in 0..<5 where signalAll(SIGKILL) > 0 { usleep(2_000) }
        reap(seconds: 5)
        takeOutput(for: 0)
        return outcome(ending)
    }

    /// Signals its group, and whatever else it began that left the group. Gives how many of those there were.
    @discardableResult
    private func signalAll(_ signal: Int32) -> Int {
        // It is not collected yet: its number is nobody else's.
        kill(-child, signal)
        let others = family.filter { $0 != child }
        for process in others { kill(process, signal) }
        return others.count
    }

    /// The processes that have the marker in their environment.
    private var family: [pid_t] {
        guard let listing = opendir("/proc") else { return [] }
        defer { closedir(listing) }
        let wanted = Array(marker.utf8)
        var found: [pid_t] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = pid_t(name), process > 1, process != getpid() else { continue }
            let number = open("/proc/\(name)/environ", O_RDONLY | O_CLOEXEC)
            guard number >= 0, let bytes = Descriptor(owning: number).read(max: 256 * 1_024) else { continue }
            if bytes.split(separator: 0).contains(where: { $0.elementsEqual(wanted) }) { found.append(process) }
        }
        return found
    }

    /// Collects it; gives up on one that the system itself does not let end.
    private func reap(seconds: UInt64) {
        let last = MonotonicTime.nanoseconds + seconds * 1_000_000_000
        var status: Int32 = 0
        while waitpid(child, &status, WNOHANG) == 0, MonotonicTime.nanoseconds < last { usleep(1_000) }
    }
}
