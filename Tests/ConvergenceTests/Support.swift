import Foundation
import Glibc
import Policy
import Synchronization
import Testing

@testable import Convergence

/// A root, a state directory and a directory for handlers and programs, which go with the test.
final class Scratch {
    let path: String
    var root: String { path + "/root" }
    var state: String { path + "/state" }
    var handlers: String { path + "/handlers" }
    var programs: String { path + "/programs" }

    init() throws {
        var template = Array("/tmp/bolt-converge-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) }
        path = String(cString: try #require(made))
        for directory in [root, state, handlers, programs] { mkdir(directory, 0o755) }
        chmod(state, 0o700)
        chmod(path, 0o755)
    }
    deinit { shell("rm", "-rf", path) }

    func file(_ name: String) -> String { root + "/" + name }
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) {
        _ = FileManager.default.createFile(atPath: file(name), contents: Data(text.utf8))
        chmod(file(name), mode)
    }
    func read(_ name: String) -> String? {
        FileManager.default.contents(atPath: file(name)).map { String(decoding: $0, as: UTF8.self) }
    }
    func mode(_ name: String) -> mode_t? {
        var status = stat()
        return lstat(file(name), &status) == 0 ? status.st_mode & 0o7777 : nil
    }
    func exists(_ name: String) -> Bool {
        var status = stat()
        return lstat(file(name), &status) == 0
    }
    /// Everything below the root, sorted.
    var names: [String] { (FileManager.default.subpaths(atPath: root) ?? []).sorted() }

    /// Writes an executable script.
    func script(_ name: String, in directory: String? = nil, _ text: String, mode: mode_t = 0o755) {
        let path = (directory ?? handlers) + "/" + name
        _ = FileManager.default.createFile(atPath: path, contents: Data(text.utf8))
        chmod(path, mode)
    }

    var options: ConvergenceOptions {
        ConvergenceOptions(
            root: root, stateDirectory: state, handlers: [handlers],
            searchPath: [programs] + ConvergenceOptions.usualSearchPath)
    }

    /// One run.
    func run(
        _ resources: [ResolvedResource], secrets: [String] = [], traits: [String: PolicyValue] = [:],
        _ change: (inout ConvergenceOptions) -> Void = { _ in }, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws -> ConvergenceReport {
        var options = options
        change(&options)
        let policy = ResolvedPolicy(resources: resources, traits: traits)
        let values = secrets.map { Array($0.utf8) }
        return try Converger(options).runNow(policy, secrets: values, isCancelled: isCancelled)
    }
}

/// Runs a program to its end; its exit code.
@discardableResult
func shell(_ arguments: String...) -> Int32 {
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    guard posix_spawnp(&pid, arguments[0], nil, nil, &words, environ) == 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
}

/// Whether a test may mount: tried once.
enum Mounts {
    static let arePossible: Bool = {
        guard let scratch = try? Scratch(), mount("tmpfs", scratch.root, "tmpfs", 0, "size=64k") == 0 else {
            return false
        }
        umount2(scratch.root, Int32(MNT_DETACH))
        return true
    }()
}

/// A resource of a policy; its id is made of its kind and name.
func resource(
    _ spec: ResourceSpec, requires: [String] = [], notifies: [String] = [], effect: ResourceEffect = .safe,
    isSensitive: Bool = false
) -> ResolvedResource {
    ResolvedResource(
        id: id(of: spec), origin: "layers/10-base.yaml:1", requires: requires.compactMap { ResourceID($0) },
        notifies: notifies.compactMap { ResourceID($0) }, effect: effect, isSensitive: isSensitive,
        content: .success(spec))
}

private func id(of spec: ResourceSpec) -> ResourceID {
    let text =
        switch spec {
        case .file(let spec): "file:\(spec.path)"
        case .directory(let spec): "directory:\(spec.path)"
        case .link(let spec): "link:\(spec.path)"
        case .absent(let spec): "absent:\(spec.path)"
        case .exec(let spec): "exec:\(spec.name)"
        case .handler(let spec): "\(spec.type):\(spec.name)"
        }
    // One that no stack would let pass gets here all the same: what keeps it from harm is under test.
    return ResourceID(text) ?? ResourceID(type: "other", name: "resource")!
}

func file(
    _ path: String, _ text: String = "new\n", mode: UInt16? = nil, owner: String? = nil, group: String? = nil
) -> ResourceSpec {
    .file(FileSpec(path: path, content: Array(text.utf8), mode: mode, owner: owner, group: group))
}
func directory(_ path: String, mode: UInt16? = nil) -> ResourceSpec {
    .directory(DirectorySpec(path: path, mode: mode))
}
func link(_ path: String, _ target: String) -> ResourceSpec { .link(LinkSpec(path: path, target: target)) }
func absent(_ path: String, recursive: Bool = false) -> ResourceSpec {
    .absent(AbsentSpec(path: path, recursive: recursive))
}
func exec(
    _ name: String, _ script: String, unless: String? = nil, onlyIf: String? = nil, creates: String? = nil,
    seconds: Int = 20, refreshOnly: Bool = false, environment: [String: String] = [:], directory: String? = nil
) -> ResourceSpec {
    func words(_ text: String) -> [String] { ["/bin/sh", "-c", text] }
    return .exec(
        ExecSpec(
            name: name, command: words(script), unless: unless.map(words), onlyIf: onlyIf.map(words), creates: creates,
            timeoutSeconds: seconds, refreshOnly: refreshOnly, workingDirectory: directory, environment: environment))
}
func handler(
    _ type: String, _ name: String = "it", _ properties: [String: PolicyValue] = [:], seconds: Int = 20
) -> ResourceSpec {
    .handler(HandlerSpec(type: type, name: name, properties: .object(properties), timeoutSeconds: seconds))
}

extension ConvergenceReport {
    /// The outcomes, in order.
    var outcomes: [ResourceReport.Outcome] { resources.map(\.outcome) }
    /// The codes of failures, in order.
    var codes: [String] { resources.compactMap(\.code) }
    /// The report of one.
    subscript(_ id: String) -> ResourceReport? { resources.first { $0.id.text == id } }
    /// All texts of it.
    var texts: String {
        resources.flatMap { report in
            [report.diff, report.output, report.what, report.why, report.next, report.by].compactMap { $0 }
                + report.summary
        }
        .joined(separator: "\n")
    }
}
