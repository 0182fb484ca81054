import Foundation
import Glibc
import Policy
import Synchronization
import Testing

@testable import Convergence

@Suite struct ExecTests {
    @Test("A command runs only where its conditions say so; they are asked in a dry run too")
    func conditions() throws {
        let scratch = try Scratch()
        scratch.write("there", "")
        let resources = [
            resource(exec("plain", "echo ran >> plain")), resource(exec("unless", "touch u", unless: "true")),
            resource(exec("unless not", "touch u2", unless: "false")),
            resource(exec("only", "touch o", onlyIf: "false")), resource(exec("only yes", "touch o2", onlyIf: "true")),
            resource(exec("creates", "touch c", creates: "/there")),
            resource(exec("creates not", "touch c2", creates: "/missing/deep")),
            resource(exec("both", "touch b", unless: "false", onlyIf: "false")),
        ]
        let dry = try scratch.run(resources) { $0.isDryRun = true }
        #expect(dry.counts.wouldChange == 4 && dry.counts.skipped == 4 && scratch.names == ["there"])
        let report = try scratch.run(resources)
        #expect(
            report.outcomes
                == [.changed, .skipped, .changed, .skipped, .changed, .skipped, .changed, .skipped], "\(report.texts)")
        #expect(report.resources.compactMap(\.by) == ["unless", "onlyif", "creates /there", "onlyif"])
        #expect(report.isConverged && scratch.names == ["c2", "o2", "plain", "there", "u2"])
    }

    @Test("A command runs in the root or where it is told to, with its variables and none of the agent's")
    func surroundings() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("work"), 0o755)
        let report = try scratch.run([
            resource(
                exec("a", "pwd; echo $A; echo $BOLT_ROOT", environment: ["A": "b c"])),
            resource(exec("b", "pwd", directory: "/work")), resource(exec("c", "cat; ls /proc/self/fd | wc -l")),
            resource(.exec(ExecSpec(name: "d", command: ["env"], environment: ["A": "b c", "HOME": "/nowhere"]))),
        ])
        #expect(report.resources[0].output == "\(scratch.root)\nb c\n\(scratch.root)")
        #expect(report.resources[1].output == scratch.root + "/work")
        // Standard streams, and what `ls` itself opens: nothing of ours.
        #expect(report.resources[2].output == "4")
        let names = (report.resources[3].output ?? "").split(separator: "\n").map { $0.prefix { $0 != "=" } }
        #expect(names == ["A", "BOLT_ROOT", "HOME", "LANG", "PATH", "BOLT_PASS"])
        #expect(report.resources[3].output?.contains("HOME=/nowhere\n") == true)
    }

    @Test("A command of an agent that is not root is at home where its user is, not where others can leave it settings")
    func home() {
        #expect(ProgramSearch.home(of: 0) == "/root")
        #expect(ProgramSearch.home(of: 4_000_000_001) == "/")
        #expect(ProgramSearch.home(of: 65_534) != "/tmp")
    }

    @Test("A failure tells the code or the signal and the end of the output; the rest goes on, what requires it waits")
    func failures() throws {
        let scratch = try Scratch()
        let report = try scratch.run([
            resource(exec("code", "echo words; echo more >&2; exit 3")),
            resource(exec("signal", "kill -9 $$")),
            resource(file("/needs"), requires: ["exec:code"]),
            resource(file("/needs-more"), requires: ["file:/needs"]),
            resource(file("/free")),
            resource(.exec(ExecSpec(name: "missing", command: ["no-such-program-anywhere"]))),
            resource(.exec(ExecSpec(name: "not executable", command: ["/etc/passwd"]))),
            resource(.exec(ExecSpec(name: "nothing", command: []))),
            resource(exec("bad condition", "true", unless: "exit 0", directory: "/missing")),
        ])
        #expect(report["exec:code"]?.why == "it ended with code 3" && report["exec:code"]?.output == "words\nmore")
        #expect(report["exec:code"]?.hasChangedState == true)
        #expect(report["exec:signal"]?.why == "signal 9 ended it")
        #expect(report["file:/needs"]?.skip == .requirementFailed && report["file:/needs"]?.by == "exec:code")
        #expect(report["file:/needs-more"]?.skip == .requirementFailed)
        #expect(report["file:/free"]?.outcome == .changed)
        #expect(
            report.codes == [
                "command_failed", "command_failed", "program_cannot_run", "program_cannot_run", "program_cannot_run",
                "path_parent_missing",
            ])
        #expect(report.texts.contains("no such program in"))
    }

    @Test("A command that hangs is ended with all that it began, also what ignores signals or left its group")
    func hangs() throws {
        let scratch = try Scratch()
        let script = """
            trap '' TERM
            setsid sh -c 'trap "" TERM; echo $$ > escaped; while :; do :; done' &
            sh -c 'echo $$ > child; exec tail -f /dev/null' &
            echo begun
            echo $$ > self
            while :; do :; done
            """
        let report = try scratch.run([resource(exec("hang", script, seconds: 3)), resource(file("/after"))]) {
            $0.limits.endSeconds = 0
        }
        #expect(report.codes == ["program_timed_out"] && report.outcomes[1] == .changed)
        #expect(report.resources[0].output == "begun")
        for name in ["self", "child", "escaped"] {
            let process = pid_t(scratch.read(name)?.trimmingCharacters(in: .newlines) ?? "")
            #expect(process.map(isGone) == true, "\(name) \(process ?? 0)")
        }
    }

    @Test("A command that is asked to end with the agent has time for it: what it does then was cut off")
    func askedToEnd() throws {
        let scratch = try Scratch()
        let path = scratch.file("begun")
        let script = """
            trap 'i=0; while [ $i -lt 50000 ]; do i=$((i + 1)); done; echo whole > ended; exit 0' TERM
            echo begun > begun
            while :; do :; done
            """
        let report = try scratch.run(
            [resource(exec("ends", script, seconds: 600))], { $0.limits.endSeconds = 0 },
            isCancelled: { access(path, F_OK) == 0 })
        #expect(report.codes == ["program_cancelled"])
        #expect(scratch.read("ended") == "whole\n")
    }

    @Test("What a command began ends with it, though it has a session, an environment and an output of its own")
    func escapes() throws {
        let scratch = try Scratch()
        let path = scratch.file("escaped")
        let script = """
            setsid env -i PATH=/usr/bin:/bin sh -c \
                'echo $$ > escaped.new; mv escaped.new escaped; exec tail -f /dev/null' \
                </dev/null >/dev/null 2>&1 &
            exec tail -f /dev/null
            """
        let report = try scratch.run(
            [resource(exec("escapes", script, seconds: 600))], isCancelled: { access(path, F_OK) == 0 })
        #expect(report.codes == ["program_cancelled"])
        let process = pid_t(scratch.read("escaped")?.trimmingCharacters(in: .newlines) ?? "")
        #expect(process.map(isGone) == true)
    }

    @Test("A command whose children keep its output open: told, and they are ended")
    func leftOpen() throws {
        let scratch = try Scratch()
        let report = try scratch.run([
            resource(exec("leaves", "tail -f /dev/null & echo $! > child; echo done")), resource(file("/after")),
            resource(exec("clean", "true >/dev/null 2>&1 &")),
        ]) { $0.limits.closeMilliseconds = 50 }
        #expect(report.codes == ["program_left_open"] && report.outcomes[1...] == [.changed, .changed])
        let process = pid_t(scratch.read("child")?.trimmingCharacters(in: .newlines) ?? "")
        #expect(process.map(isGone) == true)
    }

    @Test("A flood of output is taken to its end, and the last of it is shown")
    func flood() throws {
        let scratch = try Scratch()
        let script = "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo last"
        let report = try scratch.run([resource(exec("flood", script))])
        #expect(report.outcomes == [.changed])
        let output = report.resources[0].output ?? ""
        #expect(output.hasSuffix("x\nlast") && output.utf8.count < 3_000 && output.hasPrefix("… "))
    }

    @Test("A pass that is to end ends its command, and what is left waits by name")
    func cancelled() throws {
        let scratch = try Scratch()
        let path = scratch.file("begun")
        let report = try scratch.run(
            [resource(exec("long", "touch begun; exec tail -f /dev/null", seconds: 600)), resource(file("/after"))],
            isCancelled: { access(path, F_OK) == 0 })
        #expect(report.codes == ["program_cancelled"] && report.resources[1].skip == .cancelled)
        #expect(!report.isConverged && !scratch.exists("after"))
    }

    @Test("Secrets are in no text of a report, plain or encoded; of a resource with a secret nothing is shown at all")
    func secrets() throws {
        let scratch = try Scratch()
        let secret = "s3cr3t/Value+of=this"
        scratch.write("config", "password = \(secret)\nport = 1\n")
        scratch.write("private", "old private line\n", mode: 0o600)
        let script = "cat config; base64 config; od -An -tx1 config; printf '%s' '\(secret)' | base64; exit 1"
        scratch.script(
            "thing",
            """
            #!/bin/sh
            echo '{"state":"failed","diff":"x \(secret)","reason":"no \(secret)"}'
            """)
        let report = try scratch.run(
            [
                resource(exec("show", script)), resource(file("/config", "port = 2\n")),
                resource(file("/made", "password \(secret)\n"), isSensitive: true),
                resource(exec("own", "echo turned into \(secret.reversed()); exit 1"), isSensitive: true),
                resource(file("/private", "new private line\n")), resource(handler("thing")),
                resource(handler("thing", "two"), isSensitive: true), resource(link("/link", secret)),
            ], secrets: [secret])
        #expect(report.outcomes == [.failed, .changed, .changed, .failed, .changed, .failed, .failed, .changed])
        let redactor = Redactor(secrets: [Array(secret.utf8)])
        #expect(redactor.redact(report.texts) == report.texts)
        #expect(!report.texts.contains(secret) && !report.texts.contains("private line"))
        #expect(!report.texts.contains(String(secret.reversed())) && !report.texts.contains("s3cr3t"))
        let encoded = Data("password = \(secret)\n".utf8).base64EncodedString()
        #expect(!report.texts.contains(encoded.dropFirst(20).prefix(16)))
        #expect(report["file:/config"]?.diff == "@@ -1,2 +1 @@\n-password = [secret]\n-port = 1\n+port = 2")
        #expect(report["link:/link"]?.summary == ["new", "target [secret]"])
        #expect(report["file:/made"]?.diff == nil && report["exec:own"]?.output == nil)
        #expect(scratch.read("made") == "password \(secret)\n")
    }
}

/// Whether there is no such process, or only what is left of one.
func isGone(_ process: pid_t) -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    repeat {
        guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return true }
        let text = String(decoding: stat, as: UTF8.self)
        guard let close = text.lastIndex(of: ")") else { return true }
        if text[text.index(after: close)...].split(separator: " ").first == "Z" { return true }
    } while ContinuousClock.now < deadline
    return false
}
