internal import Glibc

/// A command or handler that was begun by a process of the agent that ended before it: killed, or out of memory.
struct LeftCommand: Hashable {
    /// What is in its environment.
    var marker: String
    /// The start of the machine that it was begun in.
    var boot: String
    /// When its time is over, in nanoseconds of the monotonic clock.
    var deadline: UInt64
    /// The program; nil where the agent ended before it knew.
    var leader: ProcessMark?

    /// The present start of the machine.
    static var boot: String {
        let number = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard number >= 0, let bytes = Descriptor(owning: number).read(max: 64) else { return "" }
        return String(decoding: bytes.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    /// Waits until it ended by itself; once its time is over, ends it with all that it began. What it left behind at
    /// its own end stays. Gives false where it goes on, since the pass is to end.
    func settle(limits: ConvergenceLimits, isCancelled: () -> Bool) -> Bool {
        guard boot == LeftCommand.boot else { return true }
        var family = ProcessFamily(marker: marker)
        guard isRunning(&family) else { return true }
        while MonotonicTime.nanoseconds < deadline {
            if isCancelled() { return false }
            // Without its number all processes have to be looked at.
            usleep(leader == nil ? 500_000 : 20_000)
            guard isRunning(&family) else { return true }
        }
        family.look(leader: leader?.process)
        family.signal(SIGTERM)
        let last = MonotonicTime.nanoseconds + UInt64(limits.endSeconds) * 1_000_000_000
        while MonotonicTime.nanoseconds < last, isRunning(&family) { usleep(5_000) }
        // More than once: what is being ended may begin others.
        for _ in 0..<5 {
            family.look(leader: nil)
            guard !family.members.isEmpty else { break }
            family.signal(SIGKILL)
            usleep(2_000)
        }
        return true
    }

    private func isRunning(_ family: inout ProcessFamily) -> Bool {
        if let leader { return leader.isRunning }
        // Not known: then it was only just begun when the agent ended.
        family.look(leader: nil)
        return !family.members.isEmpty
    }
}
