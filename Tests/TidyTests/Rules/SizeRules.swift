/// Bounds on sizes: what fits a screen is read, what does not is not.
enum SizeLimits {
    /// Lines of a source file.
    static let fileLinesMax = 500
    /// Lines of a test file.
    static let testFileLinesMax = 800
    /// Lines between the braces of a function.
    static let functionLinesMax = 70
    /// Characters of a line.
    static let lineColumnsMax = 120
}

/// A file that is too long.
func fileSizeViolations(path: String, text: String) -> [Violation] {
    let count = text.split(separator: "\n", omittingEmptySubsequences: false).count - (text.hasSuffix("\n") ? 1 : 0)
    let limit = path.hasPrefix("Tests/") ? SizeLimits.testFileLinesMax : SizeLimits.fileLinesMax
    guard count > limit else { return [] }
    let message = "\(count) lines, at most \(limit): split it by concern"
    return [Violation(rule: .fileSize, path: path, line: 0, message: message)]
}

/// Functions that are too long.
func functionSizeViolations(in file: SwiftText) -> [Violation] {
    FunctionBody.all(in: file.code).filter { $0.lineCount > SizeLimits.functionLinesMax }
        .map { body in
            let message = "`\(body.name)` has \(body.lineCount) lines, at most \(SizeLimits.functionLinesMax)"
            return Violation(rule: .functionSize, path: file.path, line: body.line, message: message)
        }
}

/// Lines that are too wide.
func lineWidthViolations(path: String, text: String) -> [Violation] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .filter { $0.element.count > SizeLimits.lineColumnsMax }
        .map { number, line in
            let message = "\(line.count) columns, at most \(SizeLimits.lineColumnsMax)"
            return Violation(rule: .lineWidth, path: path, line: number + 1, message: message)
        }
}
