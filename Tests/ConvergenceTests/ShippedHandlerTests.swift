import Foundation
import Glibc
import Policy
import Testing

@testable import Convergence

/// The handlers of the repository, against programs that the test puts in the place of the machine's own.
@Suite struct ShippedHandlerTests {
    /// A scratch with the handlers, and on the path only what they need of the machine, and what the test adds.
    private static func scratch() throws -> Scratch {
        let scratch = try Scratch()
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("handlers").path
        for name in ["package", "service", "ansible"] {
            try FileManager.default.copyItem(atPath: "\(source)/\(name)", toPath: "\(scratch.handlers)/\(name)")
            chmod("\(scratch.handlers)/\(name)", 0o755)
        }
        for name in ["cat", "sed", "tr", "head", "tail", "grep", "mktemp", "rm", "ls", "cut", "realpath", "python3"] {
            let found = ["/usr/bin/", "/bin/", "/usr/local/bin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
            symlink(try #require(found), "\(scratch.programs)/\(name)")
        }
        return scratch
    }

    private static func run(
        _ scratch: Scratch, _ spec: ResourceSpec, notified: Bool = false, isDryRun: Bool = false
    ) throws -> ResourceReport {
        var resources = [resource(spec)]
        if notified { resources.insert(resource(exec("change", "true"), notifies: [resources[0].id.text]), at: 0) }
        let report = try scratch.run(resources) { options in
            (options.searchPath, options.isDryRun) = ([scratch.programs], isDryRun)
        }
        return try #require(report.resources.last)
    }

    /// apt as the handler sees it: one file holds the version that is installed.
    private static func addApt(_ scratch: Scratch) {
        scratch.script(
            "dpkg-query", in: scratch.programs,
            """
            #!/bin/sh
            for name; do :; done
            if [ -e "installed-$name" ]; then echo "installed $(cat installed-$name)"; else
            echo "no packages found matching $name" >&2; exit 1; fi
            """)
        scratch.script(
            "apt-cache", in: scratch.programs,
            """
            #!/bin/sh
            echo "$2:"
            if [ "$2" = tree ]; then v=2.1-1; else v='(none)'; fi
            echo "  Installed: x"; echo "  Candidate: $v"; echo "  Version table:"
            """)
        scratch.script(
            "apt-get", in: scratch.programs,
            """
            #!/bin/sh
            echo "$DEBIAN_FRONTEND $*" >> log
            for last; do :; done
            if [ -e interrupted ]; then
            echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'."; exit 100; fi
            case " $* " in
            *" remove "*) rm "installed-$last" ;;
            *=9.9*) echo "E: Version '9.9' for 'tree' was not found"; exit 100 ;;
            *) echo "${last#*=}" > "installed-${last%%=*}" ;;
            esac
            """)
    }

    /// dnf and rpm likewise.
    private static func addDnf(_ scratch: Scratch) {
        scratch.script(
            "rpm", in: scratch.programs,
            """
            #!/bin/sh
            for name; do :; done
            if [ -e "installed-$name" ]; then cat "installed-$name"; else
            echo "package $name is not installed"; exit 1; fi
            """)
        scratch.script(
            "dnf", in: scratch.programs,
            """
            #!/bin/sh
            for last; do :; done
            case " $* " in
            *" repoquery "*) if [ "$last" = tree ]; then echo 2.1-1; fi; exit 0 ;;
            *" remove "*) rm "installed-$last" ;;
            *9.9*) echo "Error: Unable to find a match: $last"; exit 1 ;;
            *) echo "${last#*-}" > "installed-${last%%-*}" ;;
            esac
            echo "$*" >> log
            """)
    }

    @Test("package: installs, keeps, upgrades, removes, by apt or dnf; plans do not", arguments: [true, false])
    func package(isApt: Bool) throws {
        let scratch = try Self.scratch()
        if isApt { Self.addApt(scratch) } else { Self.addDnf(scratch) }
        let dry = try Self.run(scratch, handler("package", "tree"), isDryRun: true)
        #expect(dry.outcome == .wouldChange && dry.diff == "tree absent → 2.1-1", "\(dry)")
        #expect(!scratch.exists("log"))
        let made = try Self.run(scratch, handler("package", "tree"))
        #expect(made.outcome == .changed && scratch.read("installed-tree") == "2.1-1\n", "\(made)")
        #expect(try Self.run(scratch, handler("package", "tree")).outcome == .unchanged)
        scratch.write("installed-tree", "2.0-1\n")
        #expect(try Self.run(scratch, handler("package", "tree")).outcome == .unchanged)
        let latest = try Self.run(scratch, handler("package", "tree", ["state": .text("latest")]))
        #expect(latest.outcome == .changed && latest.diff == "tree 2.0-1 → 2.1-1")
        let pinned = handler("package", "tree", ["version": .text("1.8-2")])
        #expect(try Self.run(scratch, pinned).outcome == .changed && scratch.read("installed-tree") == "1.8-2\n")
        #expect(try Self.run(scratch, pinned).outcome == .unchanged)
        let gone = handler("package", "tree", ["state": .text("absent")])
        #expect(try Self.run(scratch, gone).outcome == .changed && !scratch.exists("installed-tree"))
        #expect(try Self.run(scratch, gone).outcome == .unchanged)
        if isApt { #expect(scratch.read("log")?.contains("noninteractive -y") == true) }
    }

    @Test("package: what an apt that was killed left half done is finished, and the package installed all the same")
    func interrupted() throws {
        let scratch = try Self.scratch()
        Self.addApt(scratch)
        scratch.write("interrupted", "")
        let stuck = try Self.run(scratch, handler("package", "tree"))
        #expect(stuck.why?.contains("dpkg was interrupted") == true && stuck.outcome == .failed)
        scratch.script("dpkg", in: scratch.programs, "#!/bin/sh\necho \"dpkg $*\" >> log\nrm interrupted\n")
        #expect(try Self.run(scratch, handler("package", "tree")).outcome == .changed)
        #expect(scratch.read("log")?.contains("dpkg --force-confold --configure -a") == true)
        #expect(scratch.read("installed-tree") == "2.1-1\n")
    }

    @Test("package: what can't be done is told, and no name or version becomes an option", arguments: [true, false])
    func packageFailures(isApt: Bool) throws {
        let scratch = try Self.scratch()
        let none = try Self.run(scratch, handler("package", "tree"))
        #expect(none.why?.contains("neither apt-get") == true)
        if isApt { Self.addApt(scratch) } else { Self.addDnf(scratch) }
        let cases: [(ResourceSpec, String)] = [
            (handler("package", "unknown"), "no version of unknown is offered"),
            (handler("package", "unknown", ["state": .text("latest")]), "no version of unknown is offered"),
            (handler("package", "tree", ["version": .text("9.9")]), "ended with code"),
            (handler("package", "--help"), "is no name of a package"),
            (handler("package", "tree", ["version": .text("-o")]), "is no version"),
            (handler("package", "a;touch x"), "is no name of a package"),
            (handler("package", "tree", ["state": .text("there")]), "state is present"),
            (handler("package", "tree", ["state": .bool(true)]), "are texts"),
            (handler("package", "tree", ["colour": .text("red")]), "unknown property colour"),
            (
                handler("package", "tree", ["state": .text("absent"), "version": .text("1")]),
                "a version goes with state: present alone"
            ),
        ]
        for (spec, words) in cases {
            let report = try Self.run(scratch, spec)
            #expect(report.code == "handler_failed" && report.why?.contains(words) == true, "\(report)")
        }
        #expect(!scratch.exists("x") && !scratch.exists("installed-tree"))
    }

    @Test("package: the plan is right about this machine's own packages, where it has dpkg")
    func realPackages() throws {
        guard access("/usr/bin/dpkg-query", X_OK) == 0, access("/usr/bin/apt-get", X_OK) == 0 else { return }
        let scratch = try Self.scratch()
        func plan(_ name: String, _ state: String) throws -> ResourceReport {
            let spec = handler("package", name, ["state": .text(state)], seconds: 120)
            return try #require(
                scratch.run([resource(spec)]) { options in
                    (options.searchPath, options.isDryRun) = (ConvergenceOptions.usualSearchPath, true)
                }
                .resources.first)
        }
        #expect(try plan("dpkg", "present").outcome == .unchanged)
        #expect(try plan("dpkg", "absent").outcome == .wouldChange)
        #expect(try plan("no-such-package-anywhere", "absent").outcome == .unchanged)
        #expect(try plan("no-such-package-anywhere", "present").code == "handler_failed")
    }

    /// systemctl as the handler sees it: files hold whether the one unit `web` is active and enabled.
    private static func addSystemctl(_ scratch: Scratch) {
        scratch.script(
            "systemctl", in: scratch.programs,
            """
            #!/bin/sh
            for unit; do :; done
            if [ "$1" = show ]; then
            case $unit:$3 in
            web:LoadState | bad:LoadState) echo loaded ;;
            web:ActiveState | bad:ActiveState) cat active 2>/dev/null || echo inactive ;;
            web:UnitFileState | bad:UnitFileState) cat enabled 2>/dev/null || echo disabled ;;
            *:LoadState) echo not-found ;;
            *) echo ;;
            esac
            exit 0
            fi
            echo "$2 $unit" >> log
            [ "$unit" = web ] || { echo "Job for $unit failed."; exit 1; }
            case $2 in
            start | restart | reload) echo active > active ;;
            stop) rm active ;;
            enable) echo enabled > enabled ;;
            disable) rm enabled ;;
            esac
            """)
    }

    @Test("service: starts, enables, stops and disables; restarts or reloads where it is notified, once")
    func service() throws {
        let scratch = try Self.scratch()
        Self.addSystemctl(scratch)
        let on = handler("service", "web", ["enabled": .text("true")])
        let dry = try Self.run(scratch, on, isDryRun: true)
        #expect(dry.outcome == .wouldChange && dry.diff == "web: disabled → enabled, inactive → running", "\(dry)")
        #expect(try Self.run(scratch, on).outcome == .changed)
        #expect(try Self.run(scratch, on).outcome == .unchanged)
        let restarted = try Self.run(scratch, on, notified: true)
        #expect(restarted.outcome == .changed && restarted.diff == "web: restart" && restarted.wasNotified)
        let reloaded = handler("service", "web", ["reload": .bool(true)])
        #expect(try Self.run(scratch, reloaded, notified: true).outcome == .changed)
        let off = handler("service", "web", ["enabled": .bool(false), "running": .bool(false)])
        #expect(try Self.run(scratch, off).outcome == .changed)
        #expect(try Self.run(scratch, off, notified: true).outcome == .unchanged)
        #expect(scratch.read("log") == "enable web\nstart web\nrestart web\nreload web\ndisable web\nstop web\n")
    }

    @Test("service: an unknown unit, one that does not start and bad properties are told")
    func serviceFailures() throws {
        let scratch = try Self.scratch()
        #expect(try Self.run(scratch, handler("service", "web")).why == "this machine has no systemctl")
        Self.addSystemctl(scratch)
        let cases: [(ResourceSpec, String)] = [
            (handler("service", "none"), "there is no unit none"), (handler("service", "bad"), "Job for bad failed"),
            (handler("service", "--now"), "is no name of a unit"),
            (handler("service", "web", ["running": .text("on")]), "running is true or false"),
            (handler("service", "web", ["enabled": .text("yes")]), "enabled is true or false"),
            (handler("service", "web", ["restart": .bool(true)]), "unknown property restart"),
        ]
        for (spec, words) in cases {
            let report = try Self.run(scratch, spec)
            #expect(report.code == "handler_failed" && report.why?.contains(words) == true, "\(report)")
        }
        let stopped = handler("service", "none", ["running": .bool(false)])
        #expect(try Self.run(scratch, stopped).outcome == .unchanged)
    }

    @Test("ansible: a playbook is checked, then played; its variables are on no command line, and leave no file behind")
    func ansible() throws {
        let scratch = try Self.scratch()
        let playbook = scratch.file("site.yaml")
        let spec = handler(
            "ansible", playbook, ["variables": .object(["word": .text("hidden")]), "tags": .list([.text("web")])])
        #expect(try Self.run(scratch, spec).why == "this machine has no ansible-playbook")
        scratch.script(
            "ansible-playbook", in: scratch.programs,
            """
            #!/bin/sh
            echo "$*" >> log
            checks= extra=
            for word; do
            case $word in --check) checks=1 ;; --extra-vars=@*) extra=${word#--extra-vars=@} ;; esac
            done
            # As the real one: it follows the path to its end before it reads what is there.
            extra=$(realpath "$extra")
            grep -q hidden "$extra" || exit 3
            [ "$(ls -l "$extra" | cut -c 1-10)" = "-rw-------" ] || exit 4
            echo "$extra" >> files
            if [ -e ending ]; then
            trap '[ -e "$extra" ] || echo asked > ended; exit 0' TERM
            kill -TERM $PPID
            while :; do :; done
            fi
            if [ -e killing ]; then kill -KILL $PPID; fi
            changed=1; [ -e done ] && changed=0
            [ -n "$checks" ] || cat /dev/null > done
            echo "TASK [motd] ****"
            echo "PLAY RECAP ****"
            echo "localhost                  : ok=2    changed=$changed    unreachable=0    failed=0    skipped=0"
            """)
        #expect(try Self.run(scratch, spec).why == "there is no playbook \(playbook)")
        scratch.write("site.yaml", "- hosts: all\n")
        let dry = try Self.run(scratch, spec, isDryRun: true)
        #expect(dry.outcome == .wouldChange && dry.diff?.contains("TASK [motd]") == true && !scratch.exists("done"))
        #expect(try Self.run(scratch, spec).outcome == .changed && scratch.exists("done"))
        #expect(try Self.run(scratch, spec).outcome == .unchanged)
        let log = scratch.read("log") ?? ""
        #expect(!log.contains("hidden") && log.contains("--check --tags=web") && log.contains("-- \(playbook)"))
        #expect(Self.lefts(scratch, 4).isEmpty)
        let broken = handler("ansible", playbook, ["variables": .object(["word": .text("other")])])
        let report = try Self.run(scratch, broken)
        #expect(report.code == "handler_failed" && report.why?.contains("ended with code 3") == true)
        // Asked to end: the secrets go at once, and the playbook is asked as well, and waited for.
        scratch.write("ending", "")
        #expect(try Self.run(scratch, spec).outcome == .failed)
        #expect(scratch.read("ended") == "asked\n")
        #expect(Self.lefts(scratch, 5).isEmpty)
        unlink(scratch.file("ending"))
        // Killed: it is left, until the next run.
        scratch.write("killing", "")
        #expect(try Self.run(scratch, spec).outcome == .failed)
        #expect(Self.lefts(scratch, 6).count == 1)
        unlink(scratch.file("killing"))
        #expect(try Self.run(scratch, spec).outcome == .unchanged)
        #expect(Self.lefts(scratch, 7).isEmpty)
    }

    /// The files of variables that are there still, of as many as were given to plays.
    private static func lefts(_ scratch: Scratch, _ count: Int) -> [Substring] {
        let files = (scratch.read("files") ?? "").split(separator: "\n")
        #expect(files.count == count)
        return files.filter { access(String($0), F_OK) == 0 }
    }
}
