/// Something that is wrong with a topology document, or that its author should look at.
public struct TopologyFinding: Hashable, Sendable, Codable, CustomStringConvertible {
    /// How much it matters.
    public enum Severity: String, Sendable, Codable {
        /// The document is refused.
        case error
        /// The document is taken, but it probably does not say what was meant.
        case warning
    }

    /// How much it matters.
    public let severity: Severity
    /// Stable kind: lower case, words joined by underscores.
    public let code: String
    /// What is the matter and what would be right.
    public let message: String
    /// The file, as it was named.
    public let file: String
    /// Where in it.
    public let position: SourcePosition
    /// What to do.
    public let next: String

    /// A finding.
    public init(_ severity: Severity, _ code: String, _ message: String, file: String, position: SourcePosition) {
        (self.severity, self.code, self.message) = (severity, code, message)
        (self.file, self.position, next) = (file, position, TopologyRemedy.text(of: code))
    }

    /// `file:line:column: severity: message [code]`, as compilers print it.
    public var description: String { "\(file):\(position): \(severity.rawValue): \(message) [\(code)]" }
}
