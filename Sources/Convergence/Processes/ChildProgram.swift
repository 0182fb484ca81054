internal import CConvergence
internal import Glibc

/// A program that is run to its end, or ended: on time-out, when it prints more than is taken, when it leaves others
/// behind that hold its output, and when the pass is to end. It has a session of its own, and is ended with all of it.
struct ChildProgram {
    /// How it came to its end.
    enum Ending: Equatable {
        /// By itself, with this code.
        case code(Int32)
        /// By a signal that was not ours.
        case signal(Int32)
        /// By us, after its time.
        case timedOut
        /// By us: it printed too much.
        case flood
        /// By itself, and others held its output open: those were ended by us.
        case leftOpen
        /// By us, since the pass was to end.
        case cancelled
        /// It was never begun: the error's number.
        case notBegun(Int32)
    }

    /// What it came to.
    struct Outcome {
        var ending: Ending
        /// What it printed; the errors too, where they are not apart.
        var output: ShownOutput
        /// What it printed as errors, where they are apart.
        var errors: ShownOutput
    }

    /// Path of the program.
    var path: String
    /// Its arguments, with its own name as the first.
    var arguments: [String]
    /// Variables, `NAME=value`.
    var environment: [String]
    /// Where it is run.
    var directory: Descriptor
    /// What it reads; nil for nothing.
    var input: [UInt8]?
    /// How long it may take.
    var seconds: Int
    /// What is kept of its output.
    var keeping: PipeEnd.Keeping
    /// Whether errors are kept apart.
    var hasOwnErrors: Bool
    /// Bounds of its end.
    var limits: ConvergenceLimits
    /// Where it is noted for as long as it runs, so that the next run knows of it should this process be killed.
    var memory: ChangeMemory

    /// Runs it. `isCancelled` is asked some times in a second.
    func run(isCancelled: () -> Bool) -> Outcome {
        // Handed on to whatever it begins: so those are found who left its session.
        let marker = "BOLT_PASS=\(UInt64.random(in: .min ... .max))"
        let deadline = MonotonicTime.nanoseconds + UInt64(max(1, seconds)) * 1_000_000_000
        memory.note(command: LeftCommand(marker: marker, boot: LeftCommand.boot, deadline: deadline))
        defer { memory.forget(command: marker) }
        switch begin(marker) {
        case .success(var child):
            memory.note(leader: ProcessMark(child.child), of: marker)
            return child.wait(seconds: seconds, isCancelled: isCancelled)
        case .failure(let reason):
            let nothing = ShownOutput(bytes: [], isCut: false)
            return Outcome(ending: .notBegun(reason.number), output: nothing, errors: nothing)
        }
    }

    private struct NotBegun: Error { var number: Int32 }

    /// When this returns, the child alone holds the ends of its pipes.
    private func begin(_ marker: String) -> Result<RunningChild, NotBegun> {
        guard let input = openInput(), let output = ChildProgram.pipe(),
            let errors = hasOwnErrors ? ChildProgram.pipe() : output
        else { return .failure(NotBegun(number: errno)) }
        var child: pid_t = 0
        let streams = [input.number, output.write.number, errors.write.number]
        let failed = withPointers(arguments) { words in
            withPointers(environment + [marker]) { variables in
                var number: Int32 = 0
                // A program that was written a moment ago can still be open in a child of another thread.
                for _ in 0..<50 {
                    number = converge_spawn(&child, path, words, variables, streams, directory.number)
                    guard number == ETXTBSY else { break }
                    usleep(2_000)
                }
                return number
            }
        }
        withExtendedLifetime((input, output, errors)) {}
        guard failed == 0 else { return .failure(NotBegun(number: failed)) }
        return .success(
            RunningChild(
                child: child, marker: marker, output: PipeEnd(output.read, keeping: keeping),
                errors: hasOwnErrors
                    ? PipeEnd(errors.read, keeping: .end(max: limits.outputKeptBytesMax)) : nil, limits: limits))
    }

    private static func pipe() -> (read: Descriptor, write: Descriptor)? {
        var ends: [Int32] = [-1, -1]
        guard converge_pipe(&ends) == 0 else { return nil }
        return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    }

    /// What it reads lies in memory: nobody waits for a program that does not read, and no disk holds it.
    private func openInput() -> Descriptor? {
        guard let input else {
            let number = open("/dev/null", O_RDONLY | O_CLOEXEC)
            return number >= 0 ? Descriptor(owning: number) : nil
        }
        let number = converge_memory_file()
        guard number >= 0 else { return nil }
        let file = Descriptor(owning: number)
        guard file.write(input) == 0, lseek(number, 0, SEEK_SET) == 0 else { return nil }
        return file
    }

    private func withPointers<Value>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value
    ) -> Value {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
