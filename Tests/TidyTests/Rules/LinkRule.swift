/// A page of Markdown as far as links go.
struct Page {
    /// Path from the repository's root.
    let path: String
    /// The lines outside fenced code blocks, with their numbers (from 1).
    let prose: [(number: Int, text: Substring)]

    init(path: String, text: String) {
        self.path = path
        var isFenced = false
        var kept: [(number: Int, text: Substring)] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.drop(while: { $0 == " " }).hasPrefix("```") {
                isFenced.toggle()
            } else if !isFenced {
                kept.append((number + 1, line))
            }
        }
        prose = kept
    }

    /// The anchors that a viewer makes of the headings: lower case, blanks to `-`, punctuation dropped, repeats
    /// numbered.
    var anchors: Set<String> {
        var seen: [String: Int] = [:]
        var all: Set<String> = []
        for (_, line) in prose where line.hasPrefix("#") {
            let title = line.drop { $0 == "#" }.drop { $0 == " " }
            let kept = title.lowercased().filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }
            let slug = String(kept.map { $0 == " " ? "-" : $0 })
            let repeats = seen[slug, default: 0]
            all.insert(repeats == 0 ? slug : "\(slug)-\(repeats)")
            seen[slug] = repeats + 1
        }
        return all
    }

    /// The targets of `[text](target)`, with their lines.
    var links: [(target: String, line: Int)] {
        prose.flatMap { number, line in
            Self.withoutCodeSpans(line).components(between: "](", and: ")").map { ($0, number) }
        }
    }

    /// What stands in backticks, with its line.
    var codeSpans: [(text: String, line: Int)] {
        prose.flatMap { number, line in
            line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { (String($0.element), number) }
        }
    }

    private static func withoutCodeSpans(_ line: Substring) -> String {
        line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .map { $0.offset % 2 == 0 ? String($0.element) : "" }.joined(separator: "`")
    }
}

/// Links to pages, files or headings that do not exist, and code spans that name absent files of the repository.
func linkViolations(in page: Page, exists: (String) -> Bool, textOf: (String) -> String?) -> [Violation] {
    let links = page.links.compactMap { link -> Violation? in
        guard !link.target.contains("://"), !link.target.hasPrefix("mailto:") else { return nil }
        let parts = link.target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        let destination = parts[0].isEmpty ? page.path : resolve(String(parts[0]), from: page.path)
        guard exists(destination) else {
            return Violation(rule: .links, path: page.path, line: link.line, message: "no file \(destination)")
        }
        guard parts.count == 2, let text = textOf(destination) else { return nil }
        let anchor = String(parts[1])
        if Page(path: destination, text: text).anchors.contains(anchor) { return nil }
        let message = "no heading #\(anchor) in \(destination)"
        return Violation(rule: .links, path: page.path, line: link.line, message: message)
    }
    let folders = ["Sources/", "Tests/", "script/", "docs/", "topology/", "Fuzz/", "Bench/"]
    let spans = page.codeSpans.compactMap { span -> Violation? in
        let path = String(span.text.prefix { $0 != " " })
        guard folders.contains(where: path.hasPrefix), !path.contains(where: { "*{<…$".contains($0) }) else {
            return nil
        }
        if exists(path) { return nil }
        return Violation(rule: .links, path: page.path, line: span.line, message: "names \(path), which is absent")
    }
    return links + spans
}

/// A relative link's destination as a path from the repository's root.
private func resolve(_ target: String, from page: String) -> String {
    var parts = target.hasPrefix("/") ? [] : page.split(separator: "/").dropLast().map(String.init)
    for part in target.split(separator: "/") {
        switch part {
        case ".": continue
        case "..": _ = parts.popLast()
        default: parts.append(String(part))
        }
    }
    return parts.joined(separator: "/")
}

extension String {
    /// The texts that stand between two marks, in order, not nested.
    func components(between opening: String, and closing: Character) -> [String] {
        var found: [String] = []
        var rest = self[...]
        while let start = rest.firstRange(of: opening) {
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: closing) else { break }
            found.append(String(rest[..<end]))
            rest = rest[end...]
        }
        return found
    }
}
