import Glibc
import Testing

@testable import Programs

/// Programs of others get so much time and output, and leave nothing behind.
@Suite struct BoundedProgramTests {
    private func run(
        _ script: String, max: Int = 1000, timeout: Duration = .seconds(30)
    ) -> Result<BoundedProgram.Result, BoundedProgram.Failure> {
        Result { () throws(BoundedProgram.Failure) in
            try BoundedProgram(
                words: ["/bin/sh", "-c", script], environment: ["PATH=/usr/bin:/bin"], input: Array("in".utf8),
                outputMax: max, timeout: timeout
            ).run()
        }
    }

    @Test("a program that says too much, takes too long or is not there ends with a reason, and what it began with it")
    func bounds() throws {
        let fine = try run("cat; echo complaint >&2; exit 3").get()
        #expect(fine.status == 3 && fine.output == Array("in".utf8) && fine.complaints == Array("complaint\n".utf8))
        #expect(run("head -c 5000 /dev/zero") == .failure(.tooMuch))
        #expect(run("sleep 600 & wait", timeout: .milliseconds(200)) == .failure(.tooLong))
        let killed = try run("kill -9 $$").get()
        #expect(killed.ending == .signal(9) && killed.status == 137)
        // What stays behind with the output open holds nobody up.
        #expect(try run("sleep 600 & exit 4").get().ending == .code(4))
        let missing = BoundedProgram(words: ["/no/such"], environment: [], outputMax: 1, timeout: .seconds(5))
        #expect(throws: BoundedProgram.Failure.self) { try missing.run() }
    }

    @Test("who ends does not wait for a program that hangs")
    func ends() {
        let program = BoundedProgram(
            words: ["sleep", "60"], environment: [], outputMax: 1, timeout: .seconds(60), isEnding: { true })
        #expect(throws: BoundedProgram.Failure.ended) { try program.run() }
    }

    @Test("a program of which an earlier run can't be ended is not started beside it, and is again once that ended")
    func left() throws {
        // Stands for one that was killed and that the system holds: each run of it left one more.
        var (child, words) = (pid_t(0), [strdup("sleep"), strdup("600"), nil])
        defer { for word in words { free(word) } }
        try #require(posix_spawnp(&child, "sleep", nil, nil, &words, environ) == 0)
        BoundedProgram.note(left: child, of: "/usr/bin/true")
        func start(_ path: String) -> BoundedProgram.Failure? {
            do throws(BoundedProgram.Failure) {
                _ = try BoundedProgram(words: [path], environment: [], outputMax: 1, timeout: .seconds(30)).run()
                return nil
            } catch { return error }
        }
        guard case .notStarted(let why)? = start("/usr/bin/true") else {
            Issue.record("it was started beside the other")
            return
        }
        #expect(why.contains("does not end"))
        #expect(start("/usr/bin/false") == nil, "another program is not held up")
        kill(child, SIGKILL)
        // Until it ended; it is still to be collected.
        var information = siginfo_t()
        while waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        #expect(start("/usr/bin/true") == nil)
        #expect(kill(child, 0) != 0, "it was collected")
    }

    @Test("its output can be opened by name: as a socket it could not, and scripts do that")
    func opensItsOutputByName() throws {
        let result = try run("echo out >/dev/stdout; echo complaint >/dev/stderr").get()
        #expect(result.ending == .code(0))
        #expect(result.output == Array("out\n".utf8) && result.complaints == Array("complaint\n".utf8))
    }

    @Test("a program gets the variables that are named and no other of this process")
    func inheritsNoVariables() throws {
        let result = try BoundedProgram(
            words: ["/usr/bin/env"], environment: ["A=b"], outputMax: 1000, timeout: .seconds(30)
        ).run()
        #expect(String(decoding: result.output, as: UTF8.self) == "A=b\n")
    }

    @Test("programs that run at once do not hold up each other: each has its own output to its end")
    func atOnce() async {
        let outputs = await withTaskGroup(of: [UInt8]?.self) { group in
            for number in 0..<8 { group.addTask { try? run("cat >/dev/null; echo \(number)").get().output } }
            return await group.reduce(into: Set<String>()) { $0.insert(String(decoding: $1 ?? [], as: UTF8.self)) }
        }
        #expect(outputs == Set((0..<8).map { "\($0)\n" }))
    }
}
