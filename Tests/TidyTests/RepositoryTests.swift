import Testing

/// The rules of the repository, applied to the repository.
@Suite("Tidy: the repository keeps its own rules")
struct RepositoryTests {
    /// Read once: hundreds of files.
    private static let repository = Repository.here
    private static let sources = repository.swift(under: ["Sources"])
    private static let swift = sources + repository.swift(under: ["Tests", "Fuzz", "Bench"])
    private static let otherCode = ["Sources", "Fuzz", "Bench", "script", ".ci"]
        .flatMap { repository.files(under: $0) }
        .filter { path in ![".swift", ".md"].contains(where: path.hasSuffix) }
    private static let pages = repository.pages

    private static func violations(of rule: Rule) -> [Violation] {
        switch rule {
        case .imports: sources.flatMap(importViolations)
        case .sql: sources.flatMap(sqlViolations)
        case .banned: sources.flatMap(bannedViolations)
        case .fileSize: swift.flatMap { fileSizeViolations(path: $0.path, text: $0.source) }
        case .functionSize: swift.flatMap(functionSizeViolations)
        case .lineWidth: swift.flatMap { lineWidthViolations(path: $0.path, text: $0.source) }
        case .links: pages.flatMap(linkViolations)
        case .unfinished: allTexts.flatMap { unfinishedViolations(path: $0.path, text: $0.text) }
        case .traps: sources.flatMap(trapViolations)
        case .sleeps: swift.flatMap(sleepViolations)
        case .machinePaths: allTexts.flatMap { machinePathViolations(path: $0.path, text: $0.text) }
        case .errorCatalogue:
            catalogue(rule: .errorCatalogue, declared: sources.flatMap(errorCodes), page: "docs/errors.md")
        case .metricCatalogue:
            catalogue(rule: .metricCatalogue, declared: sources.flatMap(metricNames), page: "docs/metrics.md")
        case .settingCatalogue:
            catalogue(
                rule: .settingCatalogue, declared: sources.flatMap(settingNames), page: "docs/configuration.md")
        case .commands: commandViolations
        case .changelog: changelogViolations(path: "CHANGELOG.md", text: repository.text("CHANGELOG.md") ?? "")
        }
    }

    private static var allTexts: [(path: String, text: String)] {
        swift.map { ($0.path, $0.source) }
            + (otherCode + pages).compactMap { path in repository.text(path).map { (path, $0) } }
    }

    /// Pages in backticks and code blocks, and strings of all programs.
    private static var commandViolations: [Violation] {
        let known = Set(sources.filter { $0.path.hasPrefix("Sources/boltctl/") }.flatMap(commandNames))
        var found: [Violation] = []
        for path in pages {
            found += TidyTests.commandViolations(path: path, text: repository.text(path) ?? "", known: known)
        }
        for file in sources {
            for literal in file.literals {
                let inLiteral = TidyTests.commandViolations(path: file.path, text: literal.text, known: known)
                found += inLiteral.map { $0.movedDown(by: literal.line - 1) }
            }
        }
        return found
    }

    private static func linkViolations(path: String) -> [Violation] {
        let page = Page(path: path, text: repository.text(path) ?? "")
        return TidyTests.linkViolations(in: page, exists: repository.exists, textOf: repository.text)
    }

    private static func catalogue(rule: Rule, declared: [DeclaredName], page: String) -> [Violation] {
        catalogueViolations(rule: rule, declared: declared, page: Page(path: page, text: repository.text(page) ?? ""))
    }

    @Test("nothing breaks the rule", arguments: Rule.allCases)
    func keepsRule(_ rule: Rule) {
        let found = withoutExceptions(Self.violations(of: rule))
        #expect(found.isEmpty, "\n\(found.prefix(100).map(\.description).joined(separator: "\n"))")
    }

    @Test("every exception is still needed")
    func exceptionsAreNeeded() {
        for exception in exceptions {
            let found = Self.violations(of: exception.rule)
            #expect(found.contains { $0.path == exception.path }, "\(exception.path) keeps \(exception.rule) now")
        }
    }

    @Test("the rules look at something: sources of every pure target, tests, pages and scripts are found")
    func rulesSeeTheRepository() {
        for target in pureTargets { #expect(Self.sources.contains { $0.path.hasPrefix("Sources/\(target)/") }) }
        #expect(Self.swift.contains { $0.path == "Tests/TidyTests/RepositoryTests.swift" })
        #expect(Self.pages.contains("README.md"))
        #expect(Self.otherCode.contains("script/test"))
    }

    @Test("every target folder has a row in the import table, and every row a folder")
    func importTableIsComplete() {
        let folders = Set(Self.repository.files(under: "Sources").compactMap(target)).subtracting(targetsWithoutSwift)
        #expect(folders.symmetricDifference(importsAllowed.keys).isEmpty)
    }
}
