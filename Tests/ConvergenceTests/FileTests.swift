import Foundation
import Glibc
import Policy
import Testing

@testable import Convergence

@Suite struct FileTests {
    @Test("A file, a directory and a link are made, changed, and left alone once they are right")
    func lifecycle() throws {
        let scratch = try Scratch()
        scratch.write("changed", "old\nsame\n", mode: 0o600)
        symlink("elsewhere", scratch.file("link"))
        let resources = [
            resource(directory("/etc", mode: 0o750)), resource(file("/etc/new", "hello\n")),
            resource(file("/changed", "new\nsame\n", mode: 0o644)), resource(link("/link", "etc/new")),
            resource(absent("/nothing")),
        ]
        let first = try scratch.run(resources)
        #expect(first.outcomes == [.changed, .changed, .changed, .changed, .unchanged])
        #expect(scratch.read("etc/new") == "hello\n" && scratch.read("link") == "hello\n")
        #expect(scratch.mode("etc") == 0o750 && scratch.mode("changed") == 0o644 && scratch.mode("etc/new") == 0o644)
        #expect(first["file:/changed"]?.summary == ["content", "mode 0600 → 0644"])
        let before = scratch.names
        let second = try scratch.run(resources)
        #expect(second.counts.unchanged == 5 && second.isConverged)
        #expect(scratch.names == before && before == ["changed", "etc", "etc/new", "link"])
    }

    @Test("A dry run tells what would change, with its difference, and changes nothing")
    func dryRun() throws {
        let scratch = try Scratch()
        scratch.write("motd", "one\ntwo\nthree\n")
        let resources = [
            resource(file("/motd", "one\n2\nthree\n"), notifies: ["exec:restart"]), resource(directory("/new")),
            resource(file("/new/file"), requires: ["directory:/new"]), resource(file("/new/other")),
            resource(exec("touch", "touch ran")), resource(exec("restart", "touch ran", refreshOnly: true)),
        ]
        let report = try scratch.run(resources) { $0.isDryRun = true }
        #expect(report.outcomes == Array(repeating: .wouldChange, count: 6), "\(report.texts)")
        #expect(report["file:/motd"]?.diff == "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three")
        #expect(report["exec:restart"]?.wasNotified == true)
        #expect(!report.isConverged && report.isDryRun)
        #expect(scratch.names == ["motd"] && scratch.read("motd") == "one\ntwo\nthree\n")
        #expect(FileManager.default.subpaths(atPath: scratch.state) == ["converge.lock"])
    }

    @Test("What stands in a file's place and is none is refused, named, and left; the others go on")
    func wrongKinds() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("directory"), 0o755)
        mkfifo(scratch.file("pipe"), 0o644)
        symlink("/etc/passwd", scratch.file("link"))
        var resources = [
            resource(file("/directory")), resource(file("/pipe")), resource(file("/link")),
            resource(directory("/pipe")), resource(link("/directory", "x")), resource(file("/pipe/below")),
        ]
        if geteuid() == 0 {
            mknod(scratch.file("device"), S_IFCHR | 0o644, 0x103)
            resources += [resource(file("/device")), resource(absent("/device"))]
        }
        let report = try scratch.run(resources + [resource(file("/fine"))])
        #expect(report.codes == Array(repeating: "path_wrong_kind", count: resources.count), "\(report.texts)")
        #expect(report.outcomes.last == .changed && scratch.read("fine") == "new\n")
        #expect(report.texts.contains("a named pipe is in its place"))
        let target = RootTree.target(of: AT_FDCWD, scratch.file("link"))
        #expect(target == "/etc/passwd")
    }

    @Test("A file with other names is replaced: those keep their content, mode and owner")
    func hardLinks() throws {
        let scratch = try Scratch()
        scratch.write("theirs", "same\n", mode: 0o600)
        Glibc.link(scratch.file("theirs"), scratch.file("ours"))
        let report = try scratch.run([resource(file("/ours", "same\n", mode: 0o644))])
        #expect(report.outcomes == [.changed])
        #expect(scratch.mode("ours") == 0o644 && scratch.mode("theirs") == 0o600)
    }

    @Test("Removal: an empty directory only, unless recursive; links are removed and not followed")
    func removal() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("full"), 0o755)
        mkdir(scratch.file("full/a"), 0o755)
        mkdir(scratch.file("kept"), 0o755)
        scratch.write("kept/file", "stays")
        scratch.write("full/a/x", "goes")
        symlink("../../kept", scratch.file("full/a/link"))
        mkfifo(scratch.file("full/pipe"), 0o600)
        let odd: [CChar] = scratch.file("full/").utf8CString.dropLast() + [-1, -2, 0]
        close(open(odd, O_CREAT | O_WRONLY, 0o600))
        let refused = try scratch.run([resource(absent("/full")), resource(absent("/missing/deep"))])
        #expect(refused.codes == ["directory_not_empty"] && refused.outcomes[1] == .unchanged)
        let few = try scratch.run([resource(absent("/full", recursive: true))]) { $0.limits.removedEntriesMax = 2 }
        #expect(few.codes == ["directory_too_large"] && few.resources[0].hasChangedState)
        let report = try scratch.run([resource(absent("/full", recursive: true))])
        #expect(report.outcomes == [.changed], "\(report.texts)")
        #expect(scratch.names == ["kept", "kept/file"])
    }

    @Test("Owner and group by name and number, as root; a name that the machine does not know is told")
    func owners() throws {
        let scratch = try Scratch()
        let unknown = try scratch.run([resource(file("/file", owner: "nobody-of-that-name"))])
        #expect(unknown.codes == ["owner_unknown"] && !scratch.exists("file"))
        guard geteuid() == 0 else { return }
        let report = try scratch.run([resource(file("/file", mode: 0o4755, owner: "nobody", group: "12"))])
        var status = stat()
        #expect(report.outcomes == [.changed] && lstat(scratch.file("file"), &status) == 0)
        #expect(status.st_uid == 65_534 && status.st_gid == 12 && status.st_mode & 0o7777 == 0o4755)
        let kept = try scratch.run([resource(file("/file", "other\n"))])
        #expect(kept.outcomes == [.changed] && lstat(scratch.file("file"), &status) == 0)
        #expect(status.st_uid == 65_534 && status.st_gid == 12 && status.st_mode & 0o7777 == 0o4755)
    }

    @Test(
        "A full disk and a read-only mount: a clear error for that resource, the old file whole, the rest goes on",
        .enabled(if: Mounts.arePossible, "only root may mount, and not in every container"))
    func disks() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("small"), 0o755)
        try #require(mount("tmpfs", scratch.file("small"), "tmpfs", 0, "size=64k") == 0)
        defer { umount2(scratch.file("small"), Int32(MNT_DETACH)) }
        scratch.write("small/file", "old\n")
        let large = String(repeating: "0123456789abcde\n", count: 10_000)
        let full = try scratch.run([resource(file("/small/file", large)), resource(file("/fine"))])
        #expect(full.codes == ["disk_full"] && full.outcomes[1] == .changed, "\(full.texts)")
        #expect(scratch.names == ["fine", "small", "small/file"] && scratch.read("small/file") == "old\n")
        #expect(mount("tmpfs", scratch.file("small"), nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
        let resources = [
            resource(file("/small/file")), resource(directory("/small/new")), resource(link("/small/link", "x")),
            resource(absent("/small/file")),
        ]
        let readOnly = try scratch.run(resources)
        #expect(readOnly.codes == Array(repeating: "disk_read_only", count: 4), "\(readOnly.texts)")
        #expect(scratch.read("small/file") == "old\n")
    }

    @Test(
        "Removal stops at another file system that is mounted below",
        .enabled(if: Mounts.arePossible, "only root may mount, and not in every container"))
    func mounts() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("tree"), 0o755)
        mkdir(scratch.file("tree/mounted"), 0o755)
        try #require(mount("tmpfs", scratch.file("tree/mounted"), "tmpfs", 0, "size=64k") == 0)
        defer { umount2(scratch.file("tree/mounted"), Int32(MNT_DETACH)) }
        scratch.write("tree/mounted/file", "stays")
        let report = try scratch.run([resource(absent("/tree", recursive: true))])
        #expect(report.codes == ["path_wrong_kind"] && scratch.read("tree/mounted/file") == "stays")
    }

    @Test(
        "Removal stops at what is mounted below, also where it is a part of the same file system: no device tells it",
        .enabled(if: Mounts.arePossible, "only root may mount, and not in every container"))
    func boundMounts() throws {
        let scratch = try Scratch()
        for name in ["kept", "tree", "tree/below"] { mkdir(scratch.file(name), 0o755) }
        scratch.write("kept/file", "stays")
        try #require(shell("mount", "--bind", scratch.file("kept"), scratch.file("tree/below")) == 0)
        defer { umount2(scratch.file("tree/below"), Int32(MNT_DETACH)) }
        for path in ["/tree", "/tree/below"] {
            let report = try scratch.run([resource(absent(path, recursive: true))])
            #expect(report.codes == ["path_wrong_kind"] && scratch.read("kept/file") == "stays", "\(path)")
        }
    }

    @Test("Two runs at once exclude each other; the second is told so, and runs after the first")
    func lock() throws {
        let scratch = try Scratch()
        do {
            let first = try Converger(scratch.options)
            #expect(throws: ConvergenceError(.locked, what: "", why: "", next: "")) {
                _ = try Converger(scratch.options)
            }
            _ = first
        }
        #expect(try scratch.run([resource(file("/file"))]).counts.changed == 1)
    }

    @Test("Runs of one converger come one after the other, whoever calls; none waits for the caller's thread")
    func concurrentRuns() async throws {
        let scratch = try Scratch()
        let converger = try Converger(scratch.options)
        let script = "mkdir turn && echo x >> turns && rmdir turn"
        let policy = ResolvedPolicy(resources: [resource(exec("turn", script))])
        let reports = await withTaskGroup(of: ConvergenceReport.self) { group in
            for _ in 0..<5 { group.addTask { await converger.run(policy) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(reports.allSatisfy { $0.isConverged } && scratch.read("turns") == "x\nx\nx\nx\nx\n")
    }

    @Test("A root or state directory that can't be used is told; nothing is run")
    func badPlaces() throws {
        let scratch = try Scratch()
        for root in ["relative", scratch.path + "/missing", "/etc/passwd"] {
            #expect(throws: ConvergenceError(.badRoot, what: "", why: "", next: "")) {
                _ = try scratch.run([]) { $0.root = root }
            }
        }
        chmod(scratch.state, 0o777)
        #expect(throws: ConvergenceError(.badState, what: "", why: "", next: "")) { _ = try scratch.run([]) }
    }
}
