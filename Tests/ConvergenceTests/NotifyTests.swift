import Foundation
import Glibc
import Policy
import Testing

@testable import Convergence

@Suite struct NotifyTests {
    private static let restart = resource(exec("restart", "echo r >> restarted", refreshOnly: true))

    @Test("What several changed resources notify is refreshed once, after all others; never where nothing changed")
    func once() throws {
        let scratch = try Scratch()
        let resources = [
            Self.restart, resource(file("/a"), notifies: ["exec:restart"]),
            resource(file("/b"), notifies: ["exec:restart"]),
            resource(exec("last", "test ! -e restarted && touch first", creates: "/first")),
        ]
        let report = try scratch.run(resources)
        #expect(report.outcomes == [.changed, .changed, .changed, .changed], "\(report.texts)")
        #expect(report.resources.map(\.wasNotified) == [true, false, false, false])
        #expect(scratch.read("restarted") == "r\n")
        let again = try scratch.run(resources)
        #expect(again["exec:restart"]?.skip == .notNotified && again.isConverged)
        #expect(scratch.read("restarted") == "r\n")
    }

    @Test("One that failed notifies nothing, and keeps back what another notified, until it is in place")
    func failed() throws {
        let scratch = try Scratch()
        func resources(_ script: String) -> [ResolvedResource] {
            [
                resource(file("/a"), notifies: ["exec:restart"]),
                resource(exec("broken", script, creates: "/made"), notifies: ["exec:restart"]), Self.restart,
            ]
        }
        let report = try scratch.run(resources("exit 1"))
        #expect(report.outcomes == [.changed, .failed, .skipped])
        #expect(report["exec:restart"]?.skip == .notifierFailed && report["exec:restart"]?.by == "exec:broken")
        #expect(!scratch.exists("restarted") && !report.isConverged)
        let repaired = try scratch.run(resources("touch made"))
        #expect(repaired.outcomes == [.unchanged, .changed, .changed] && scratch.read("restarted") == "r\n")
        let only = try scratch.run([
            resource(file("/missing/x"), notifies: ["exec:restart"]), Self.restart,
        ])
        #expect(only.outcomes == [.failed, .skipped] && scratch.read("restarted") == "r\n")
    }

    @Test("A refresh that fails is tried again in the next run, though nothing changes then")
    func again() throws {
        let scratch = try Scratch()
        func resources(_ script: String) -> [ResolvedResource] {
            [
                resource(file("/a"), notifies: ["exec:restart"]),
                resource(exec("restart", script, refreshOnly: true)),
            ]
        }
        #expect(try scratch.run(resources("exit 1")).outcomes == [.changed, .failed])
        let report = try scratch.run(resources("touch restarted"))
        #expect(report.outcomes == [.unchanged, .changed] && report.resources[1].wasNotified)
        #expect(try scratch.run(resources("exit 1")).outcomes == [.unchanged, .skipped])
    }

    @Test("Safe resources only: the disruptive and what requires them wait by name, and what they missed comes later")
    func safeOnly() throws {
        let scratch = try Scratch()
        scratch.script(
            "service",
            """
            #!/bin/sh
            if grep -q '"plan"'; then test -e running && s=unchanged || s=changed; echo "{\\"state\\":\\"$s\\"}"
            else touch running; echo '{"state":"changed"}'; fi
            """)
        let restart = resource(exec("restart", "echo r >> restarted", refreshOnly: true), effect: .disruptive)
        let resources = [
            resource(file("/a"), notifies: ["exec:restart"]), resource(file("/b"), effect: .disruptive),
            resource(file("/c"), requires: ["file:/b"]), resource(handler("service", "web"), effect: .disruptive),
            restart,
        ]
        let report = try scratch.run(resources) { $0.safeOnly = true }
        #expect(report.outcomes == [.changed, .deferred, .skipped, .deferred, .deferred], "\(report.texts)")
        #expect(report["file:/c"]?.skip == .requirementWaits && report["file:/c"]?.by == "file:/b")
        #expect(report["file:/b"]?.diff == "@@ -0,0 +1 @@\n+new")
        #expect(scratch.names == ["a"] && !report.isConverged)
        let later = try scratch.run(resources)
        #expect(later.outcomes == [.unchanged, .changed, .changed, .changed, .changed])
        #expect(scratch.read("restarted") == "r\n")
        let settled = try scratch.run(resources) { $0.safeOnly = true }
        #expect(settled.counts.deferred == 0 && settled.isConverged, "one that is in place does not wait")
    }

    @Test("A handler that is notified is told so at the end, once; what it reports is one line with what it did before")
    func handlers() throws {
        let scratch = try Scratch()
        scratch.script(
            "service",
            """
            #!/bin/sh
            request=$(cat)
            case $request in
            *'"notified":true'*) word=restart ;;
            *) word=start; test -e running && word=none ;;
            esac
            case $request in
            *'"apply"'*) echo $word >> running ;;
            esac
            if [ $word = none ]; then echo '{"state":"unchanged"}'; else echo '{"state":"changed"}'; fi
            """)
        let resources = [
            resource(handler("service", "web")), resource(file("/a"), notifies: ["service:web"]),
            resource(file("/b"), notifies: ["service:web"]),
        ]
        let report = try scratch.run(resources)
        #expect(report.outcomes == [.changed, .changed, .changed] && report.resources.count == 3)
        #expect(report.resources[0].wasNotified && scratch.read("running") == "start\nrestart\n")
        #expect(try scratch.run(resources).counts.unchanged == 3)
        #expect(scratch.read("running") == "start\nrestart\n")
    }

    @Test("What is notified may notify others, also such that stand before it, each once; a circle ends")
    func chain() throws {
        let scratch = try Scratch()
        let report = try scratch.run([
            resource(exec("third", "echo 3 >> log", refreshOnly: true), notifies: ["exec:second"]),
            resource(exec("second", "echo 2 >> log", refreshOnly: true), notifies: ["exec:third"]),
            resource(file("/a"), notifies: ["exec:second"]),
        ])
        #expect(report.outcomes == [.changed, .changed, .changed])
        #expect(scratch.read("log") == "2\n3\n")
    }

    @Test("A resource that can't be told for this machine fails alone, with its own code")
    func faults() throws {
        let scratch = try Scratch()
        let id = try #require(ResourceID("file:/bad"))
        let fault = ResourceFault(.unknownVariable, reason: "no variable traits.colour")
        let bad = ResolvedResource(id: id, origin: "layers/20-web.yaml:7", content: .failure(fault))
        let report = try scratch.run([bad, resource(file("/good")), resource(file("/after"), requires: ["file:/bad"])])
        #expect(report.codes == ["template_unknown_variable"])
        #expect(report.resources[0].what == "make file:/bad of layers/20-web.yaml:7")
        #expect(report.outcomes == [.failed, .changed, .skipped])
    }

    @Test(
        "A state directory that is full: the change is made, and that its notice could not be kept is told",
        .enabled(if: Mounts.arePossible, "only root may mount, and not in every container"))
    func fullState() throws {
        let scratch = try Scratch()
        try #require(mount("tmpfs", scratch.state, "tmpfs", 0, "size=16k,mode=0700") == 0)
        defer { umount2(scratch.state, Int32(MNT_DETACH)) }
        _ = try Converger(scratch.options)
        let filler = [UInt8](repeating: 1, count: 64 * 1_024)
        let number = open(scratch.state + "/filler", O_CREAT | O_WRONLY, 0o600)
        _ = write(number, filler, filler.count)
        close(number)
        let report = try scratch.run([resource(file("/a"), notifies: ["exec:restart"]), Self.restart])
        #expect(report.outcomes == [.changed, .changed])
        #expect(report.memoryFailure?.contains("No space left") == true, "\(report.memoryFailure ?? "none")")
        #expect(scratch.read("restarted") == "r\n")
    }
}
