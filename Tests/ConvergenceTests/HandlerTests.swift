import Foundation
import Glibc
import Policy
import Testing

@testable import Convergence

@Suite struct HandlerTests {
    @Test("A handler gets one JSON object, plans before it applies, and is not asked to apply in a dry run")
    func protocolOfHandlers() throws {
        let scratch = try Scratch()
        scratch.script(
            "thing",
            """
            #!/bin/sh
            cat >> request
            printf '%s\\n' '{"state":"changed","diff":"-a\\n+b","reason":"why not"}'
            """)
        let spec = handler("thing", "one", ["list": .list([.integer(1), .text("two")]), "none": .null])
        let dry = try scratch.run([resource(spec)], traits: ["os": .text("debian")]) { $0.isDryRun = true }
        #expect(dry.outcomes == [.wouldChange] && dry.resources[0].diff == "-a\n+b", "\(dry.texts)")
        let report = try scratch.run([resource(spec)], traits: ["os": .text("debian")])
        #expect(report.outcomes == [.changed] && report.resources[0].diff == "-a\n+b")
        func line(_ action: String) -> String {
            """
            {"action":"\(action)","name":"one","notified":false,"properties":{"list":[1,"two"],"none":null},\
            "root":"\(scratch.root)","traits":{"os":"debian"},"type":"thing","version":1}
            """
        }
        #expect(scratch.read("request") == [line("plan"), line("plan"), line("apply")].map { $0 + "\n" }.joined())
    }

    @Test("A handler that hangs, floods, prints rubbish, fails or can't be run: told by name, and the rest goes on")
    func badHandlers() throws {
        let scratch = try Scratch()
        let bodies: [(name: String, body: String, code: String)] = [
            ("hangs", "#!/bin/sh\nexec tail -f /dev/null\n", "program_timed_out"),
            ("floods", "#!/bin/sh\nhead -c 10000000 /dev/zero\n", "handler_flood"),
            ("endless", "#!/bin/sh\nexec yes\n", "handler_flood"),
            ("rubbish", "#!/bin/sh\necho 'this is no \\033[31mJSON'\n", "handler_bad_answer"),
            ("nothing", "#!/bin/sh\n", "handler_bad_answer"),
            ("unknown", "#!/bin/sh\necho '{\"state\":\"fine\"}'\n", "handler_bad_answer"),
            ("two", "#!/bin/sh\necho '{\"state\":\"changed\"}{\"state\":\"changed\"}'\n", "handler_bad_answer"),
            ("deep", "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' '['\n", "handler_bad_answer"),
            ("fails", "#!/bin/sh\necho '{\"state\":\"failed\",\"reason\":\"no such disk\"}'\n", "handler_failed"),
            ("contradicts", "#!/bin/sh\necho '{\"state\":\"unchanged\"}'; echo sorry >&2; exit 4\n", "handler_failed"),
            ("dies", "#!/bin/sh\nkill -9 $$\n", "handler_failed"),
            ("leaves", "#!/bin/sh\ntail -f /dev/null &\necho '{\"state\":\"unchanged\"}'\n", "program_left_open"),
            ("shebang-less", "echo '{\"state\":\"unchanged\"}'\n", "program_cannot_run"),
            ("interpreter", "#!/no/such/interpreter\n", "program_cannot_run"),
        ]
        for (name, body, _) in bodies { scratch.script(name, body) }
        scratch.script("plain", "#!/bin/sh\n", mode: 0o644)
        scratch.script("open", "#!/bin/sh\n", mode: 0o777)
        let names = bodies.map(\.name) + ["plain", "open", "missing", "../programs/x", ".."]
        let resources = names.map { resource(handler($0, $0 == ".." ? "up" : "it", seconds: $0 == "hangs" ? 1 : 60)) }
        let report = try scratch.run(resources + [resource(file("/after"))]) { options in
            (options.limits.endSeconds, options.limits.closeMilliseconds) = (0, 50)
        }
        let codes = bodies.map(\.code) + ["program_cannot_run", "handler_unsafe", "handler_missing", "handler_missing"]
        #expect(report.codes == codes + ["handler_missing"])
        #expect(report.outcomes.last == .changed)
        #expect(report["fails:it"]?.why == "no such disk")
        #expect(report["contradicts:it"]?.output == "sorry")
        #expect(report["rubbish:it"]?.output?.contains("\u{1B}") == false, "no terminal obeys it")
        #expect(report.resources.allSatisfy { !$0.hasChangedState || $0.outcome == .changed }, "they planned only")
    }

    @Test("A handler that does not read what it is given, however much that is, is not waited for")
    func doesNotRead() throws {
        let scratch = try Scratch()
        scratch.script("deaf", "#!/bin/sh\nexec 0<&-\necho '{\"state\":\"unchanged\"}'\n")
        let much = PolicyValue.text(String(repeating: "much ", count: 200_000))
        let report = try scratch.run([resource(handler("deaf", "it", ["much": much]))])
        #expect(report.outcomes == [.unchanged], "\(report.texts)")
    }

    @Test("What a handler says that it failed in the middle of applying may have changed the machine, and that is told")
    func failsLate() throws {
        let scratch = try Scratch()
        scratch.script(
            "late",
            """
            #!/bin/sh
            if grep -q '"plan"'; then echo '{"state":"changed"}'; else echo '{"state":"failed","reason":"half"}'; fi
            """)
        let report = try scratch.run([resource(handler("late"))])
        #expect(report.codes == ["handler_failed"] && report.resources[0].hasChangedState)
    }

    @Test("The first directory that has a handler counts; one of another user is refused")
    func directories() throws {
        let scratch = try Scratch()
        scratch.script("thing", in: scratch.programs, "#!/bin/sh\necho '{\"state\":\"unchanged\"}'\n")
        scratch.script("thing", "#!/bin/sh\necho '{\"state\":\"failed\"}'\n")
        let (first, second) = (scratch.programs, scratch.handlers)
        let report = try scratch.run([resource(handler("thing"))]) { $0.handlers = ["relative", first, second] }
        #expect(report.outcomes == [.unchanged])
        chmod(second, 0o777)
        let open = try scratch.run([resource(handler("thing"))]) { $0.handlers = [second] }
        #expect(open.codes == ["handler_unsafe"], "whoever may write to the directory may exchange the handler")
        guard geteuid() == 0 else { return }
        chown(first + "/thing", 12_345, 0)
        let other = try scratch.run([resource(handler("thing"))]) { $0.handlers = [first, second] }
        #expect(other.codes == ["handler_unsafe"])
    }
}
