import Foundation
import Glibc
import Policy
import Synchronization
import Testing

@testable import Convergence

/// What is changed while the process is killed: each kind of resource, with something before and something to notify.
private enum Story {
    static let old = String(repeating: "old line\n", count: 3_000)
    static let new = String(repeating: "a new line\n", count: 5_000)

    static func prepare(_ scratch: Scratch) {
        mkdir(scratch.file("etc"), 0o755)
        mkdir(scratch.file("gone"), 0o755)
        mkdir(scratch.file("gone/deep"), 0o755)
        scratch.write("etc/old", old)
        scratch.write("gone/a", "a")
        scratch.write("gone/deep/b", "b")
        symlink("old", scratch.file("etc/link"))
    }

    static let resources = [
        resource(file("/etc/old", new, mode: 0o640), notifies: ["exec:restart"]),
        resource(directory("/etc/fresh")),
        resource(file("/etc/fresh/new", new), requires: ["directory:/etc/fresh"]),
        resource(link("/etc/link", "fresh/new")),
        resource(absent("/gone", recursive: true)),
        resource(exec("log", "echo once >> etc/log", creates: "/etc/log")),
        resource(exec("restart", "echo restarted >> etc/restarted", refreshOnly: true)),
    ]

    static let names = ["etc", "etc/fresh", "etc/fresh/new", "etc/link", "etc/log", "etc/old", "etc/restarted"]
}

/// Words for a child process. In a file: other threads may look at the environment while a test would change it.
private enum Note {
    static func path(_ process: pid_t) -> String { "/tmp/bolt-converge-note-\(process)" }
    static func leave(_ text: String) {
        remove()
        _ = FileManager.default.createFile(atPath: path(getpid()), contents: Data(text.utf8))
    }
    static func remove() { unlink(path(getpid())) }
    static var ofParent: [String] {
        let data = FileManager.default.contents(atPath: path(getppid())) ?? Data()
        return String(decoding: data, as: UTF8.self).split(separator: " ").map(String.init)
    }
}

@Suite(.serialized) struct KillTests {
    /// Killed at the step of this number, counted over the whole run.
    private static func killed(at number: Int, in scratch: Scratch) async {
        Note.leave("\(number) \(scratch.root) \(scratch.state)")
        defer { Note.remove() }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let words = Note.ofParent
            let count = Atomic<Int>(0)
            var options = ConvergenceOptions(root: words[1], stateDirectory: words[2])
            let last = Int(words[0]) ?? 0
            options.atStep = { _, _ in
                if count.add(1, ordering: .relaxed).oldValue == last { kill(getpid(), SIGKILL) }
            }
            let converger = try Converger(options)
            _ = converger.runNow(ResolvedPolicy(resources: Story.resources), secrets: []) { false }
        }
    }

    @Test("Killed at each step of a run: files are whole, the next run converges, notifies, and leaves nothing behind")
    func everyStep() async throws {
        let counted = try Scratch()
        Story.prepare(counted)
        let steps = Mutex<[ChangeStep]>([])
        let whole = try counted.run(Story.resources) { options in
            options.atStep = { step, _ in steps.withLock { $0.append(step) } }
        }
        #expect(whole.isConverged)
        #expect(counted.names == Story.names)
        let all = steps.withLock { $0 }
        #expect(Set(all) == Set(ChangeStep.allCases), "each kind of step is among them")
        for (number, step) in all.enumerated() {
            let scratch = try Scratch()
            Story.prepare(scratch)
            await Self.killed(at: number, in: scratch)
            let held = scratch.read("etc/old")
            #expect(held == Story.old || held == Story.new, "torn at \(number), \(step)")
            if let fresh = scratch.read("etc/fresh/new") { #expect(fresh == Story.new, "torn at \(number), \(step)") }
            let after = try scratch.run(Story.resources)
            #expect(after.isConverged, "\(number), \(step): \(after.texts)")
            #expect(scratch.names == Story.names, "\(number), \(step)")
            #expect(scratch.read("etc/old") == Story.new && scratch.mode("etc/old") == 0o640)
            #expect(scratch.mode("etc/fresh") == 0o755)
            #expect(scratch.read("etc/log") == "once\n", "\(number), \(step)")
            #expect(scratch.read("etc/restarted") != nil, "\(number), \(step): what changed was not told")
            let again = try scratch.run(Story.resources)
            #expect(again.counts.changed == 0 && again.isConverged, "\(number), \(step)")
        }
    }

    /// Runs one command in a process that the command itself kills.
    private static func killedBy(_ script: String, seconds: Int, in scratch: Scratch) async {
        scratch.write("script", script)
        Note.leave("\(scratch.root) \(scratch.state) \(seconds)")
        defer { Note.remove() }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let words = Note.ofParent
            let options = ConvergenceOptions(root: words[0], stateDirectory: words[1])
            let policy = ResolvedPolicy(resources: [
                resource(exec("long", ". ./script", seconds: Int(words[2]) ?? 1))
            ])
            _ = try Converger(options).runNow(policy, secrets: []) { false }
        }
    }

    @Test("A command that outlived the agent is waited for: killing the agent ran it a second time beside itself")
    func outlives() async throws {
        let scratch = try Scratch()
        let script = """
            if [ -e running ]; then echo beside >> log; fi
            echo begun >> log; touch running
            if [ ! -e go ]; then kill -9 $PPID; fi
            until [ -e go ]; do sleep 0.05; done
            rm -f running; echo ended >> log
            """
        await Self.killedBy(script, seconds: 600, in: scratch)
        let resources = [resource(exec("long", ". ./script", seconds: 600))]
        // A pass that is to end does not wait, and the next one knows of it still.
        let short = try scratch.run(resources, isCancelled: { true })
        #expect(short.resources.map(\.skip) == [.cancelled] && scratch.read("log") == "begun\n")
        let go = scratch.file("go")
        let after = try scratch.run(
            resources,
            isCancelled: {
                close(open(go, O_CREAT | O_WRONLY, 0o600))
                return false
            })
        #expect(after.outcomes == [.changed])
        #expect(scratch.read("log") == "begun\nended\nbegun\nended\n")
    }

    @Test("A command that outlived the agent and its own time is ended, with all that it began")
    func outlivesItsTime() async throws {
        let scratch = try Scratch()
        let script = """
            if [ ! -e self ]; then
                setsid tail -f /dev/null & echo $! > child; echo $$ > self; kill -9 $PPID; exec tail -f /dev/null
            fi
            """
        await Self.killedBy(script, seconds: 1, in: scratch)
        let after = try scratch.run([resource(exec("long", ". ./script"))])
        #expect(after.outcomes == [.changed])
        for name in ["self", "child"] {
            let process = pid_t(scratch.read(name)?.trimmingCharacters(in: .newlines) ?? "")
            #expect(process.map(isGone) == true, "\(name)")
        }
    }

    @Test("What a command left behind at its own end is no command that outlived the agent, and stays")
    func leftBehind() async throws {
        let scratch = try Scratch()
        // Killed once the command has ended, and before that is noted.
        let script = "tail -f /dev/null </dev/null >/dev/null 2>&1 & echo $! > child"
        #expect(try scratch.run([resource(exec("leaves", script))]).outcomes == [.changed])
        let child = try #require(pid_t(scratch.read("child")?.trimmingCharacters(in: .newlines) ?? ""))
        defer { kill(child, SIGKILL) }
        let environment = FileManager.default.contents(atPath: "/proc/\(child)/environ") ?? Data()
        let marker = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            .first { $0.hasPrefix("BOLT_PASS=") }
        var gone = LeftCommand(marker: try #require(marker), boot: LeftCommand.boot, deadline: 0)
        gone.leader = ProcessMark(process: child, start: 1)
        #expect(gone.settle(limits: ConvergenceLimits()) { false })
        #expect(ProcessMark(child)?.isRunning == true)
        // And nothing of another start of the machine is looked for.
        gone.leader = ProcessMark(child)
        gone.boot = "another"
        #expect(gone.settle(limits: ConvergenceLimits()) { false })
        #expect(ProcessMark(child)?.isRunning == true)
    }

    @Test("Not as root: an owner that only root can give is refused by name, and everything else is done")
    func notRoot() async throws {
        let scratch = try Scratch()
        chmod(scratch.root, 0o777)
        let state = scratch.path + "/other"
        mkdir(state, 0o700)
        if geteuid() == 0 { chown(state, 65_534, 65_534) }
        Note.leave("\(scratch.root) \(state)")
        defer { Note.remove() }
        await #expect(processExitsWith: .exitCode(0)) {
            let words = Note.ofParent
            if geteuid() == 0 { #expect(setgroups(0, nil) == 0 && setgid(65_534) == 0 && setuid(65_534) == 0) }
            let options = ConvergenceOptions(root: words[0], stateDirectory: words[1])
            let policy = ResolvedPolicy(resources: [
                resource(file("/roots", owner: "0")), resource(file("/groups", group: "0")), resource(file("/ours")),
                resource(file("/named", owner: String(geteuid()))),
            ])
            let report = try Converger(options).runNow(policy, secrets: []) { false }
            #expect(report.outcomes == [.failed, .failed, .changed, .changed])
            #expect(report.codes == ["owner_needs_root", "owner_needs_root"])
        }
        #expect(scratch.names == ["named", "ours"])
    }
}
