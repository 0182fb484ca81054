internal import Glibc

/// Finds programs as a shell does, in a path of our own and not in that of our process.
enum ProgramSearch {
    /// The program that a name stands for. A name with a slash is a path. Fails with `cannotRun`.
    static func find(_ name: String, in searchPath: [String]) throws(ResourceFailure) -> String {
        guard !name.isEmpty, !name.utf8.contains(0) else {
            throw ResourceFailure(
                .cannotRun, what: "run a program", why: "its name is empty or holds a zero",
                next: "correct the command in the stack")
        }
        if name.contains("/") { return name }
        var isThere = false
        for directory in searchPath where directory.hasPrefix("/") {
            let path = "\(directory)/\(name)"
            var status = stat()
            guard stat(path, &status) == 0, status.kind == S_IFREG else { continue }
            if access(path, X_OK) == 0 { return path }
            isThere = true
        }
        throw ResourceFailure(
            .cannotRun, what: "run \(name)",
            why: isThere
                ? "it is there, and may not be executed" : "no such program in \(searchPath.joined(separator: ":"))",
            next: "install it by a resource that this one requires, or correct the command in the stack")
    }

    /// What every program gets: nothing of the agent's own environment.
    static func environment(
        _ searchPath: [String], root: String, beside variables: [String: String] = [:]
    ) -> [String] {
        let home = ["HOME": home(of: geteuid()), "LANG": "C.UTF-8", "BOLT_ROOT": root]
        let all = home.merging(["PATH": searchPath.joined(separator: ":")]) { $1 }.merging(variables) { $1 }
        return all.sorted { $0.key < $1.key }.filter { name, value in
            !name.isEmpty && !name.contains("=") && !name.utf8.contains(0) && !value.utf8.contains(0)
        }
        .map { "\($0.key)=\($0.value)" }
    }

    /// Where a user is at home, as the machine says. Never a folder that others may write to, such as that for
    /// temporary files: programs obey the settings that they find at home.
    static func home(of user: uid_t) -> String {
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 64 * 1_024)
        var found: UnsafeMutablePointer<passwd>?
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &found) == 0, found != nil,
            let directory = entry.pw_dir.map({ String(cString: $0) }), directory.hasPrefix("/")
        else { return user == 0 ? "/root" : "/" }
        return directory
    }

    /// What an ending says, where it is a failure whatever was run; nil where the program ended by itself.
    static func failure(
        _ outcome: ChildProgram.Outcome, of what: String, seconds: Int, hasChangedState: Bool
    ) -> ResourceFailure? {
        let failure: ResourceFailure
        switch outcome.ending {
        case .code, .signal: return nil
        case .flood:
            failure = ResourceFailure(
                .flood, what: what, why: "it printed more than is taken; it was ended",
                next: "let it print its answer alone")
        case .timedOut:
            failure = ResourceFailure(
                .timedOut, what: what, why: "it did not end within \(seconds) s; it was ended with all that it began",
                next: "look why it hangs, or give it a longer timeout in the stack")
        case .leftOpen:
            failure = ResourceFailure(
                .leftOpen, what: what,
                why: "it ended and left others that hold its output open; those were ended",
                next: "give what stays another output (>/dev/null 2>&1), or let the service manager start it")
        case .cancelled:
            failure = ResourceFailure(
                .cancelled, what: what, why: "the pass was to end", next: "the next pass tries again")
        case .notBegun(let number):
            return ResourceFailure(
                .cannotRun, what: what, why: String(cString: strerror(number)),
                next: number == ENOEXEC
                    ? "begin the script with a line like #!/bin/sh" : "check that it is there and may be executed")
        }
        var result = failure
        result.hasChangedState = hasChangedState
        result.output = outcome.output
        return result
    }
}
