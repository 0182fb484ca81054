/// What a pure target must not name, with what to do instead.
private let bannedInPureTargets: [(text: String, instead: String)] = [
    ("Date(", "an instant comes in with the event"),
    ("UUID(", "randomness comes from the machine's own generator"),
    (".now", "an instant comes in with the event"),
    (".random", "randomness comes from the machine's own generator"),
    (".shuffled()", "randomness comes from the machine's own generator"),
    (".randomElement()", "randomness comes from the machine's own generator"),
    ("SystemRandomNumberGenerator", "randomness comes from the machine's own generator"),
    ("Hasher", "Swift seeds it per process: use a fixed hash"),
    ("hashValue", "Swift seeds it per process: use a fixed hash"),
    ("Task", "a core owns no task: return an effect"),
    ("await", "a core waits for nothing: return an effect"),
    ("print(", "a core is silent: return a notification"),
    ("debugPrint(", "a core is silent: return a notification"),
    ("try!", "throw a typed error"),
    ("fatalError", "return a typed error, or use preconditionFailure with the state for our own bug"),
    ("@unchecked", "make the type Sendable for real"),
]

/// Identifiers by which a pure target would depend on its process, machine or time.
func bannedViolations(in file: SwiftText) -> [Violation] {
    guard let target = target(of: file.path), pureTargets.contains(target) else { return [] }
    return bannedInPureTargets.flatMap { banned in
        lines(of: banned.text, in: file.code).map { line in
            let message = "`\(banned.text)` in a pure target: \(banned.instead)"
            return Violation(rule: .banned, path: file.path, line: line, message: message)
        }
    }
}

/// Marks of unfinished work and of unfinished merges, in any text. Written in pieces, so that this file does not find
/// itself.
func unfinishedViolations(path: String, text: String) -> [Violation] {
    let halves = text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .filter { _, line in line.hasPrefix("<<<<<<" + "< ") || line.hasPrefix(">>>>>>" + "> ") }
        .map { number, _ in
            Violation(rule: .unfinished, path: path, line: number + 1, message: "one side of a merge: choose")
        }
    return halves
        + joined(["TO DO", "FIX ME", "XX X", "HA CK"]).flatMap { mark in
            lines(of: mark, in: text).map { line in
                Violation(rule: .unfinished, path: path, line: line, message: "`\(mark)`: finish it, or open an issue")
            }
        }
}

/// Traps and stubs in shipped code.
func trapViolations(in file: SwiftText) -> [Violation] {
    guard target(of: file.path) != nil else { return [] }
    var found: [(text: String, line: Int)] = []
    for text in joined(["fatal Error(", "try !", "not Implemented", "un implemented"]) {
        for line in lines(of: text, in: file.code) { found.append((text, line)) }
    }
    // Both trap where the stream takes no more: a full disk, a pipe that nobody reads.
    for text in ["FileHandle.standardError", "FileHandle.standardOutput"] {
        for line in lines(of: text, in: file.code) { found.append((text, line)) }
    }
    for text in ["implemented" + " later", "not " + "implemented"] {
        for literal in file.literals where literal.text.contains(text) { found.append((text, literal.line)) }
    }
    return found.map { text, line in
        Violation(rule: .traps, path: file.path, line: line, message: "`\(text)` in shipped code: throw a typed error")
    } + overlappingViolations(in: file)
}

/// `a?.b = …a…`: the access to write begins before the value is made, and reading within it ends the process.
private func overlappingViolations(in file: SwiftText) -> [Violation] {
    file.codeLines.enumerated().compactMap { number, line in
        guard line.utf8.contains(UInt8(ascii: "?")), let mark = line.firstRange(of: "?."),
            let sign = line[mark.upperBound...].firstRange(of: "= "),
            line[mark.upperBound..<sign.lowerBound].allSatisfy({
                $0.isLetter || $0.isNumber || "_.?[]() +-".contains($0)
            })
        else { return nil }
        let name = paths(String(line[..<mark.lowerBound])).last ?? ""
        guard !name.isEmpty, paths(String(line[sign.upperBound...])).contains(name) else { return nil }
        return Violation(
            rule: .traps, path: file.path, line: number + 1,
            message: "`\(name)` is read while it is written: make the value first")
    }
}

/// Names with what they are members of, as `a.b`, in a line of code.
private func paths(_ code: String) -> [String] {
    code.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }
        .map { $0.hasPrefix("self.") ? String($0.dropFirst(5)) : String($0) }
}

/// Sleeps in tests: they are slow when they are long enough and flaky when they are not.
func sleepViolations(in file: SwiftText) -> [Violation] {
    guard file.path.hasPrefix("Tests/") else { return [] }
    return joined(["sl eep(", "usl eep(", "Task.sl eep"]).flatMap { text in
        lines(of: text, in: file.code).map { line in
            let message = "`\(text)` in a test: wait for the condition, with a deadline"
            return Violation(rule: .sleeps, path: file.path, line: line, message: message)
        }
    }
}

/// Paths that exist on one developer's machine only.
func machinePathViolations(path: String, text: String) -> [Violation] {
    let patterns = joined(["/wo rk/", "/fa rm/", "/ro ot/", "/opt/sw ift", "/ho me/"])
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .flatMap { number, line in
            patterns.filter { line.contains($0) }
                .map { pattern in
                    let message = "`\(pattern)` is a path of one machine"
                    return Violation(rule: .machinePaths, path: path, line: number + 1, message: message)
                }
        }
}

/// The patterns without their blanks: written apart, so that this file does not find itself.
private func joined(_ patterns: [String]) -> [String] {
    patterns.map { pattern in String(pattern.filter { $0 != " " }) }
}
