/// One place that breaks a rule of the repository.
struct Violation: Equatable, CustomStringConvertible {
    /// The rule's name, as used in `Exceptions`.
    let rule: Rule
    /// Path from the repository's root.
    let path: String
    /// Line, from 1; 0 for the whole file.
    let line: Int
    /// What is wrong and what to do instead.
    let message: String

    /// The same, found in a text that begins further down in the file.
    func movedDown(by lines: Int) -> Violation {
        Violation(rule: rule, path: path, line: line + lines, message: message)
    }

    /// `path:line: [rule] message`, as compilers print it.
    var description: String { "\(path):\(line): [\(rule.rawValue)] \(message)" }
}

/// The rules by name.
enum Rule: String, CaseIterable {
    case imports
    case sql
    case banned
    case fileSize = "file-size"
    case functionSize = "function-size"
    case lineWidth = "line-width"
    case links
    case unfinished
    case traps
    case sleeps
    case machinePaths = "machine-paths"
    case errorCatalogue = "error-catalogue"
    case metricCatalogue = "metric-catalogue"
    case settingCatalogue = "setting-catalogue"
    case commands
    case changelog
}
