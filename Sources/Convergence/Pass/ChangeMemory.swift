internal import Foundation
internal import Glibc
internal import Policy
internal import Synchronization

/// What has to outlive the process: names of temporary neighbours that may be there, commands that run, and what is
/// still to be notified.
///
/// A log of lines, appended to before the thing is done. A line that an end of the process cut in two is no line; what
/// it was to say was not begun.
final class ChangeMemory: Sendable {
    /// A neighbour that may be there.
    struct Temporary: Hashable {
        var directory: String
        var name: String
    }

    private struct State {
        var file: Descriptor?
        var pending: Set<ResourceID> = []
        var temporaries: [Temporary] = []
        var commands: [String: LeftCommand] = [:]
        var failure: String?
    }

    private let path: String
    private let isReadOnly: Bool
    private let state: Mutex<State>

    /// Reads the log at `path`. One that can't be read or written is told by `failure`, and the pass goes on without.
    init(path: String, isReadOnly: Bool) {
        (self.path, self.isReadOnly) = (path, isReadOnly)
        let flags = isReadOnly ? O_RDONLY : O_RDWR | O_CREAT | O_APPEND
        let number = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        var state = State()
        if number >= 0 {
            let file = Descriptor(owning: number)
            state.file = file
            if let bytes = file.read(max: FixedLimits.memoryReadBytesMax) {
                ChangeMemory.replay(bytes, into: &state)
            } else {
                state.failure = "\(path) can't be read: \(String(cString: strerror(errno)))"
            }
        } else if !(isReadOnly && errno == ENOENT) {
            state.failure = "\(path) can't be opened: \(String(cString: strerror(errno)))"
        }
        self.state = Mutex(state)
    }

    /// Why what the next pass needs could not be kept; nil where it was.
    var failure: String? { state.withLock { $0.failure } }

    /// What is still to be notified.
    var pending: Set<ResourceID> { state.withLock { $0.pending } }

    /// Neighbours that an earlier run may have left.
    var temporaries: [Temporary] { state.withLock { $0.temporaries } }

    /// Commands that an earlier run began, and of whose end it knew nothing.
    var commands: [LeftCommand] {
        state.withLock { state in state.commands.values.sorted { $0.marker < $1.marker } }
    }

    /// Before a command is begun. Outlives the process, not the machine: nor does the command.
    func note(command: LeftCommand) {
        state.withLock { $0.commands[command.marker] = command }
        append(ChangeMemory.words(command), isDurable: false, isNeeded: false)
    }

    /// Once it was begun; nil where the system does not show it.
    func note(leader: ProcessMark?, of marker: String) {
        guard let leader else { return }
        let command = state.withLock { state in
            state.commands[marker]?.leader = leader
            return state.commands[marker]
        }
        if let command { append(ChangeMemory.words(command), isDurable: false, isNeeded: false) }
    }

    /// It ended, and what it began that had to end with it.
    func forget(command marker: String) {
        guard state.withLock({ $0.commands.removeValue(forKey: marker) }) != nil else { return }
        append(["ended", marker], isDurable: false, isNeeded: false)
    }

    private static func words(_ command: LeftCommand) -> [String] {
        let leader = command.leader.map { ["\($0.process)", "\($0.start)"] } ?? []
        return ["command", command.marker, command.boot, "\(command.deadline)"] + leader
    }

    private static func command(_ words: [String]) -> LeftCommand? {
        guard words.count >= 4, words[1].hasPrefix("BOLT_PASS="), let deadline = UInt64(words[3]) else { return nil }
        var command = LeftCommand(marker: words[1], boot: words[2], deadline: deadline)
        if words.count == 6, let process = pid_t(words[4]), let start = UInt64(words[5]) {
            command.leader = ProcessMark(process: process, start: start)
        }
        return command
    }

    /// Before a neighbour is made. Outlives the process.
    func note(temporary name: String, in directory: String) {
        append(["temporary", directory, name], isDurable: false)
    }

    /// Before something is changed that is to notify these. Durable. Gives those that were not pending before.
    func note(pending ids: [ResourceID]) -> [ResourceID] {
        guard !isReadOnly else { return [] }
        let fresh = state.withLock { state in ids.filter { state.pending.insert($0).inserted } }
        if !fresh.isEmpty { append(["pending"] + fresh.map(\.text), isDurable: true) }
        return fresh
    }

    /// They were refreshed, or nothing came of what was to notify them.
    func forget(pending ids: [ResourceID]) {
        guard !isReadOnly else { return }
        let known = state.withLock { state in ids.filter { state.pending.remove($0) != nil } }
        if !known.isEmpty { append(["done"] + known.map(\.text), isDurable: true) }
    }

    /// At the end of a pass, or of the cleaning before it: no neighbour is there any more. What is pending is kept, and
    /// what runs.
    func settle() {
        guard !isReadOnly else { return }
        state.withLock { state in
            state.temporaries = []
            guard let file = state.file, let size = file.status?.st_size, size > 0 else { return }
            if state.pending.isEmpty && state.commands.isEmpty {
                if ftruncate(file.number, 0) != 0 { fail("shortened", &state) }
            } else if Int(size) > FixedLimits.memoryBytesMax {
                rewrite(&state)
            }
        }
    }

    private func rewrite(_ state: inout State) {
        let fresh = path + ".new"
        let number = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { return fail("rewritten", &state) }
        let file = Descriptor(owning: number)
        var lines = ChangeMemory.line(["pending"] + state.pending.sorted().map(\.text))
        for (_, command) in state.commands.sorted(by: { $0.key < $1.key }) {
            lines += ChangeMemory.line(ChangeMemory.words(command))
        }
        guard file.write(lines) == 0, fsync(number) == 0, rename(fresh, path) == 0 else {
            return fail("rewritten", &state)
        }
        state.file = file
    }

    /// What is not needed to do the policy's work fails without a word: a full disk is told by what needs it.
    private func append(_ words: [String], isDurable: Bool, isNeeded: Bool = true) {
        guard !isReadOnly else { return }
        state.withLock { state in
            guard let file = state.file else { return }
            let before = file.status?.st_size
            let failed = file.write(ChangeMemory.line(words))
            if failed != 0 {
                // A line that is there in part would swallow the next one.
                if let before { ftruncate(file.number, before) }
                if isNeeded { state.failure = "\(path) can't be written: \(String(cString: strerror(failed)))" }
            } else if isDurable, fdatasync(file.number) != 0 {
                fail("made durable", &state)
            }
        }
    }

    private func fail(_ what: String, _ state: inout State) {
        state.failure = "\(path) can't be \(what): \(String(cString: strerror(errno)))"
    }

    private static func line(_ words: [String]) -> [UInt8] {
        // A line of its own even after half a line of a process that ended.
        [0x0A] + ((try? JSONEncoder().encode(words)) ?? Data()) + [0x0A]
    }

    private static func replay(_ bytes: [UInt8], into state: inout State) {
        for line in bytes.split(separator: 0x0A) {
            guard let words = try? JSONDecoder().decode([String].self, from: Data(line)), let verb = words.first else {
                continue
            }
            let ids = words.dropFirst().compactMap { ResourceID($0) }
            switch verb {
            case "pending": state.pending.formUnion(ids)
            case "done": state.pending.subtract(ids)
            case "temporary" where words.count == 3 && TemporaryName.isOurs(words[2]):
                state.temporaries.append(Temporary(directory: words[1], name: words[2]))
            case "command":
                if let command = command(words) { state.commands[command.marker] = command }
            case "ended" where words.count == 2: state.commands[words[1]] = nil
            default: continue
            }
        }
    }
}
