internal import Glibc

/// A process that is not taken for another one that has its number later.
struct ProcessMark: Hashable {
    /// Its number.
    let process: pid_t
    /// When it began, in the system's ticks since it was started.
    let start: UInt64

    /// The process that has a number now, also one that ended and was not collected; nil where there is none.
    init?(_ process: pid_t) {
        guard let entry = ProcessEntry(process) else { return nil }
        self = entry.mark
    }

    init(process: pid_t, start: UInt64) { (self.process, self.start) = (process, start) }

    /// Whether it goes on.
    var isRunning: Bool {
        guard let entry = ProcessEntry(process) else { return false }
        return entry.mark == self && !entry.hasEnded
    }
}

/// What the system shows of a process.
private struct ProcessEntry {
    let mark: ProcessMark
    let parent: pid_t
    let session: pid_t
    /// Whether it ended and only waits to be collected.
    let hasEnded: Bool

    init?(_ process: pid_t) {
        let number = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
        guard number >= 0, let bytes = Descriptor(owning: number).read(max: 4_096),
            // Its name is in brackets and may hold any byte.
            let name = bytes.lastIndex(of: 0x29)
        else { return nil }
        let words = bytes[(name + 1)...].split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
        guard words.count > 19, let parent = pid_t(words[1]), let session = pid_t(words[3]),
            let start = UInt64(words[19])
        else { return nil }
        (self.parent, self.session) = (parent, session)
        mark = ProcessMark(process: process, start: start)
        hasEnded = words[0] == "Z" || words[0] == "X"
    }

    /// All processes but the first one and our own.
    static var all: [ProcessEntry] {
        guard let listing = opendir("/proc") else { return [] }
        defer { closedir(listing) }
        var found: [ProcessEntry] = []
        while let entry = readdir(listing) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let process = pid_t(name), process > 1, process != getpid() else { continue }
            if let entry = ProcessEntry(process) { found.append(entry) }
        }
        return found
    }

    func has(variable: [UInt8]) -> Bool {
        let number = open("/proc/\(mark.process)/environ", O_RDONLY | O_CLOEXEC)
        guard number >= 0, let bytes = Descriptor(owning: number).read(max: 256 * 1_024) else { return false }
        return bytes.split(separator: 0).contains { $0.elementsEqual(variable) }
    }
}

/// A program and all that it began, as far as the system shows that: what is in its session, what has its marker in the
/// environment, the children of any of these, and theirs. What was found once stays one of them when its parent ends.
struct ProcessFamily {
    /// What is in the environment of the program, and of what it began unless that took another.
    let marker: String
    private(set) var members: Set<ProcessMark> = []

    init(marker: String) { self.marker = marker }

    /// Looks who is one of them now. `leader` is the program, where it is certain that its number is still its own.
    mutating func look(leader: pid_t?) {
        let (entries, variable) = (ProcessEntry.all, Array(marker.utf8))
        var children: [pid_t: [ProcessEntry]] = [:]
        for entry in entries { children[entry.parent, default: []].append(entry) }
        var waiting = entries.filter { entry in
            members.contains(entry.mark) || entry.mark.process == leader || entry.session == leader
                || entry.has(variable: variable)
        }
        var found: Set<ProcessMark> = []
        while let next = waiting.popLast() {
            guard found.insert(next.mark).inserted else { continue }
            waiting += children[next.mark.process] ?? []
        }
        let ended = Set(entries.filter(\.hasEnded).map(\.mark))
        members = found.subtracting(ended)
    }

    /// Signals all that were found and go on.
    func signal(_ signal: Int32) {
        for member in members where member.isRunning { kill(member.process, signal) }
    }
}
