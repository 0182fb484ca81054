import Foundation
import Glibc
import Policy
import Testing

@testable import Convergence

/// Paths that lead elsewhere: by their text, by links, and by links that come in the middle of a change.
@Suite struct PathTests {
    /// A directory beside the root that nothing may touch.
    private static func outside(_ scratch: Scratch) -> String {
        let path = scratch.path + "/outside"
        mkdir(path, 0o755)
        _ = FileManager.default.createFile(atPath: path + "/file", contents: Data("theirs".utf8))
        return path
    }

    private static func isUntouched(_ path: String) -> Bool {
        FileManager.default.subpaths(atPath: path) == ["file"]
            && FileManager.default.contents(atPath: path + "/file") == Data("theirs".utf8)
    }

    @Test(
        "A path that leads anywhere but straight down is refused by its text",
        arguments: [
            "/../outside/file", "/a/../../outside/file", "/./file", "//file", "/a//b", "relative", "", "/", "/a/",
            "/..", "/a/.",
            "/zero\0end", "/" + String(repeating: "x", count: 256), String(repeating: "/x", count: 3_000),
        ])
    func text(path: String) throws {
        let scratch = try Scratch()
        let outside = Self.outside(scratch)
        let specs = [file(path), directory(path), link(path, "x"), absent(path, recursive: true)]
        for spec in specs {
            let report = try scratch.run([resource(spec), resource(file("/fine"))])
            #expect(report.codes == ["path_malformed"])
            #expect(report.outcomes[1] != .failed)
        }
        #expect(scratch.names == ["fine"] && Self.isUntouched(outside))
    }

    @Test("A link on the way that leads out is refused, for each kind of resource; one that stays inside is followed")
    func links() throws {
        let scratch = try Scratch()
        let outside = Self.outside(scratch)
        mkdir(scratch.file("inside"), 0o755)
        symlink(outside, scratch.file("absolute"))
        symlink("../outside", scratch.file("relative"))
        symlink("inside/../../outside", scratch.file("winding"))
        symlink(scratch.root + "/../outside", scratch.file("through"))
        symlink("loop", scratch.file("loop"))
        symlink("inside", scratch.file("good"))
        symlink(scratch.root + "/good", scratch.file("better"))
        for name in ["absolute", "relative", "winding", "through", "loop"] {
            let specs = [
                file("/\(name)/file"), file("/\(name)/new"), directory("/\(name)/new"), link("/\(name)/new", "x"),
                absent("/\(name)/file"), exec("x", "true", creates: "/\(name)/file"),
                exec("y", "echo > file", directory: "/\(name)"),
            ]
            let report = try scratch.run(specs.map { resource($0) })
            #expect(report.codes == Array(repeating: "path_outside_root", count: 7), "\(name): \(report.texts)")
        }
        #expect(Self.isUntouched(outside))
        let report = try scratch.run([resource(file("/better/file"))])
        #expect(report.outcomes == [.changed] && scratch.read("inside/file") == "new\n", "\(report.texts)")
    }

    @Test(
        "A link of another user on the way is refused, though it leads inside",
        .enabled(if: geteuid() == 0, "only root can give a link to another user"))
    func othersLinks() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("secret"), 0o700)
        symlink("secret", scratch.file("theirs"))
        lchown(scratch.file("theirs"), 12_345, 12_345)
        let report = try scratch.run([resource(file("/theirs/file"))])
        #expect(report.codes == ["path_link_refused"] && !scratch.exists("secret/file"))
    }

    @Test(
        "A directory that becomes a link between the look and the change: refused, nothing outside is touched",
        arguments: [ChangeStep.temporaryNoted, .temporaryMade, .written, .synced, .ready])
    func swappedDirectory(step: ChangeStep) throws {
        let scratch = try Scratch()
        let outside = Self.outside(scratch)
        mkdir(scratch.file("etc"), 0o755)
        scratch.write("etc/file", "old")
        let (own, moved) = (scratch.file("etc"), scratch.file("moved"))
        let swap: @Sendable (ChangeStep, String) -> Void = { now, _ in
            guard now == step else { return }
            rename(own, moved)
            symlink(outside, own)
        }
        let report = try scratch.run([resource(file("/etc/file"))]) { $0.atStep = swap }
        #expect(report.outcomes == [.failed] && report.codes == ["path_outside_root"], "\(report.texts)")
        #expect(Self.isUntouched(outside))
        #expect(scratch.names == ["etc", "moved", "moved/file"] && scratch.read("moved/file") == "old")
    }

    @Test("A directory that becomes another one between the look and the change is refused")
    func exchangedDirectory() throws {
        let scratch = try Scratch()
        mkdir(scratch.file("etc"), 0o755)
        let (own, moved) = (scratch.file("etc"), scratch.file("moved"))
        let swap: @Sendable (ChangeStep, String) -> Void = { now, _ in
            guard now == .ready else { return }
            rename(own, moved)
            mkdir(own, 0o777)
        }
        for spec in [file("/etc/file"), link("/etc/link", "x"), directory("/etc/new")] {
            let report = try scratch.run([resource(spec)]) { $0.atStep = swap }
            #expect(report.codes == ["path_changed_meanwhile"], "\(report.texts)")
            rmdir(scratch.file("etc"))
            rename(moved, own)
        }
        #expect(scratch.names == ["etc"])
    }

    @Test("What takes a file's place between the look and the change is refused: a link, a pipe, a directory, a file")
    func swappedFile() throws {
        let scratch = try Scratch()
        let outside = Self.outside(scratch)
        let own = scratch.file("file")
        let swaps: [@Sendable () -> Void] = [
            { symlink(outside + "/file", own) }, { mkfifo(own, 0o644) }, { mkdir(own, 0o755) },
            { close(open(own, O_CREAT | O_WRONLY, 0o644)) }, {},
        ]
        for (number, swap) in swaps.enumerated() {
            for hadOne in [true, false] where hadOne || number < 4 {
                shell("rm", "-rf", own)
                if hadOne { scratch.write("file", "old") }
                let report = try scratch.run([resource(file("/file"))]) { options in
                    options.atStep = { step, _ in
                        guard step == .ready else { return }
                        // Kept by another name, so that a new file is not given the same number.
                        rename(own, own + ".was")
                        swap()
                    }
                }
                #expect(report.codes == ["path_changed_meanwhile"], "\(number), \(hadOne): \(report.texts)")
                shell("rm", "-f", own + ".was")
            }
        }
        #expect(Self.isUntouched(outside))
        #expect(scratch.names.allSatisfy { !TemporaryName.isOurs($0) })
    }

    @Test("A file that is there by the time a new one is put in place is not replaced")
    func lateFile() throws {
        let scratch = try Scratch()
        let own = scratch.file("file")
        let report = try scratch.run([resource(file("/file"))]) { options in
            options.atStep = { step, _ in
                if step == .ready { close(open(own, O_CREAT | O_WRONLY, 0o600)) }
            }
        }
        #expect(report.codes == ["path_changed_meanwhile"])
        #expect(scratch.read("file") == "" && scratch.mode("file") == 0o600)
    }

    @Test("The log of unfinished changes removes names of ours alone, and none outside the root")
    func log() throws {
        let scratch = try Scratch()
        let outside = Self.outside(scratch)
        let name = TemporaryName.make()
        scratch.write("kept", "kept")
        scratch.write(name, "left behind")
        _ = FileManager.default.createFile(atPath: outside + "/" + name, contents: Data())
        let lines = """
            ["temporary","/","kept"]
            ["temporary","/","\(name)"]
            ["temporary","/../outside","\(name)"]
            ["temporary","/missing","\(name)"]
            no line at all
            ["pending","exec:gone"]
            ["temporary","/","
            """
        try Data(lines.utf8).write(to: URL(fileURLWithPath: scratch.state + "/converge.log"))
        let report = try scratch.run([])
        #expect(report.memoryFailure == nil)
        #expect(scratch.names == ["kept"])
        #expect(FileManager.default.fileExists(atPath: outside + "/" + name))
        #expect(FileManager.default.contents(atPath: scratch.state + "/converge.log") == Data())
    }
}
