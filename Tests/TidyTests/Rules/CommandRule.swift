/// The names of commands that a program of ours declares.
func commandNames(in file: SwiftText) -> Set<String> {
    Set(file.literals.filter { $0.before.hasSuffix("commandName:") }.map(\.text))
}

/// Texts that tell the reader to type a command of `boltctl` that does not exist.
///
/// Only the nouns of the contract are looked at, so that a sentence about boltctl is no finding. Looks at what follows
/// `boltctl` as written in a shell: the noun, and the verb where the noun has verbs. Options and names that the reader
/// fills in are skipped.
func commandViolations(path: String, text: String, known: Set<String>) -> [Violation] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .flatMap { number, line -> [Violation] in
            var found: [Violation] = []
            var rest = String(line)[...]
            while let start = rest.firstRange(of: "boltctl ") {
                rest = rest[start.upperBound...]
                let words = rest.prefix { !"`|;&\"".contains($0) }.split(separator: " ").prefix(2)
                guard let noun = words.first, nouns.contains(String(noun)) else { continue }
                let verb = words.dropFirst().first
                let wrong = !known.contains(String(noun)) ? noun : nounsAlone.contains(String(noun)) ? nil : verb
                if let wrong, isCommandWord(wrong), !known.contains(String(wrong)) {
                    let message = "`boltctl \(words.joined(separator: " "))` does not exist"
                    found.append(Violation(rule: .commands, path: path, line: number + 1, message: message))
                }
            }
            return found
        }
}

private func isCommandWord(_ word: Substring) -> Bool {
    word.first != "-" && word.allSatisfy { ("a"..."z").contains($0) || $0 == "-" }
}

/// Nouns that stand without a verb.
private let nounsAlone: Set<String> = ["demo", "status", "check", "ui", "doctor"]

/// Every noun of the contract, those without a command yet too.
private let nouns: Set<String> = nounsAlone.union([
    "mesh", "bolt", "partition", "context", "topology", "slice", "rebalance", "envoy", "roster", "stack", "secret",
    "seal",
    "mode", "backup", "ca", "alert", "audit",
])
