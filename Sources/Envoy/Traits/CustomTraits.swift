internal import BoltAPI
internal import Dispatch
internal import Foundation
internal import Glibc
internal import Programs

/// Facts that the machine's own programs tell: each executable of a directory prints JSON, which is the trait
/// `custom.NAME` under its file's name up to the first dot.
///
/// One that hangs, prints rubbish or too much, or cannot be run is a failure of that trait alone, told under
/// `custom_failed.NAME`.
struct CustomTraits: Sendable {
    /// Executables that are run; the first by name.
    static let programsMax = 64
    /// Executables at a time.
    static let programsAtOnce = 8
    /// Time of one.
    static let timeout: Duration = .seconds(5)
    /// Bytes that one may print.
    static let outputBytesMax = 32 * 1024
    /// Characters of a name.
    static let nameMax = 64

    let directory: String
    var timeout = Self.timeout

    /// What they told, and which did not.
    struct Told: Hashable, Sendable {
        var values: [String: JSONValue] = [:]
        var failures: [String: String] = [:]
    }

    /// Runs them all. A directory that is not there tells nothing.
    func gather() async -> Told {
        let names = programs()
        var told = Told()
        if names.count > Self.programsMax {
            told.failures["directory"] = "\(names.count) programs in \(directory): \(Self.programsMax) are run"
        }
        let first = Array(names.prefix(Self.programsMax))
        for start in stride(from: 0, to: first.count, by: Self.programsAtOnce) {
            let batch = first[start..<min(start + Self.programsAtOnce, first.count)]
            let results = await withTaskGroup(of: (String, Result<JSONValue, Failure>).self) { group in
                for name in batch { group.addTask { (name, await result(of: name)) } }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for name in batch { note(results[name], of: name, in: &told) }
        }
        return told
    }

    private struct Failure: Error {
        var reason: String
    }

    private func note(_ result: Result<JSONValue, Failure>?, of file: String, in told: inout Told) {
        let name = Self.trait(of: file)
        switch result {
        case .success(let value) where told.values[name] == nil && told.failures[name] == nil:
            told.values[name] = value
        case .success: told.failures[name] = "several programs in \(directory) have this name"
        case .failure(let failure): told.failures[name] = failure.reason
        case nil: break
        }
    }

    /// The files that may be executed, by name; what is hidden, or no file, is not meant.
    private func programs() -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return all.filter { name in
            guard !name.hasPrefix("."), !name.hasSuffix("~"), let facts = facts(of: name) else { return false }
            return facts.st_mode & S_IFMT == S_IFREG && facts.st_mode & 0o111 != 0
        }.sorted()
    }

    private func facts(of name: String) -> stat? {
        var facts = stat()
        return stat("\(directory)/\(name)", &facts) == 0 ? facts : nil
    }

    private static func trait(of file: String) -> String { String(file.prefix { $0 != "." }.prefix(nameMax)) }

    private func result(of file: String) async -> Result<JSONValue, Failure> {
        let name = Self.trait(of: file)
        guard name.utf8.allSatisfy({ Self.isPlain($0) }), !name.isEmpty else {
            return .failure(Failure(reason: "its name has other characters than a-z, A-Z, 0-9, - and _"))
        }
        // Run with the agent's rights: nobody else may say what.
        guard let facts = facts(of: file), facts.st_mode & 0o022 == 0, [0, geteuid()].contains(facts.st_uid) else {
            return .failure(
                Failure(reason: "others than root and this agent's user can write to \(directory)/\(file)"))
        }
        switch await run(file) {
        case .failure(let failure): return .failure(failure)
        case .success(let bytes):
            guard let value = try? APIJSON.decode(JSONValue.self, from: Data(bytes)) else {
                return .failure(Failure(reason: "what it printed is no JSON (\(bytes.count) bytes)"))
            }
            return .success(value)
        }
    }

    /// Runs one, on a thread where waiting is no harm; what it printed.
    private func run(_ file: String) async -> Result<[UInt8], Failure> {
        let program = BoundedProgram(
            words: ["\(directory)/\(file)"],
            environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
            outputMax: Self.outputBytesMax, timeout: timeout)
        return await withCheckedContinuation { done in
            DispatchQueue.global().async { done.resume(returning: Self.printed(by: program)) }
        }
    }

    private static func printed(by program: BoundedProgram) -> Result<[UInt8], Failure> {
        do throws(BoundedProgram.Failure) {
            let result = try program.run()
            switch result.ending {
            case .code(0): return .success(result.output)
            case .code(let code): return .failure(Failure(reason: "it ended with \(code)"))
            case .signal(let signal): return .failure(Failure(reason: "signal \(signal) ended it"))
            }
        } catch {
            let reason =
                switch error {
                case .notStarted(let why): "it cannot be run: \(why)"
                case .tooLong: "it had not ended after \(program.timeout)"
                case .tooMuch: "it printed more than \(program.outputMax) bytes: all of it is left out"
                case .ended: "nobody waits for it any more"
                }
            return .failure(Failure(reason: reason))
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        case _: false
        }
    }
}
