/// A stable name in the code, with the place that declares it.
struct DeclaredName: Equatable {
    let name: String
    let path: String
    let line: Int
}

/// Error codes: the strings inside a type, or an extension of a type, whose name ends in `Code`; and those that an
/// error is made with in place, after the label `code:` or as the first argument of `CommandFailure`.
///
/// The convention of the repository: `struct Code: RawRepresentable` inside an error type, with its values as static
/// properties in the type or in an extension of it; `enum Kind: String` in the client's error.
func errorCodes(in file: SwiftText) -> [DeclaredName] {
    let tokens = Token.split(file.code)
    var ranges: [ClosedRange<Int>] = []
    for index in tokens.indices.dropLast() where ["struct", "enum", "extension"].contains(tokens[index].text) {
        var last = index + 1
        while last + 2 < tokens.count, tokens[last + 1].text == "." { last += 2 }
        let name = tokens[last].text
        let isCode = name == "Code" || name.hasSuffix("ErrorCode") || name.hasSuffix("FaultCode")
        guard isCode || (name == "Kind" && file.path.hasSuffix("Error.swift")),
            let opening = tokens[last...].firstIndex(where: { $0.text == "{" }),
            let closing = closingBrace(of: opening, in: tokens)
        else { continue }
        ranges.append(tokens[opening].line...tokens[closing].line)
    }
    return file.literals.filter { literal in
        let isInPlace = ["code:", "CommandFailure("].contains { literal.before.hasSuffix($0) }
        return (isInPlace || ranges.contains { $0.contains(literal.line) }) && isStableName(literal.text)
    }
    .map { DeclaredName(name: $0.text, path: file.path, line: $0.line) }
}

/// Metrics: the strings that begin with `bolt_` in files named after the metrics catalogue.
func metricNames(in file: SwiftText) -> [DeclaredName] {
    guard file.path.contains("MetricsCatalogue") else { return [] }
    return file.literals.filter { $0.text.hasPrefix("bolt_") && isStableName($0.text) }
        .map { DeclaredName(name: $0.text, path: file.path, line: $0.line) }
}

/// Settings: the strings `section.key` in the files that list them.
func settingNames(in file: SwiftText) -> [DeclaredName] {
    let lists = ["/Setting+All.swift", "/Setting+Lease.swift", "/Setting+Policy.swift"]
    guard lists.contains(where: { file.path.hasSuffix($0) }) else { return [] }
    return file.literals.filter { literal in
        let parts = literal.text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { isStableName(String($0)) }
    }
    .map { DeclaredName(name: $0.text, path: file.path, line: $0.line) }
}

/// Names that are declared and not in the page, and names that begin a row of the page and are not declared.
func catalogueViolations(rule: Rule, declared: [DeclaredName], page: Page) -> [Violation] {
    let listed = page.prose.compactMap { number, line -> (name: String, line: Int)? in
        guard line.hasPrefix("| `") else { return nil }
        return (String(line.dropFirst(3).prefix { $0 != "`" }), number)
    }
    let listedNames = Set(listed.map(\.name))
    let declaredNames = Set(declared.map(\.name))
    let missing = declared.filter { !listedNames.contains($0.name) }
        .map {
            Violation(rule: rule, path: $0.path, line: $0.line, message: "`\($0.name)` has no row in \(page.path)")
        }
    let stale = listed.filter { !declaredNames.contains($0.name) }
        .map {
            Violation(
                rule: rule, path: page.path, line: $0.line, message: "`\($0.name)` is declared nowhere in Sources")
        }
    return missing + stale
}

/// A changelog whose first section is not `Unreleased`, or has no entry.
func changelogViolations(path: String, text: String) -> [Violation] {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let start = lines.firstIndex(where: { $0.hasPrefix("## ") }), lines[start].contains("Unreleased") else {
        let message = "the first section must be `## Unreleased`"
        return [Violation(rule: .changelog, path: path, line: 0, message: message)]
    }
    let section = lines[(start + 1)...].prefix { !$0.hasPrefix("## ") }
    guard section.contains(where: { $0.hasPrefix("- ") }) else {
        let message = "`Unreleased` has no entry: say what changes for an operator"
        return [Violation(rule: .changelog, path: path, line: start + 1, message: message)]
    }
    return []
}

private func isStableName(_ text: String) -> Bool {
    guard let first = text.first, first.isASCII, first.isLowercase else { return false }
    return text.allSatisfy { $0.isASCII && ($0.isLowercase || $0.isNumber || $0 == "_") }
}
